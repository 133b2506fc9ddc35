import { describe, expect, it } from "vitest";
import { GIB, MIB } from "../../src/base/units.ts";
import { EINVAL } from "../../src/kernel/bug.ts";
import { entryOf } from "../../src/kernel/direct-map.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { createProcess } from "../../src/kernel/process.ts";
import type { Depth, KernelRecord } from "../../src/kernel/record.ts";
import { kernelNamed } from "../../src/kernel/records.ts";
import { kernelRead, kernelWrite } from "../../src/kernel/user/access.ts";
import { purgeVmapAreas, vfree, vmalloc, vmapPhysical } from "../../src/kernel/vmalloc.ts";
import { RIGHT as MMU_RIGHT } from "../../src/mmu/rights.ts";
import { done, start, world } from "./user/support.ts";

const RIGHT = kernelNamed("right");

/** Leaves of vmalloc space: `0+1` is one 4 KiB page at its start, `512+512` a large one behind. */
function leaves(k: Kernel): string[] {
  const { vmallocPage, vmallocPages } = k.layout;
  const lines: string[] = [];
  const visit = (table: number, level: number, page: number) => {
    for (let index = 0; index < 512; index++) {
      const span = 512 ** (level - 1);
      const at = page + index * span;
      if (at + span <= vmallocPage || at >= vmallocPage + vmallocPages) continue;
      const word = k.memory.read64(table + index * 8);
      if (word === 0n) continue;
      if (level === 1 || word & 0x80n) lines.push(`${at - vmallocPage}+${span}`);
      else visit(Number(word & 0xffffffffff000n), level - 1, at);
    }
  };
  visit(k.initMm.physical, k.levels, 0);
  return lines;
}

/** Tables directly below the top that vmalloc space has from the start. */
function topTables(k: Kernel): number {
  const { vmallocPage, vmallocPages, levels } = k.layout;
  const span = 512 ** (levels - 1);
  let count = 0;
  for (let index = vmallocPage / span; index < (vmallocPage + vmallocPages) / span; index++) {
    if (k.tables.isPresent(k.initMm.physical, index)) count += 1;
  }
  return count;
}

