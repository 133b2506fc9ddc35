import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesSource } from "../../src/base/byte-source.ts";
import { CoreFile } from "../../src/inspect/core-file.ts";
import { countLeaves, leaves, type MappedRange, mappedRanges } from "../../src/inspect/mappings.ts";
import { type PagingChoice, pagingContext } from "../../src/inspect/paging-context.ts";
import { qemuTlbLine } from "../../src/inspect/qemu-tlb.ts";
import { rangeLine } from "../../src/inspect/range-text.ts";
import { TableReader } from "../../src/inspect/table-reader.ts";
import { type SuspicionKind, tableStats } from "../../src/inspect/table-stats.ts";
import { buildCore, Frames } from "./core-builder.ts";

const P = 1n;
const RW = 2n;
const US = 4n;
const PS = 0x80n;
const G = 0x100n;
const XD = 1n << 63n;
/** PE, WP, PG; and PSE, PAE, PGE. */
const CR0 = 0x80010001n;
const PAE_PGE_PSE = 0xb0n;

interface Setting {
  readonly cr4?: bigint;
  readonly machine?: number;
  readonly choice?: PagingChoice;
}

function readerOf(frames: Frames, { cr4 = PAE_PGE_PSE, machine = 62, choice }: Setting = {}) {
  const cpus = [{ cr0: CR0, cr3: 0x1000n, cr4 }];
  const bytes = buildCore({ cpus, machine, loads: frames.loads });
  const core = new CoreFile({ ...bytesSource(bytes, "core"), close: () => {} });
  const { mode, registers } = pagingContext(core, choice);
  return new TableReader(core, mode, registers);
}

function rangeLines(reader: TableReader): string[] {
  const mapped = [...mappedRanges(reader)].filter(({ attributes }) => attributes !== 0);
  return mapped.map((range) => rangeLine(range, reader.mode).replace(/ +/g, " "));
}

const tlbLines = (reader: TableReader) =>
  [...leaves(reader)].map((leaf) => qemuTlbLine(leaf, reader.mode));

describe("Mappings, 4-level", () => {
  const frames = new Frames()
    .set(0x1000, 0, 0x2000n | P | RW | US)
    .set(0x1000, 511, 0x5000n | P | RW)
    .set(0x2000, 0, 0x3000n | P | RW | US)
    .set(0x2000, 1, 0x4000_0000n | P | RW | US | PS | XD)
    .set(0x3000, 0, 0x4000n | P | US)
    .set(0x4000, 5, 0xa000n | P | RW | US)
    .set(0x4000, 6, 0xc000n | P | RW | US)
    .set(0x4000, 7, 0xd000n | P | RW)
    .set(0x5000, 511, 0x6000n | P | RW)
    .set(0x6000, 511, 0x20_0000n | 0x1000n | P | RW | PS | G | XD | (5n << 59n));

  it("merges neighbours of the same rights, which are those of the whole walk", () => {
    expect(rangeLines(readerOf(frames))).toEqual([
      "0x0000000000005000-0x0000000000007000 8K 4K USR ro x pte",
      "0x0000000000007000-0x0000000000008000 4K 4K ro x pte",
      "0x0000000040000000-0x0000000080000000 1G 1G USR RW PSE NX pud",
      "0xffffffffffe00000-0x0000000000000000 2M 2M RW PSE PAT GLB NX pmd key 5",
    ]);
  });

  it("lists leaves with their own bits, whatever the levels above deny", () => {
    expect(tlbLines(readerOf(frames))).toEqual([
      "0000000000005000: 000000000000a000 -------UW",
      "0000000000006000: 000000000000c000 -------UW",
      "0000000000007000: 000000000000d000 --------W",
      "0000000040000000: 0000000040000000 X-P----UW",
      "ffffffffffe00000: 0000000000200000 XGP-----W",
    ]);
  });

  it("does not merge across the middle of the canonical space", () => {
    const whole = new Frames().fill(0x1000, () => 0x2000n | P | RW).fill(0x2000, () => P | RW | PS);
    expect(rangeLines(readerOf(whole))).toEqual([
      "0x0000000000000000-0x0000800000000000 128T 1G RW PSE x pud",
      "0xffff800000000000-0x0000000000000000 128T 1G RW PSE x pud",
    ]);
  });

  it("tells what is behind a table that is not in the dump", () => {
    const cut = new Frames()
      .set(0x1000, 0, 0x2000n | P | RW)
      .set(0x1000, 1, 0x70000n | P | RW)
      .set(0x2000, 0, P | RW | PS);
    const reader = readerOf(cut);
    expect(rangeLines(reader)).toEqual([
      "0x0000000000000000-0x0000000040000000 1G 1G RW PSE x pud",
      "0x0000008000000000-0x0000010000000000 512G table of puds not in the dump",
    ]);
    expect(countLeaves(reader)).toEqual({
      byLevel: [0, 0, 0, 1, 0],
      missingTables: 1,
      reserved: 0,
    });
  });

  it("marks what reserved bits make unusable, by MAXPHYADDR", () => {
    const high = new Frames()
      .set(0x1000, 0, 0x2000n | P | RW)
      .set(0x2000, 0, (1n << 45n) | P | RW | PS)
      .set(0x2000, 1, P | RW | PS);
    expect(rangeLines(readerOf(high))).toHaveLength(1);
    expect(rangeLines(readerOf(high, { choice: { maxPhyAddr: 45 } }))).toEqual([
      "0x0000000000000000-0x0000000040000000 1G 1G RW PSE x pud RESERVED BITS",
      "0x0000000040000000-0x0000000080000000 1G 1G RW PSE x pud",
    ]);
  });

  it("follows a table that maps itself, and ends", () => {
    const recursive = new Frames().set(0x1000, 0x1ed, 0x1000n | P | RW);
    const reader = readerOf(recursive);
    expect(tlbLines(reader)).toEqual(["fffff6fb7dbed000: 0000000000001000 --------W"]);
    expect(rangeLines(reader)).toEqual(["0xfffff6fb7dbed000-0xfffff6fb7dbee000 4K 4K RW x pte"]);
  });
});

