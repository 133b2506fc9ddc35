import { describe, expect, it } from "vitest";
import { destroyProcess } from "../../../src/kernel/process.ts";
import { readFromUser, userFetch, userRead, userWrite } from "../../../src/kernel/user/access.ts";
import { mmap, munmap } from "../../../src/kernel/user/mmap.ts";
import { done, start, world } from "./support.ts";

const AT = 0x400000n;
const SPAN: Record<number, number> = { 4: 39, 5: 48 };

describe.each([
  { levels: 4, pcid: false },
  { levels: 4, pcid: true },
  { levels: 5, pcid: true },
] as const)("Page-table isolation, %o", ({ levels, pcid }) => {
  const boot = () => world({ levels, pcid, pti: true, processors: 2 });

  it("has user entries in both tables of a pair, kernel entries in the first", () => {
    const { k, run } = boot();
    const mm = start(k);
    const other = 3n << BigInt(SPAN[levels] ?? 0);
    run("mmap", () => mmap(k, mm, other, 4096, "rwx"));
    run(
      "touch",
      done(() => expect(userWrite(k, other, 1n).signal).toBeUndefined()),
    );
    const kernelCopy = k.memory.read64(mm.physical + 24);
    const userCopy = k.memory.read64(mm.physical + 4096 + 24);
    // The kernel's copy is the user's with XD.
    expect(kernelCopy).toBe(userCopy | (1n << 63n));
    expect(userCopy & 7n).toBe(7n);
    for (let index = 256; index < 512; index++) {
      expect(k.memory.read64(mm.physical + index * 8)).toBe(
        k.memory.read64(k.initMm.physical + index * 8),
      );
      expect(k.memory.read64(mm.physical + 4096 + index * 8)).toBe(0n);
    }
    run(
      "fetch",
      done(() => expect(userFetch(k, other).signal).toBeUndefined()),
    );
    run(
      "the kernel reads it too",
      done(() => expect(readFromUser(k, other)).toBe(1n)),
    );
    run("munmap", () => munmap(k, mm, other, 4096));
    expect(k.memory.read64(mm.physical + 4096 + 24)).toBe(0n);
  });

  it("flushes what user mode has cached as well as the kernel", () => {
    for (const pages of [1, 40]) {
      const { k, run } = boot();
      const mm = start(k);
      run("mmap", () => mmap(k, mm, AT, pages * 4096, "rw-"));
      for (const id of [0, 1]) {
        k.runOn(id);
        k.processor.switchMm(mm);
        run(
          "touch",
          done(() => userWrite(k, AT, 1n)),
        );
      }
      run("munmap", () => munmap(k, mm, AT, pages * 4096));
      for (const id of [0, 1]) {
        k.runOn(id);
        run(
          "gone",
          done(() => expect(userRead(k, AT).signal).toBe("SIGSEGV/MAPERR")),
        );
      }
    }
  });

  it("gives both tables back", () => {
    const { k, run, checker } = boot();
    const free = k.frames.freeFrames;
    const mm = start(k);
    expect(free - k.frames.freeFrames).toBe(2);
    run("mmap", () => mmap(k, mm, AT, 4096, "rw-"));
    run(
      "touch",
      done(() => userWrite(k, AT, 1n)),
    );
    run(
      "exit",
      done(() => destroyProcess(k, mm)),
    );
    k.processor.switchMm(k.initMm);
    expect(k.frames.freeFrames).toBe(free);
    expect(checker.fullCheck()).toEqual([]);
  });
});
