import { describe, expect, it } from "vitest";
import {
  effectiveMemoryType,
  isLawfulPat,
  MEMORY_TYPE,
  memoryTypeName,
  mtrrType,
  patType,
  RESET_PAT,
} from "../../src/mmu/memory-type.ts";

/** SDM 3A, "Effective Page-Level Memory Types ...", line by line: MTRR, PAT, effective. */
const MANUAL = `
UC UC UC    UC UC- UC   UC WC WC    UC WT UC    UC WB UC    UC WP UC
WC UC UC    WC UC- WC   WC WC WC    WC WT UC    WC WB WC    WC WP UC
WT UC UC    WT UC- UC   WT WC WC    WT WT WT    WT WB WT    WT WP WP
WB UC UC    WB UC- UC   WB WC WC    WB WT WT    WB WB WB    WB WP WP
WP UC UC    WP UC- WC   WP WC WC    WP WT WT    WP WB WP    WP WP WP`;

const CODES: Readonly<Record<string, number>> = { UC: 0, WC: 1, WT: 4, WP: 5, WB: 6, "UC-": 7 };
const words = MANUAL.trim().split(/\s+/);
const cases = Array.from({ length: words.length / 3 }, (_, i) => words.slice(3 * i, 3 * i + 3));

describe("Effective memory type", () => {
  it("has all combinations of the manual's table", () => {
    expect(cases).toHaveLength(30);
  });

  it.each(cases)("MTRR %s with PAT %s is %s", (mtrr, pat, effective) => {
    const type = effectiveMemoryType(CODES[mtrr as string] ?? -1, CODES[pat as string] ?? -1);
    expect(memoryTypeName(type)).toBe(effective);
  });
});

describe("IA32_PAT", () => {
  it("selects WB WT UC- UC WB WT UC- UC after reset", () => {
    const names = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => memoryTypeName(patType(RESET_PAT, i)));
    expect(names).toEqual(["WB", "WT", "UC-", "UC", "WB", "WT", "UC-", "UC"]);
  });

  it("refuses the reserved types 2, 3 and 8..255", () => {
    expect(isLawfulPat(RESET_PAT)).toBe(true);
    for (const byte of [2n, 3n, 8n, 0x86n, 0xffn]) {
      expect(isLawfulPat((RESET_PAT & ~0xff00n) | (byte << 8n))).toBe(false);
    }
    expect(memoryTypeName(2)).toBe("reserved (2)");
  });
});

describe("MTRRs", () => {
  const enabled = 1 << 11;
  const range = (base: bigint, bytes: bigint, type: number) => ({
    base: base | BigInt(type),
    mask: (((1n << 40n) - 1n) & ~(bytes - 1n)) | (1n << 11n),
  });

  it("give UC while disabled", () => {
    expect(mtrrType({ defaultType: MEMORY_TYPE.WB, variable: [] }, 0)).toBe(MEMORY_TYPE.UC);
  });

  it("give the default type outside all ranges", () => {
    const mtrrs = { defaultType: enabled | MEMORY_TYPE.WB, variable: [] };
    expect(mtrrType(mtrrs, 0x1234_5678_9000)).toBe(MEMORY_TYPE.WB);
  });

  it("let UC win, and WT over WB, where variable ranges overlap", () => {
    const mtrrs = {
      defaultType: enabled | MEMORY_TYPE.UC,
      variable: [
        range(0n, 0x1_0000_0000n, MEMORY_TYPE.WB),
        range(0x4000_0000n, 0x4000_0000n, MEMORY_TYPE.WT),
        range(0x7000_0000n, 0x1000_0000n, MEMORY_TYPE.UC),
        { base: 0x2000_0000n, mask: 0xff_f000_0000n },
      ],
    };
    expect(mtrrType(mtrrs, 0x2000_0000)).toBe(MEMORY_TYPE.WB);
    expect(mtrrType(mtrrs, 0x4000_0000)).toBe(MEMORY_TYPE.WT);
    expect(mtrrType(mtrrs, 0x7fff_ffff)).toBe(MEMORY_TYPE.UC);
    expect(mtrrType(mtrrs, 0x8000_0000)).toBe(MEMORY_TYPE.WB);
    expect(mtrrType(mtrrs, 0x1_0000_0000)).toBe(MEMORY_TYPE.UC);
  });

  it("give the first MByte to the fixed ranges, where they are enabled", () => {
    const fixed = new Uint8Array(88);
    fixed[7] = 6;
    fixed[8] = 1;
    fixed[23] = 4;
    fixed[24] = 5;
    fixed[87] = 6;
    const on = { defaultType: enabled | (1 << 10) | MEMORY_TYPE.WT, fixed, variable: [] };
    const types = [0x70000, 0x7ffff, 0x80000, 0xbffff, 0xc0000, 0xfffff].map((at) =>
      mtrrType(on, at),
    );
    expect(types).toEqual([6, 6, 1, 4, 5, 6]);
    expect(mtrrType(on, 0x100000)).toBe(MEMORY_TYPE.WT);
    expect(mtrrType({ ...on, defaultType: enabled | MEMORY_TYPE.WT }, 0x70000)).toBe(4);
  });
});