describe("Mappings, 5-level", () => {
  const fiveLevel = { cr4: PAE_PGE_PSE | 0x1000n };

  it("extends bit 56 to a canonical address", () => {
    const frames = new Frames()
      .set(0x1000, 256, 0x2000n | P | RW)
      .set(0x2000, 0, 0x3000n | P | RW)
      .set(0x3000, 0, P | RW | PS);
    expect(tlbLines(readerOf(frames, fiveLevel))).toEqual([
      "ff00000000000000: 0000000000000000 --P-----W",
    ]);
  });

  it("answers at once for a table whose entries all lead back to it: 2^45 leaves", () => {
    const reader = readerOf(
      new Frames().fill(0x1000, () => 0x1000n | P | RW),
      fiveLevel,
    );
    expect(countLeaves(reader).byLevel).toEqual([0, 2 ** 45, 0, 0, 0, 0]);
    expect(rangeLines(reader)).toEqual([
      "0x0000000000000000-0x0100000000000000 64P 4K RW x pte",
      "0xff00000000000000-0x0000000000000000 64P 4K RW x pte",
    ]);
    expect(reader.tablesRead).toBeLessThan(20);
  });

  it("merges what differs only in a right that a level above denies", () => {
    const frames = new Frames()
      .fill(0x1000, () => 0x2000n | P)
      .fill(0x2000, (index) => 0x2000n | P | (index % 2 ? RW : 0n));
    expect(rangeLines(readerOf(frames, fiveLevel))).toHaveLength(2);
  });
});

describe("Mappings, PAE", () => {
  const pae = { machine: 3 };
  const frames = new Frames()
    .set(0x1000, 3, 0x2000n | P)
    .set(0x2000, 0, 0x3000n | P | RW | US)
    .set(0x2000, 511, 0xfe0_0000n | P | RW | PS | G | XD)
    .set(0x3000, 1, 0x1_2345_6000n | P | US | XD);

  it("takes the upper gigabyte from PDPTE 3, which carries no rights", () => {
    expect(rangeLines(readerOf(frames, pae))).toEqual([
      "0x00000000c0001000-0x00000000c0002000 4K 4K USR ro NX pte",
      "0x00000000ffe00000-0x0000000100000000 2M 2M RW PSE GLB NX pmd",
    ]);
  });

  it("prints bit 63 in the physical address, as QEMU does", () => {
    expect(tlbLines(readerOf(frames, pae))).toEqual([
      "00000000c0001000: 8000000123456000 X------U-",
      "00000000ffe00000: 800000000fe00000 XGP-----W",
    ]);
  });
});

describe("Mappings, 32-bit", () => {
  const frames = new Frames()
    .set32(0x1000, 0, 0x2007)
    .set32(0x1000, 768, 0x0040_00e3)
    .set32(0x2000, 1023, 0xabcd_e005);

  it("has 4-byte entries and, with CR4.PSE, 4-MByte pages", () => {
    const reader = readerOf(frames, { machine: 3, cr4: 0x10n });
    expect(rangeLines(reader)).toEqual([
      "0x00000000003ff000-0x0000000000400000 4K 4K USR ro x pte",
      "0x00000000c0000000-0x00000000c0400000 4M 4M RW PSE x pmd",
    ]);
    expect(tlbLines(reader)).toEqual([
      "00000000003ff000: 00000000abcde000 -------U-",
      "00000000c0000000: 0000000000400000 --PDA---W",
    ]);
  });

  it("takes PS for nothing without CR4.PSE", () => {
    const reader = readerOf(frames, { machine: 3, cr4: 0n });
    expect(countLeaves(reader)).toMatchObject({ byLevel: [0, 1, 0], missingTables: 1 });
  });
});

