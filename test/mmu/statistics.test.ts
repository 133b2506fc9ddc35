/** What an Mmu counts, over accesses few enough to count by hand. */
import { describe, expect, it } from "vitest";
import { READ, USER, WRITE } from "../../src/mmu/access.ts";
import { LazyTlb } from "../../src/mmu/lazy-tlb.ts";
import { noTlb } from "../../src/mmu/no-tlb.ts";
import { SetAssociativeTlb } from "../../src/mmu/set-associative-tlb.ts";
import { fiveLevel, LINEAR, PRW, PRWU, PS, TABLE, type Tlb, translate } from "./chain-machine.ts";

/** A page of 4 KiB at LINEAR, one of 2 MiB behind it, and nothing in the next GiB. */
const LARGE = LINEAR + 0x20_0000n;
const ABSENT = LINEAR + 0x4000_0000n;

function statisticsAfterAccesses(tlb: Tlb) {
  const machine = fiveLevel(tlb, 0x20000n + PRWU);
  machine.memory.write64(TABLE.pd + 32, PRW + PS);
  expect(translate(machine, LINEAR, READ)).toBe(0); // 5 entries
  expect(translate(machine, LINEAR, READ)).toBe(0);
  expect(translate(machine, LINEAR, WRITE)).toBe(0); // D is clear
  expect(translate(machine, LARGE, READ)).toBe(0); // ends at the PDE
  expect(translate(machine, ABSENT, READ)).not.toBe(0); // ends at the PDPTE
  expect(translate(machine, LARGE, READ | USER)).not.toBe(0); // a protection violation
  expect(machine.mmu.load(1n << 60n, 1)).not.toBe(0); // not canonical
  machine.mmu.invlpg(LINEAR);
  const { faults, invalidations, ...counts } = machine.mmu.statistics();
  expect(faults).toEqual({
    nonCanonical: 1,
    notPresent: 1,
    reserved: 0,
    protection: 1,
    protectionKey: 0,
  });
  expect(Object.fromEntries(invalidations)).toMatchObject({ INVLPG: 1 });
  const { tlbHits, tlbMissesBySize } = counts;
  return {
    ...counts,
    tlbHits: Object.fromEntries(tlbHits),
    tlbMissesBySize: Object.fromEntries(tlbMissesBySize),
  };
}

describe("Statistics", () => {
  it("count every access as a walk from the top without a TLB", () => {
    expect(statisticsAfterAccesses(noTlb())).toEqual({
      walks: 6,
      entriesRead: [0, 3, 5, 6, 6, 6],
      upperHits: [0, 0, 0, 0, 0, 0],
      upperMisses: 6,
      upperMissesByLevel: [0, 0, 6, 6, 6, 6],
      tlbHits: {},
      tlbMisses: 6,
      tlbMissesBySize: { 4096: 3, 2097152: 1 },
    });
  });

  // The TLB answers the second read, and lacks three pages: two that are mapped and the absent one.
  // The write meets an entry whose D bit is clear and walks again, which is no miss.
  it.each([
    ["set-associative", () => new SetAssociativeTlb(), 1],
    ["lazy", () => new LazyTlb(), 2],
  ] as const)("count hits by page size and level with the %s TLB", (name, makeTlb, hits) => {
    const counts = statisticsAfterAccesses(makeTlb());
    // Only the lazy model denies by what it has cached; the other walks again.
    expect(counts.walks).toBe(name === "lazy" ? 4 : 5);
    expect(counts.tlbMisses).toBe(3);
    expect(counts.tlbMissesBySize).toEqual({ 4096: 1, 2097152: 1 });
    expect(Object.values(counts.tlbHits).reduce((sum, count) => sum + count, 0)).toBe(hits);
    expect(counts.tlbHits[4096]).toBe(1);
    const fromCaches = counts.upperHits.reduce((sum, count) => sum + count, 0);
    expect(fromCaches + counts.upperMisses).toBe(counts.walks);
    expect(counts.upperMissesByLevel[5]).toBe(counts.upperMisses);
    expect(counts.upperMissesByLevel[2]).toBe(counts.walks - (counts.upperHits[2] ?? 0));
  });
});