describe.each([4, 5] as const)("vmalloc, %i levels", (levels: Depth) => {
  const first = levels === 4 ? 0xffffc90000000000n : 0xffa0000000000000n;

  it("has the tables below its top entries from boot: 64 PUD pages, or 50 P4D pages", () => {
    const { k } = world({ levels });
    expect(topTables(k)).toBe(levels === 4 ? 64 : 50);
    expect(topTables(world({ levels, kernel: "v4.17" }).k)).toBe(0);
  });

  it("maps scattered frames side by side, a free page behind each area", () => {
    const { k, run } = world({ levels });
    const other = start(k);
    let address: bigint | undefined;
    run(
      "a",
      done(() => {
        address = vmalloc(k, 3 * 4096);
      }),
    );
    expect(address).toBe(first);
    run(
      "b",
      done(() => expect(vmalloc(k, 1)).toBe(first + 0x4000n)),
    );
    expect(leaves(k)).toEqual(["0+1", "1+1", "2+1", "4+1"]);
    run(
      "use",
      done(() => {
        kernelWrite(k, first + 0x1ffcn, 0x1122334455667788n);
        expect(kernelRead(k, first + 0x1ffcn)).toBe(0x1122334455667788n);
      }),
    );
    expect(k.processor.mm).toBe(other);
    expect(
      k.operation(
        "guard",
        done(() => kernelRead(k, first + 0x3000n)),
      ).bug?.kind,
    ).toBe("oops");
  });

  it("clears leaves at once, keeps tables, and flushes and frees at the purge", () => {
    const { k, run, checker } = world({ levels, processors: 2 });
    run(
      "first",
      done(() => vmalloc(k, 4096)),
    );
    run(
      "warm",
      done(() => vfree(k, first)),
    );
    run(
      "purge",
      done(() => purgeVmapAreas(k)),
    );
    const free = k.frames.freeFrames;
    run(
      "a",
      done(() => expect(vmalloc(k, 8 * 4096)).toBe(first)),
    );
    run(
      "b",
      done(() => expect(vmalloc(k, 8 * 4096)).toBe(first + 9n * 4096n)),
    );
    run(
      "touch",
      done(() => kernelWrite(k, first, 1n)),
    );
    run(
      "free",
      done(() => [vfree(k, first), vfree(k, first + 9n * 4096n)]),
    );
    expect(leaves(k)).toEqual([]);
    expect(k.frames.freeFrames).toBe(free - 16);
    run(
      "elsewhere",
      done(() => expect(vmalloc(k, 4096)).toBe(first + 18n * 4096n)),
    );
    k.counts.tlbFlushes = 0;
    run(
      "purge",
      done(() => purgeVmapAreas(k)),
    );
    expect(k.counts.tlbFlushes).toBe(1);
    expect(k.frames.freeFrames).toBe(free - 1);
    run(
      "again",
      done(() => expect(vmalloc(k, 4096)).toBe(first)),
    );
    expect(checker.fullCheck()).toEqual([]);
  });

  it("purges by itself when more than 32 MiB wait", () => {
    const { k, run } = world({ levels });
    run(
      "a",
      done(() => vmalloc(k, 20 * MIB)),
    );
    run(
      "free a",
      done(() => vfree(k, first)),
    );
    expect(k.vmap.lazyPages).toBe(5120);
    run(
      "b",
      done(() => vfree(k, vmalloc(k, 12 * MIB) ?? 0n)),
    );
    expect(k.vmap.lazyPages).toBe(8192);
    run(
      "c",
      done(() => vfree(k, vmalloc(k, 4096) ?? 0n)),
    );
    expect(k.vmap.lazyPages).toBe(0);
  });

  it("undoes everything, whichever allocation fails", () => {
    for (let nth = 1; ; nth++) {
      const { k, run, checker } = world({ levels });
      const free = k.frames.freeFrames;
      k.frames.failNth(nth);
      let address: bigint | undefined;
      run(
        "vmalloc",
        done(() => {
          address = vmalloc(k, 4 * 4096);
        }),
      );
      if (address !== undefined) {
        // Four frames, a PTE and a PMD table, with 5 levels a PUD table.
        expect(nth).toBe(4 + levels - 2 + 1);
        break;
      }
      run(
        "purge",
        done(() => purgeVmapAreas(k)),
      );
      expect(leaves(k)).toEqual([]);
      const path = [3, 2, 1].filter((level) => entryOf(k, k.layout.vmallocPage, level)).length;
      expect(free - k.frames.freeFrames).toBe(path - (levels === 4 ? 1 : 0));
      expect(checker.fullCheck()).toEqual([]);
    }
  });

  it("refuses to free what no area begins with", () => {
    const { k, run } = world({ levels });
    run(
      "a",
      done(() => vmalloc(k, 8192)),
    );
    expect(run("middle", () => vfree(k, first + 0x1000n)).errno).toBe(EINVAL);
    expect(run("beside", () => vfree(k, first + 1n)).errno).toBe(EINVAL);
    expect(run("a", () => vfree(k, first)).errno).toBe(0);
    expect(run("twice", () => vfree(k, first)).errno).toBe(EINVAL);
  });
});

/** What a walk ahead of its time leaves, which faults nowhere: the way to the first PTE table. */
function walkSpeculatively(k: Kernel): void {
  const { mmu } = k.processor;
  const { upper } = mmu.tlb;
  const found = entryOf(k, k.layout.vmallocPage, 2);
  if (typeof upper === "string" || found === undefined) throw new Error("no way to be kept");
  const address = k.layout.addressOf(k.layout.vmallocPage);
  const table = k.tables.target(found.table, found.index);
  upper.insert(mmu.registers.pcid, 2, 21, address, table, MMU_RIGHT.WRITE);
}