/** Tables of a guest of ours under QEMU 7.2, and what its monitor printed for them. */
describe("Leaves as QEMU 7.2 printed them", () => {
  it("in 32-bit paging, with 4-MByte pages and a directory that maps itself", () => {
    const frames = new Frames()
      .set32(0x1000, 0, 0xa3)
      .set32(0x1000, 1, 0x2007)
      .set32(0x1000, 2, 0x40_01e7)
      .set32(0x1000, 3, 0x80_7187)
      .set32(0x1000, 4, 0xc0_009f)
      .set32(0x1000, 768, 0xe3)
      .set32(0x1000, 1023, 0x1003)
      .set32(0x2000, 512, 0x11e7)
      .set32(0x2000, 513, 0x2085)
      .set32(0x2000, 514, 0x301f)
      .set32(0x2000, 515, 0xffff_f063);
    expect(tlbLines(readerOf(frames, { machine: 3, cr4: 0x90n }))).toEqual([
      "0000000000000000: 0000000000000000 --P-A---W",
      "0000000000600000: 0000000000001000 -G-DA--UW",
      "0000000000601000: 0000000000002000 -------U-",
      "0000000000602000: 0000000000003000 -----CTUW",
      "0000000000603000: 00000000fffff000 ---DA---W",
      "0000000000800000: 0000000000400000 -GPDA--UW",
      "0000000000c00000: 0000000000800000 -GP----UW",
      "0000000001000000: 0000000000c00000 --P--CTUW",
      "00000000c0000000: 0000000000000000 --PDA---W",
      "00000000ffc00000: 0000000000000000 ----A---W",
      "00000000ffc01000: 0000000000002000 -------UW",
      "00000000ffc02000: 0000000000400000 -G-DA--UW",
      "00000000ffc03000: 0000000000807000 -G-----UW",
      "00000000ffc04000: 0000000000c00000 -----CTUW",
      "00000000fff00000: 0000000000000000 ---DA---W",
      "00000000fffff000: 0000000000001000 --------W",
    ]);
  });

  it("in PAE paging, where QEMU has set bit 5 in the PDPTEs' memory", () => {
    const frames = new Frames()
      .set(0x1000, 0, 0x2021n)
      .set(0x1000, 3, 0x3001n)
      .set(0x2000, 0, 0xa3n)
      .set(0x2000, 1, XD | 0x4007n)
      .set(0x2000, 2, XD | 0x1_0060_10e7n)
      .set(0x3000, 510, 0x2003n)
      .set(0x3000, 511, XD | 0x20_01e3n)
      .set(0x4000, 100, XD | 0x11e7n)
      .set(0x4000, 101, 0x2085n)
      .set(0x4000, 102, XD | 0x12_0000_301fn);
    const reader = readerOf(frames, { machine: 3, cr4: 0xa0n });
    expect(tlbLines(reader)).toEqual([
      "0000000000000000: 0000000000000000 --P-A---W",
      "0000000000264000: 8000000000001000 XG-DA--UW",
      "0000000000265000: 0000000000002000 -------U-",
      "0000000000266000: 8000001200003000 X----CTUW",
      "0000000000400000: 8000000100600000 X-PDA--UW",
      "00000000ffc00000: 0000000000000000 ----A---W",
      "00000000ffc01000: 8000000000004000 X------UW",
      "00000000ffc02000: 8000000100601000 X--DA--UW",
      "00000000ffe00000: 8000000000200000 XGPDA---W",
    ]);
    expect(countLeaves(reader).reserved).toBe(0);
  });
});

describe("Ranges and leaves", () => {
  it("agree on random tables that share and reference each other", () => {
    const seed = 7_031;
    const numRuns = 200;
    console.log(`ranges and leaves: seed ${seed}, ${numRuns} cases`);
    const entry = fc.tuple(
      fc.nat(3),
      fc.constantFrom(0, 1, 255, 256, 257, 510, 511),
      fc.nat(3),
      fc.constantFrom(P, P | RW, P | US, P | RW | US, P | PS, P | RW | XD, P | G | RW, 0n),
    );
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), fc.boolean(), (entries, five) => {
        const frames = new Frames();
        for (let i = 0; i < 4; i++) frames.set(0x1000 + i * 0x1000, 0, 0n);
        for (const [table, index, target, bits] of entries) {
          frames.set(0x1000 + table * 0x1000, index, BigInt(0x1000 + target * 0x1000) | bits);
        }
        const setting = five ? { cr4: PAE_PGE_PSE | 0x1000n } : {};
        const reader = readerOf(frames, setting);
        const total = countLeaves(reader).byLevel.reduce((sum, count) => sum + count, 0);
        if (total > 20_000) return;
        const all = [...leaves(reader)];
        expect(all).toHaveLength(total);
        const mapped = [...mappedRanges(reader)].filter(({ attributes }) => attributes !== 0);
        expect(mapped).toEqual(mergedOf(all, reader));
      }),
      { seed, numRuns },
    );
  });
});

