import { describe, expect, it } from "vitest";
import type { BootOptions } from "../../../src/kernel/boot.ts";
import { flushTlbKernelRange } from "../../../src/kernel/flush.ts";
import type { Kernel, Mm } from "../../../src/kernel/kernel.ts";
import { destroyProcess } from "../../../src/kernel/process.ts";
import type { KernelRecord, UserFlush } from "../../../src/kernel/record.ts";
import { kernelNamed } from "../../../src/kernel/records.ts";
import { userRead, userWrite } from "../../../src/kernel/user/access.ts";
import { fork } from "../../../src/kernel/user/fork.ts";
import { mmap, mprotect, munmap } from "../../../src/kernel/user/mmap.ts";
import { start, world } from "./support.ts";

const AT = 0x400000n;
const RIGHT = kernelNamed("right");

/** A process on processor 0 with `pages` written pages, and the other processors running it too. */
function shared(options: BootOptions & { pages?: number } = {}) {
  const { k, checker } = world({ processors: 3, ...options });
  const mm = start(k);
  const pages = options.pages ?? 1;
  mmap(k, mm, AT, pages * 4096, "rw-");
  for (const id of [0, 1, 2]) {
    k.runOn(id);
    k.processor.switchMm(mm);
    for (let i = 0; i < pages; i++) userWrite(k, AT + BigInt(i) * 4096n, 1n);
  }
  k.runOn(0);
  k.counts.tlbFlushes = 0;
  k.counts.ipis = 0;
  return { k, checker, mm };
}

const invalidations = (k: Kernel) => k.processors.map(({ mmu }) => mmu.statistics().invalidations);

describe("A flush of an address space", () => {
  it("interrupts the processors that have it loaded, and no others", () => {
    const { k, mm } = shared();
    k.processors[2]?.switchMm(k.initMm);
    munmap(k, mm, AT, 4096);
    expect(k.counts).toMatchObject({ tlbFlushes: 1, ipis: 1, ipisSpared: 0 });
    expect([...mm.cpus]).toEqual([0, 1]);
  });

  it("drops page by page up to 33 pages, and everything above", () => {
    for (const pages of [33, 34]) {
      const { k, mm } = shared({ pages });
      const before = invalidations(k)[1];
      mprotect(k, mm, AT, pages * 4096, "r--");
      const after = invalidations(k)[1];
      const grown = (what: string) => (after?.get(what) ?? 0) - (before?.get(what) ?? 0);
      expect([grown("INVLPG"), grown("MOV to CR3")]).toEqual(pages === 33 ? [33, 0] : [0, 1]);
    }
  });

  it("is made up for, with PCIDs, when a processor loads the space again", () => {
    const { k, mm, checker } = shared({ pcid: true });
    const other = k.processors[1];
    other?.switchMm(k.initMm);
    k.operation("munmap", () => munmap(k, mm, AT, 4096));
    expect(checker.findings).toEqual([]);
    k.runOn(1);
    k.processor.switchMm(mm);
    expect(userRead(k, AT).signal).toBe("SIGSEGV/MAPERR");
  });

  it("keeps translations of spaces that were not flushed, with PCIDs, over switches", () => {
    for (const pcid of [false, true]) {
      const { k, mm } = shared({ pcid, processors: 3 });
      k.processor.switchMm(k.initMm);
      k.processor.switchMm(mm);
      const before = k.processor.mmu.statistics().tlbMisses;
      userRead(k, AT);
      expect(k.processor.mmu.statistics().tlbMisses - before).toBe(pcid ? 0 : 1);
    }
  });

  it("of the kernel reaches every processor, above 33 pages in one", () => {
    const { k } = shared();
    k.counts.tlbFlushes = 0;
    flushTlbKernelRange(k, k.layout.vmallocPage, k.layout.vmallocPage + 33);
    flushTlbKernelRange(k, k.layout.vmallocPage, k.layout.vmallocPage + 34);
    expect(k.counts).toMatchObject({ tlbFlushes: 2, ipis: 4 });
  });
});