describe("A large page over an empty table", () => {
  /** Maps and frees small pages, then a large one there, all on a process's tables with a warm TLB. */
  const story = (kernel: KernelRecord, level: 2 | 3, pcid = false) => {
    const { k, checker } = world({ levels: 4, kernel, pcid, processors: 2 });
    const other = start(k);
    k.operation(
      "small",
      done(() => {
        const address = vmalloc(k, 4096) ?? 0n;
        kernelWrite(k, address, 1n);
        if (pcid) {
          // Leaves the way to the tables in the other PCID.
          k.processor.switchMm(k.initMm);
          kernelRead(k, address + 8n);
          k.processor.mmu.tlb.dropAll(true);
          kernelRead(k, address);
          k.processor.switchMm(other);
        }
        vfree(k, address);
        purgeVmapAreas(k);
      }),
    );
    walkSpeculatively(k);
    const seen = checker.findings.length;
    let address: bigint | undefined;
    k.operation(
      "large",
      done(() => {
        address = level === 2 ? vmalloc(k, 2 * MIB, true) : vmapPhysical(k, 0, GIB);
      }),
    );
    return { k, address, findings: checker.findings.slice(seen), checker };
  };
  const rule = (hugeVmapOverTable: KernelRecord["hugeVmapOverTable"]): KernelRecord => ({
    ...RIGHT,
    hugeVmapOverTable,
  });

  it.each([2, 3] as const)("frees the tables after a flush, level %i", (level) => {
    const { k, address, findings, checker } = story(RIGHT, level);
    expect(address).toBe(0xffffc90000000000n);
    expect(leaves(k)).toEqual([`0+${512 ** (level - 1)}`]);
    expect(findings).toEqual([]);
    expect(checker.fullCheck()).toEqual([]);
    expect(kernelRead(k, address ?? 0n)).toBeTypeOf("bigint");
  });

  it("leaks the table in kernels up to v4.15", () => {
    const { checker, findings } = story(rule("leaks"), 2);
    const all = [...findings, ...checker.fullCheck()];
    expect(all.map((finding) => finding.rule)).toEqual(["leaked-table"]);
  });

  it("frees it too early in v4.16, and a processor keeps the way to it", () => {
    const { findings } = story(rule("frees"), 2);
    expect(new Set(findings.map((finding) => finding.rule))).toEqual(
      new Set(["stale-translation", "table-free-before-flush"]),
    );
  });

  it("is right with one INVLPG without PCIDs, not with them", () => {
    expect(story(rule("flushes-page"), 2).findings).toEqual([]);
    const { findings } = story(rule("flushes-page"), 2, true);
    expect(findings.map((finding) => finding.rule)).toEqual(["stale-translation"]);
    expect(story(RIGHT, 2, true).findings).toEqual([]);
  });
});

describe("vmalloc's new top entries", () => {
  const record = (change: Partial<KernelRecord>): KernelRecord => ({
    ...RIGHT,
    preallocatesVmalloc: false,
    ...change,
  });

  it("reach processes through faults, up to v5.7", () => {
    const { k, checker } = world({ kernel: record({ vmallocTops: "filled-on-fault" }) });
    start(k);
    k.operation(
      "vmalloc",
      done(() => kernelWrite(k, vmalloc(k, 4096) ?? 0n, 5n)),
    );
    expect(k.bug).toBeUndefined();
    expect(k.counts.topEntriesPublished).toBe(1);
    expect(checker.findings).toEqual([]);
  });

  it("reach all processes at once when they are published", () => {
    const { k, checker } = world({ kernel: record({ vmallocTops: "published" }) });
    for (let i = 0; i < 3; i++) createProcess(k);
    k.operation(
      "vmalloc",
      done(() => vmalloc(k, 4096)),
    );
    expect(k.counts.topEntriesPublished).toBe(3);
    expect(checker.findings).toEqual([]);
  });
});

describe("vfree() as Linux does it", () => {
  it("frees the frames before the flush, and the checker says so", () => {
    const { k, checker } = world({ kernel: "v6.17" });
    k.operation(
      "vmalloc",
      done(() => kernelWrite(k, vmalloc(k, 4096) ?? 0n, 1n)),
    );
    k.operation(
      "vfree",
      done(() => vfree(k, 0xffffc90000000000n)),
    );
    expect(checker.findings[0]).toMatchObject({ operation: "vfree" });
    expect(checker.findings.map((finding) => finding.rule)).toContain("frame-free-before-flush");
  });
});