/** Merges leaf by leaf. */
function mergedOf(all: readonly ReturnType<typeof leafOf>[], reader: TableReader): MappedRange[] {
  const bits = reader.mode.linearBits;
  const merged: { startFrame: number; endFrame: number; attributes: number }[] = [];
  for (const { linear, level, attributes } of all) {
    const startFrame = Number(BigInt.asUintN(bits, linear) >> 12n);
    const endFrame = startFrame + 512 ** (level - 1);
    const last = merged.at(-1);
    const joins = last?.endFrame === startFrame && last.attributes === attributes;
    if (last && joins && startFrame !== 2 ** (bits - 13)) last.endFrame = endFrame;
    else merged.push({ startFrame, endFrame, attributes });
  }
  return merged;
}

function leafOf(reader: TableReader) {
  return leaves(reader).next().value as { linear: bigint; level: number; attributes: number };
}

describe("Statistics of tables", () => {
  it("count tables, entries and leaves by level, and how full tables are", () => {
    const frames = new Frames()
      .set(0x1000, 0, 0x2000n | P | RW)
      .set(0x2000, 0, 0x3000n | P | RW)
      .set(0x2000, 1, P | RW | PS | 0x60n)
      .set(0x3000, 0, 0x4000n | P | RW)
      .set(0x3000, 1, 0x5000n | P | RW)
      .set(0x4000, 0, 0n)
      .fill(0x5000, (index) => (BigInt(index) << 12n) | P | 0x20n);
    const { levels, tableFrames, suspicions } = tableStats(readerOf(frames));
    expect(tableFrames).toBe(5);
    const row = ({
      name,
      tables,
      presentEntries,
      leaves: pages,
      accessed,
      dirty,
      fill,
    }: (typeof levels)[number]) => [
      name,
      tables,
      presentEntries,
      pages,
      accessed,
      dirty,
      fill.join(" "),
    ];
    expect(levels.map(row)).toEqual([
      ["PTE", 2, 512, 512, 512, 0, "1 0 0 0 0 0 1"],
      ["PDE", 1, 2, 0, 0, 0, "0 1 0 0 0 0 0"],
      ["PDPTE", 1, 2, 1, 1, 1, "0 1 0 0 0 0 0"],
      ["PML4E", 1, 1, 0, 0, 0, "0 1 0 0 0 0 0"],
    ]);
    expect(Object.values(suspicions).map(({ count }) => count)).toEqual([0, 0, 0, 0, 0]);
  });

  it("find reserved bits", () => {
    const frames = new Frames().set(0x1000, 4, 0x2000n | P | PS).set(0x2000, 0, 0n);
    expect(tableStats(readerOf(frames)).suspicions["reserved-bits"]).toEqual({
      count: 1,
      first: [
        {
          kind: "reserved-bits",
          linear: 0x200_0000_0000n,
          level: 4,
          entryAddress: 0x1020,
          entry: 0x2081n,
          target: 0x2000,
        },
      ],
    });
  });

  it("find tables that are missing, shared, referenced by themselves, or used at two levels", () => {
    const frames = new Frames()
      .set(0x1000, 0, 0x2000n | P)
      .set(0x1000, 1, 0x2000n | P)
      .set(0x1000, 2, 0x9000n | P)
      .set(0x2000, 0, 0x3000n | P)
      .set(0x3000, 0, 0x2000n | P)
      .set(0x3000, 1, 0x3000n | P);
    const { suspicions } = tableStats(readerOf(frames));
    const seen = (kind: SuspicionKind) =>
      suspicions[kind].first.map(({ level, entryAddress, target }) => [
        level,
        entryAddress,
        target,
      ]);
    expect({
      missing: seen("missing-table"),
      shared: seen("shared-table"),
      self: seen("self-reference"),
      two: seen("two-levels"),
    }).toEqual({
      missing: [[4, 0x1010, 0x9000]],
      shared: [[4, 0x1008, 0x2000]],
      self: [[2, 0x3008, 0x3000]],
      two: [[2, 0x3000, 0x2000]],
    });
  });
});
