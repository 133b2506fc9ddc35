import { describe, expect, it } from "vitest";
import { MIB } from "../../../src/base/units.ts";
import type { Mm } from "../../../src/kernel/kernel.ts";
import { destroyProcess } from "../../../src/kernel/process.ts";
import type { Depth } from "../../../src/kernel/record.ts";
import { userRead, userWrite } from "../../../src/kernel/user/access.ts";
import { fork } from "../../../src/kernel/user/fork.ts";
import { mmap, munmap } from "../../../src/kernel/user/mmap.ts";
import { done, listing, start, tableCounts, world } from "./support.ts";

const AT = 0x400000n;
const HUGE = 0x40000000n;

describe.each([4, 5] as const)("The Nth allocation fails, %i levels", (levels: Depth) => {
  it("in a first touch: the process is killed, its tables stay for its range to free", () => {
    const { k, run, checker } = world({ levels });
    const mm = start(k);
    // As many tables as there are levels below the top, and the page.
    for (let nth = 1; nth <= levels; nth++) {
      run("mmap", () => mmap(k, mm, AT, 4096, "rw-"));
      const free = k.frames.freeFrames;
      k.frames.failNth(nth);
      run(
        "touch",
        done(() => expect(userWrite(k, AT, 1n).signal).toBe("SIGKILL")),
      );
      expect(listing(k, mm)).toEqual([]);
      expect(tableCounts(k, mm).reduce((sum, count) => sum + count)).toBe(nth - 1);
      expect(free - k.frames.freeFrames).toBe(nth - 1);
      run("munmap", () => munmap(k, mm, AT, 4096));
      expect([mm.tableBytes, free - k.frames.freeFrames]).toEqual([0, 0]);
    }
    run("mmap", () => mmap(k, mm, AT, 4096, "rw-"));
    k.frames.failNth(levels + 1);
    run(
      "touch",
      done(() => expect(userWrite(k, AT, 1n).signal).toBeUndefined()),
    );
    expect(checker.fullCheck()).toEqual([]);
  });

  it("in a touch of a large range: small pages take its place", () => {
    const { k, run, checker } = world({ levels });
    const mm = start(k);
    run(
      "warm",
      done(() => {
        mmap(k, mm, HUGE, 4 * MIB, "rw-", { huge: true });
        userWrite(k, HUGE + 0x200000n, 1n);
      }),
    );
    // The block, then the table that is set aside.
    for (const nth of [1, 2]) {
      const free = k.frames.freeFrames;
      k.frames.failNth(nth);
      run(
        "touch",
        done(() => expect(userWrite(k, HUGE, 1n).signal).toBeUndefined()),
      );
      expect(listing(k, mm)).toEqual(["40000000 4K rw-", "40200000 2M rw-"]);
      expect(free - k.frames.freeFrames).toBe(2);
      run(
        "again",
        done(() => {
          munmap(k, mm, HUGE, 2 * MIB);
          mmap(k, mm, HUGE, 2 * MIB, "rw-", { huge: true });
        }),
      );
    }
    expect(checker.fullCheck()).toEqual([]);
  });

  it("in fork: no child, and the parent goes on as if nothing had been", () => {
    const { k, run, checker } = world({ levels });
    const parent = start(k);
    run(
      "touch",
      done(() => {
        mmap(k, parent, AT, 2 * 4096, "rw-");
        mmap(k, parent, HUGE, 2 * MIB, "rw-", { huge: true });
        userWrite(k, AT, 1n);
        userWrite(k, HUGE, 2n);
      }),
    );
    const free = k.frames.freeFrames;
    let child: Mm | undefined;
    let nth = 0;
    while (child === undefined) {
      nth += 1;
      k.frames.failNth(nth);
      run(
        "fork",
        done(() => {
          child = fork(k, parent);
        }),
      );
      if (child) break;
      expect(free - k.frames.freeFrames).toBe(0);
      expect(k.pgdList).toEqual([parent]);
      run(
        "go on",
        done(() => {
          expect(userWrite(k, AT, 1n).faults.every((fault) => fault === "reuse")).toBe(true);
          expect(userRead(k, HUGE).value).toBe(2n);
        }),
      );
    }
    // The top table; PUD (P4D), PMD and PTE tables for the page; a PMD table and one set aside.
    expect(nth).toBe(1 + (levels - 1) + 2 + 1);
    run(
      "exit",
      done(() => [destroyProcess(k, child as Mm), destroyProcess(k, parent)]),
    );
    run(
      "switch",
      done(() => k.processor.switchMm(k.initMm)),
    );
    expect(checker.fullCheck()).toEqual([]);
  });
});