describe("Lazy TLB mode", () => {
  const lazy = (lazyTlb: KernelRecord["lazyTlb"]) => {
    const it = shared({ kernel: { ...RIGHT, lazyTlb }, pages: 2 });
    const thread = it.k.processors[1];
    thread?.runKernelThread();
    return { ...it, thread };
  };
  const loaded = (mm: Mm | undefined) => mm?.name;

  it("leaves the tables at any flush, by the older rule", () => {
    const { k, mm, thread } = lazy("leaves-on-flush");
    mprotect(k, mm, AT, 4096, "r--");
    expect([loaded(thread?.mm), k.counts.ipis]).toEqual(["init_mm", 2]);
  });

  it("is spared a flush that frees no table, and leaves before one is freed, by the newer", () => {
    const { k, mm, thread, checker } = lazy("leaves-when-tables-freed");
    mprotect(k, mm, AT, 4096, "r--");
    expect([loaded(thread?.mm), k.counts.ipis, k.counts.ipisSpared]).toEqual([mm.name, 1, 1]);
    k.operation("munmap", () => munmap(k, mm, AT, 8192));
    expect([loaded(thread?.mm), k.counts.ipis, k.counts.ipisSpared]).toEqual(["init_mm", 3, 1]);
    expect(checker.findings).toEqual([]);
  });

  it("flushes what it missed when the same process comes back", () => {
    const { k, mm } = lazy("leaves-when-tables-freed");
    mprotect(k, mm, AT, 4096, "r--");
    k.runOn(1);
    k.processor.switchMm(mm);
    expect(userWrite(k, AT, 2n).signal).toBe("SIGSEGV/ACCERR");
  });

  it("keeps the way to freed tables when flushes skip it (94b1b03b519b), and the checker says so", () => {
    const { k, mm, thread, checker } = lazy("skipped");
    k.operation("exit", () => {
      destroyProcess(k, mm);
      return 0;
    });
    expect(loaded(thread?.mm)).toBe(mm.name);
    expect(checker.findings[0]).toMatchObject({ rule: "stale-translation", operation: "exit" });
    const kept = checker.findings.filter(({ rule }) => rule === "stale-translation");
    expect(kept.some(({ message }) => /keeps the way to the table/.test(message))).toBe(true);
  });

  it("keeps a dead process's top table until the last borrower switches", () => {
    const { k, mm, checker } = lazy("leaves-when-tables-freed");
    k.operation("exit", () => {
      destroyProcess(k, mm);
      return 0;
    });
    expect([k.pgdList.length, mm.references]).toEqual([1, 3]);
    for (const processor of k.processors) processor.switchMm(k.initMm);
    expect(k.pgdList).toEqual([]);
    expect(checker.fullCheck()).toEqual([]);
  });
});

describe("A kernel that forgets a flush", () => {
  const without = (flush: UserFlush) =>
    shared({ kernel: { ...RIGHT, userFlushes: { ...RIGHT.userFlushes, [flush]: false } } });

  it("after unmapping: pages and tables are free before it", () => {
    const { k, mm, checker } = without("unmap");
    k.operation("munmap", () => munmap(k, mm, AT, 4096));
    expect(new Set(checker.findings.map(({ rule }) => rule))).toEqual(
      new Set(["stale-translation", "table-free-before-flush", "frame-free-before-flush"]),
    );
    expect(userRead(k, AT)).toMatchObject({ signal: undefined, faults: [] });
  });

  it("after taking rights away: a processor still writes", () => {
    const { k, mm } = without("protect");
    mprotect(k, mm, AT, 4096, "r--");
    expect(userWrite(k, AT, 66n).signal).toBeUndefined();
  });

  it("after fork: the child sees what the parent writes", () => {
    const { k, mm } = without("fork");
    const child = fork(k, mm);
    userWrite(k, AT, 77n);
    k.processor.switchMm(child as Mm);
    expect(userRead(k, AT).value).toBe(77n);
  });

  it("after a copy: another processor still reads the old page", () => {
    const { k, mm } = without("copy");
    fork(k, mm);
    k.runOn(1);
    expect(userRead(k, AT).value).toBe(1n);
    k.runOn(0);
    userWrite(k, AT, 88n);
    k.runOn(1);
    expect(userRead(k, AT).value).toBe(1n);
  });
});
