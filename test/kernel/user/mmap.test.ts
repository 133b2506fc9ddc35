import { describe, expect, it } from "vitest";
import { MIB } from "../../../src/base/units.ts";
import { EEXIST, EFAULT, EINVAL, ENOMEM } from "../../../src/kernel/bug.ts";
import { destroyProcess } from "../../../src/kernel/process.ts";
import type { Depth } from "../../../src/kernel/record.ts";
import {
  readFromUser,
  userFetch,
  userRead,
  userWrite,
  writeToUser,
} from "../../../src/kernel/user/access.ts";
import { fork } from "../../../src/kernel/user/fork.ts";
import { getUnmappedArea, mmap, mprotect, munmap } from "../../../src/kernel/user/mmap.ts";
import { done, listing, start, tableCounts, world } from "./support.ts";

const AT = 0x400000n;
const PAGE = 0x1000n;

describe.each([4, 5] as const)("Process memory, %i levels", (levels: Depth) => {
  it("allocates nothing before it is touched, then what is touched", () => {
    const { k, run } = world({ levels });
    const mm = start(k);
    const free = k.frames.freeFrames;
    run("mmap", () => mmap(k, mm, AT, 4 * 4096, "rw-"));
    expect(k.frames.freeFrames).toBe(free);
    run(
      "read",
      done(() =>
        expect(userRead(k, AT)).toEqual({ signal: undefined, value: 0n, faults: ["demand-zero"] }),
      ),
    );
    expect(listing(k, mm)).toEqual(["400000 4K r-- zero"]);
    expect(mm.rssPages).toBe(0);
    run(
      "write",
      done(() => expect(userWrite(k, AT + PAGE, 7n).faults).toEqual(["demand-zero"])),
    );
    run(
      "write to zero",
      done(() => expect(userWrite(k, AT, 5n).faults).toEqual(["copy-on-write"])),
    );
    expect(listing(k, mm)).toEqual(["400000 4K rw-", "401000 4K rw-"]);
    expect(userRead(k, AT)).toEqual({ signal: undefined, value: 5n, faults: [] });
    expect(userRead(k, AT + PAGE).value).toBe(7n);
    // A page table, a PMD and a PUD table, with 5 levels a P4D table, and the two pages.
    expect(free - k.frames.freeFrames).toBe(levels - 1 + 2);
    expect(mm).toMatchObject({ rssPages: 2, tableBytes: (levels - 1) * 4096 });
  });

  it("kills who goes where nothing is mapped, or against the rights of the range", () => {
    const { k, run } = world({ levels });
    const mm = start(k);
    run("mmap", () => mmap(k, mm, AT, 4096, "r--"));
    run("mmap none", () => mmap(k, mm, AT + 2n * PAGE, 4096, "---"));
    run(
      "accesses",
      done(() => {
        expect(userRead(k, AT + PAGE).signal).toBe("SIGSEGV/MAPERR");
        expect(userWrite(k, AT, 1n).signal).toBe("SIGSEGV/ACCERR");
        expect(userFetch(k, AT).signal).toBe("SIGSEGV/ACCERR");
        expect(userRead(k, AT + 2n * PAGE).signal).toBe("SIGSEGV/ACCERR");
        expect(userRead(k, k.layout.directAddress(0)).signal).toBe("SIGSEGV/ACCERR");
        expect(userRead(k, 0x8000n << 48n).signal).toBe("SIGSEGV/MAPERR");
        expect(readFromUser(k, AT)).toBe(0n);
        expect(readFromUser(k, AT + PAGE)).toBe(EFAULT);
        expect(writeToUser(k, AT, 1n)).toBe(EFAULT);
      }),
    );
    expect(listing(k, mm)).toEqual(["400000 4K r-- zero"]);
  });

  it("does an access over two pages with a fault for each", () => {
    const { k, run } = world({ levels });
    const mm = start(k);
    run("mmap", () => mmap(k, mm, AT, 8192, "rw-"));
    run(
      "write",
      done(() => {
        expect(userWrite(k, AT + 4092n, 0x1122334455667788n).faults).toEqual([
          "demand-zero",
          "demand-zero",
        ]);
        expect(userRead(k, AT + PAGE, 4).value).toBe(0x11223344n);
      }),
    );
  });

  it("shares pages after fork until one of both writes", () => {
    const { k, run } = world({ levels });
    const parent = start(k);
    run("mmap", () => mmap(k, parent, AT, 3 * 4096, "rw-"));
    run(
      "touch",
      done(() => [userWrite(k, AT, 1n), userWrite(k, AT + PAGE, 2n)]),
    );
    run(
      "read",
      done(() => userRead(k, AT + 2n * PAGE)),
    );
    let child = parent;
    run(
      "fork",
      done(() => {
        child = fork(k, parent) ?? parent;
      }),
    );
    const shared = ["400000 4K r--", "401000 4K r--", "402000 4K r-- zero"];
    expect(listing(k, parent)).toEqual(shared);
    expect(listing(k, child)).toEqual(shared);
    expect([parent.rssPages, child.rssPages]).toEqual([2, 2]);
    run(
      "parent writes",
      done(() => expect(userWrite(k, AT, 10n).faults).toEqual(["copy-on-write"])),
    );
    k.processor.switchMm(child);
    run(
      "child reads",
      done(() => expect(userRead(k, AT).value).toBe(1n)),
    );
    run(
      "child writes",
      done(() => expect(userWrite(k, AT, 11n).faults).toEqual(["reuse"])),
    );
    expect(listing(k, child)[0]).toBe("400000 4K rw-");
    expect(listing(k, child).slice(1)).toEqual(shared.slice(1));
    k.processor.switchMm(parent);
    run(
      "parent reads",
      done(() => expect(userRead(k, AT).value).toBe(10n)),
    );
    run(
      "exit of the child",
      done(() => destroyProcess(k, child)),
    );
    run(
      "last user",
      done(() => expect(userWrite(k, AT + PAGE, 3n).faults).toEqual(["reuse"])),
    );
  });

  it("maps 2 MiB at once, and splits it when a part changes", () => {
    const { k, run } = world({ levels });
    const mm = start(k);
    run("mmap", () => mmap(k, mm, AT, 4 * MIB, "rw-", { huge: true }));
    run(
      "touch",
      done(() => expect(userWrite(k, AT + 5n * PAGE, 5n).faults).toEqual(["demand-zero"])),
    );
    expect(listing(k, mm)).toEqual(["400000 2M rw-"]);
    // The PMD and PUD tables, with 5 levels a P4D table, and one set aside.
    expect(mm).toMatchObject({ rssPages: 512, tableBytes: (levels - 1) * 4096 });
    run("mprotect a part", () => mprotect(k, mm, AT + 5n * PAGE, 4096, "r--"));
    const lines = listing(k, mm);
    expect(lines).toHaveLength(512);
    expect(lines.slice(4, 7)).toEqual(["404000 4K rw-", "405000 4K r--", "406000 4K rw-"]);
    run(
      "denied",
      done(() => {
        expect(userWrite(k, AT + 5n * PAGE, 6n).signal).toBe("SIGSEGV/ACCERR");
        expect(userRead(k, AT + 5n * PAGE).value).toBe(5n);
      }),
    );
    run("munmap", () => munmap(k, mm, AT, 4 * MIB));
    expect(mm).toMatchObject({ rssPages: 0, tableBytes: 0, vmas: [] });
  });

  it("shares large pages after fork, and splits them at the first write", () => {
    const { k, run } = world({ levels });
    const parent = start(k);
    run("mmap", () => mmap(k, parent, AT, 2 * MIB, "rw-", { huge: true }));
    run(
      "touch",
      done(() => userWrite(k, AT, 1n)),
    );
    let child = parent;
    run(
      "fork",
      done(() => {
        child = fork(k, parent) ?? parent;
      }),
    );
    expect(listing(k, child)).toEqual(["400000 2M r--"]);
    run(
      "parent writes",
      done(() => expect(userWrite(k, AT, 2n).faults).toEqual(["copy-on-write"])),
    );
    expect(listing(k, parent).slice(0, 2)).toEqual(["400000 4K rw-", "401000 4K r--"]);
    expect(listing(k, child)).toEqual(["400000 2M r--"]);
    k.processor.switchMm(child);
    run(
      "child reads",
      done(() => expect(userRead(k, AT).value).toBe(1n)),
    );
    run(
      "parent exits",
      done(() => destroyProcess(k, parent)),
    );
    run(
      "child writes",
      done(() => expect(userWrite(k, AT, 3n).faults).toEqual(["reuse"])),
    );
    expect(listing(k, child)).toEqual(["400000 2M rw-"]);
  });

  it("frees a page table only when no other range needs it", () => {
    const { k, run } = world({ levels });
    const mm = start(k);
    const GIB = 1n << 30n;
    const upper = Array.from({ length: levels - 3 }, () => 1);
    run("mmap a", () => mmap(k, mm, AT, 4096, "rw-"));
    run("mmap b", () => mmap(k, mm, AT + 8n * PAGE, 4096, "rw-"));
    run("mmap c", () => mmap(k, mm, AT + GIB, 4096, "rw-"));
    run(
      "touch",
      done(() => {
        for (const at of [AT, AT + 8n * PAGE, AT + GIB]) userWrite(k, at, 1n);
      }),
    );
    expect(tableCounts(k, mm)).toEqual([2, 2, ...upper]);
    run("munmap a", () => munmap(k, mm, AT, 4096));
    expect(tableCounts(k, mm)).toEqual([2, 2, ...upper]);
    run("munmap c", () => munmap(k, mm, AT + GIB, 4096));
    expect(tableCounts(k, mm)).toEqual([1, 1, ...upper]);
    run("munmap b", () => munmap(k, mm, AT + 8n * PAGE, 4096));
    expect(tableCounts(k, mm)).toEqual([0, 0, ...upper.map(() => 0)]);
  });

  it("keeps pages through PROT_NONE and back", () => {
    const { k, run } = world({ levels });
    const mm = start(k);
    run("mmap", () => mmap(k, mm, AT, 8192, "rw-"));
    run(
      "touch",
      done(() => userWrite(k, AT, 9n)),
    );
    run("take all rights", () => mprotect(k, mm, AT, 4096, "---"));
    expect(listing(k, mm)).toEqual(["400000 4K none"]);
    run(
      "denied",
      done(() => expect(userRead(k, AT).signal).toBe("SIGSEGV/ACCERR")),
    );
    run("give them back", () => mprotect(k, mm, AT, 4096, "rw-"));
    run(
      "as before",
      done(() => expect(userRead(k, AT).value).toBe(9n)),
    );
    expect(mm.vmas).toEqual([{ from: 0x400, to: 0x402, flags: 3 }]);
  });

  it("gives every frame back at exit", () => {
    const { k, run, checker } = world({ levels });
    const free = k.frames.freeFrames;
    const mm = start(k);
    run("mmap", () => mmap(k, mm, AT, 8 * MIB, "rw-", { huge: true }));
    run("mmap", () => mmap(k, mm, 0x7fff00000000n, 64 * 4096, "rw-"));
    run(
      "touch",
      done(() => {
        for (const at of [AT, AT + 0x200000n, 0x7fff00000000n, 0x7fff0003f000n])
          userWrite(k, at, 1n);
      }),
    );
    run(
      "exit",
      done(() => destroyProcess(k, mm)),
    );
    expect(mm.references).toBe(1);
    run(
      "switch",
      done(() => k.processor.switchMm(k.initMm)),
    );
    expect(k.frames.freeFrames).toBe(free);
    expect(checker.fullCheck()).toEqual([]);
  });

  it("refuses what is no range of user space", () => {
    const { k, run } = world({ levels });
    const mm = start(k);
    const end = levels === 4 ? 0x7ffffffff000n : 0xfffffffffff000n;
    const tries: [bigint, number, number][] = [
      [AT + 1n, 4096, EINVAL],
      [-4096n, 4096, EINVAL],
      [AT, 0, EINVAL],
      [end, 4096, ENOMEM],
      [end - PAGE, 4096, 0],
      [end - PAGE, 4096, EEXIST],
    ];
    for (const [address, bytes, errno] of tries) {
      expect(run("mmap", () => mmap(k, mm, address, bytes, "rw-")).errno).toBe(errno);
    }
    expect(run("mprotect", () => mprotect(k, mm, AT, 4096, "r--")).errno).toBe(ENOMEM);
    expect(run("munmap", () => munmap(k, mm, AT, 4096)).errno).toBe(0);
    expect(mm.vmas).toHaveLength(1);
    // Below 128 TiB less a page; with 4 levels the page before that is mapped.
    expect(getUnmappedArea(k, mm, 8192)).toBe(levels === 4 ? 0x7fffffffc000n : 0x7fffffffd000n);
  });
});
