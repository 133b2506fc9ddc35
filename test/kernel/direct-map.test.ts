import { describe, expect, it } from "vitest";
import { GIB, KIB, MIB } from "../../src/base/units.ts";
import { type BootOptions, bootKernel } from "../../src/kernel/boot.ts";
import { entryOf, initMemoryMapping, splitMemRange } from "../../src/kernel/direct-map.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";

const boot = (options: BootOptions = {}) =>
  bootKernel({ levels: 4, linearBytes: 448 * MIB, ...options });

/** init_mm's direct-map entry at a level, as a 64-bit word. */
function word(k: Kernel, physical: number, level: number): bigint {
  const found = entryOf(k, k.layout.directPage(physical), level);
  return found ? k.tables.word(found.table, found.index) : 0n;
}

describe("Splitting a range for the direct map", () => {
  const pieces = (k: Kernel, start: number, end: number) =>
    splitMemRange(k, start, end).map((p) => [p.start, p.end, p.largestLevel]);
  const at = 512 * GIB;

  it("cuts head and tail by 4K, then by 2M, around a middle of 1G", () => {
    const k = boot();
    const start = at + MIB;
    const end = at + 3 * GIB + 5 * MIB + 4 * KIB;
    expect(pieces(k, start, end)).toEqual([
      [at + MIB, at + 2 * MIB, 1],
      [at + 2 * MIB, at + GIB, 2],
      [at + GIB, at + 3 * GIB, 3],
      [at + 3 * GIB, at + 3 * GIB + 4 * MIB, 2],
      [at + 3 * GIB + 4 * MIB, end, 1],
    ]);
  });

  it("merges neighbours of one size", () => {
    const k = boot();
    expect(pieces(k, at + 128 * MIB, at + 256 * MIB)).toEqual([
      [at + 128 * MIB, at + 256 * MIB, 2],
    ]);
    expect(pieces(k, at + 4 * KIB, at + 12 * KIB)).toEqual([[at + 4 * KIB, at + 12 * KIB, 1]]);
  });

  it("maps a whole GiB by 2M without 1-GByte pages", () => {
    const k = boot({ gbPages: false });
    expect(pieces(k, at, at + GIB)).toEqual([[at, at + GIB, 2]]);
  });

  it("does not promote hot-added memory to larger pages", () => {
    const k = boot();
    k.memory.plug(at, GIB);
    expect(pieces(k, at, at + 256 * MIB)).toEqual([[at, at + 256 * MIB, 2]]);
  });
});

describe("The direct map", () => {
  it("has the entries that a running Linux shows", () => {
    const k = boot();
    const at = 512 * GIB;
    k.memory.plug(at, 2 * GIB);
    expect(initMemoryMapping(k, at, at + GIB + 2 * MIB + 4 * KIB)).toBe(0);
    expect(word(k, at, 3)).toBe(0x80000080000001e3n);
    expect(word(k, at + GIB, 2)).toBe(0x80000080400001e3n);
    expect(word(k, at + GIB + 2 * MIB, 1)).toBe(0x8000008040200163n);
    expect(word(k, at + GIB + 2 * MIB + 4 * KIB, 1)).toBe(0n);
    expect(word(k, at + GIB, 3) & 0xfffn).toBe(0x067n);
    expect(word(k, at, 4) & 0xfffn).toBe(0x067n);
  });

  it("counts its pages by size as /proc/meminfo does", () => {
    const k = boot();
    expect(k.directMapPages).toEqual({ 1: 0, 2: 128, 3: 0 });
    k.memory.plug(512 * GIB, 2 * GIB);
    initMemoryMapping(k, 512 * GIB, 513 * GIB + 2 * MIB + 4 * KIB);
    expect(k.directMapPages).toEqual({ 1: 1, 2: 129, 3: 1 });
  });

  it("keeps a leaf of acceptable size, and replaces one that is too big by a table", () => {
    const k = boot();
    const at = 512 * GIB;
    k.memory.plug(at, GIB);
    initMemoryMapping(k, at, at + GIB);
    initMemoryMapping(k, at, at + GIB);
    expect(k.directMapPages[3]).toBe(1);
    initMemoryMapping(k, at, at + 2 * MIB);
    expect(word(k, at, 3) & 0xfffn).toBe(0x067n);
    expect(word(k, at, 2)).toBe(0x80000080000001e3n);
    expect(word(k, at + 2 * MIB, 2)).toBe(0n);
    expect(k.directMapPages).toEqual({ 1: 0, 2: 129, 3: 0 });
  });

  it("is read by the hardware walk as the kernel's arithmetic wrote it", () => {
    for (const levels of [4, 5] as const) {
      const k = boot({ levels });
      k.memory.write64(0x1234560, 0x1122334455667788n);
      expect(k.processor.readKernel(k.layout.directAddress(0x1234560))).toBe(0x1122334455667788n);
    }
  });
});
