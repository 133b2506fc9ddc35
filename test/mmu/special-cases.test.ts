/**
 * Cases that the usual suites leave out (they look at one access to one page at a time): CR2, A and
 * reserved bits above the PDE, 1-GByte pages, implicit accesses, accesses that cross a page, and
 * read-modify-writes; with every TLB.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { FETCH, IMPLICIT, READ, STACK, USER, WRITE } from "../../src/mmu/access.ts";
import {
  A,
  D,
  fiveLevel,
  GP,
  LINEAR,
  type Machine,
  outcome,
  P,
  PRW,
  PRWU,
  PS,
  pf,
  SS,
  TABLE,
  TLBS,
  translate,
  US,
} from "./chain-machine.ts";
import { ET, LA57, mmuIn, PAE, PE, PG, ROOT, SMAP, WP } from "./control-register-states.ts";

describe.each(TLBS)("Mmu with %s", (_name, makeTlb) => {
  let machine: Machine;
  beforeEach(() => {
    machine = fiveLevel(makeTlb());
  });

  it("reports the faulting linear address, not the page's, for CR2", () => {
    const { mmu } = machine;
    expect(mmu.load(LINEAR + 0x1abcn, 4)).toBe(pf());
    expect(mmu.faultLinear).toBe(LINEAR + 0x1abcn);
    expect(mmu.store(LINEAR + 0x2123n, 8, 1n, USER)).toBe(pf("WR", "US"));
    expect(mmu.faultLinear).toBe(LINEAR + 0x2123n);
    const high = 0xff00_0000_0000_0008n;
    expect(mmu.fetch(high)).toBe(pf());
    expect(mmu.faultLinear).toBe(high);
  });

  it("sets A in every entry from the PML5E to the PTE, and D in the PTE alone", () => {
    const { memory } = machine;
    const entries = () =>
      [ROOT, TABLE.pml4 + 8, TABLE.pdpt + 16, TABLE.pd + 24, TABLE.pt + 32].map((at) =>
        memory.read64(at),
      );
    const before = entries();
    expect(translate(machine, LINEAR, READ)).toBe(0);
    expect(entries()).toEqual(before.map((entry) => entry + A));
    expect(translate(machine, LINEAR, WRITE)).toBe(0);
    expect(entries()).toEqual(before.map((entry, at) => entry + A + (at === 4 ? D : 0n)));
  });

  it("sets A in no entry when the access faults further down", () => {
    const { memory } = machine;
    memory.write64(TABLE.pt + 32, 0x20000n + P);
    expect(translate(machine, LINEAR, USER | READ)).toBe(pf("P", "US"));
    expect(memory.read64(ROOT)).toBe(BigInt(TABLE.pml4) + PRWU);
    expect(memory.read64(TABLE.pd + 24)).toBe(BigInt(TABLE.pt) + PRWU);
  });

  it.each([
    ["PML5E, address bit 40", ROOT, 2n ** 40n],
    ["PML5E, PS", ROOT, PS],
    ["PML4E, address bit 51", TABLE.pml4 + 8, 2n ** 51n],
    ["PML4E, PS", TABLE.pml4 + 8, PS],
    ["PML4E, XD with NXE = 0", TABLE.pml4 + 8, 2n ** 63n],
    ["PDPTE, address bit 40", TABLE.pdpt + 16, 2n ** 40n],
    ["PDPTE of a 1-GByte page, bit 13", TABLE.pdpt + 16, PS + 2n ** 13n],
  ])("refuses reserved bits above the PDE: %s", (_name, at, bits) => {
    const { memory } = machine;
    memory.write64(at, memory.read64(at) + bits);
    expect(translate(machine, LINEAR, WRITE)).toBe(pf("P", "WR", "RSVD"));
  });

  it("translates through a 1-GByte page, and drops all of it at INVLPG anywhere within", () => {
    const { memory, mmu } = machine;
    memory.write64(TABLE.pdpt + 16, 0x4000_0000n + PRW + PS);
    const page = LINEAR - (LINEAR % 0x4000_0000n);
    expect(outcome(machine, LINEAR + 0x123n, WRITE)).toBe(0x4060_4123);
    expect(mmu.translation.pageBytes).toBe(0x4000_0000);
    expect(memory.read64(TABLE.pdpt + 16)).toBe(0x4000_0000n + PRW + PS + A + D);
    memory.write64(TABLE.pdpt + 16, 0x8000_0000n + PRW + PS + A + D);
    mmu.invlpg(page + 0x3fff_fff8n);
    expect(outcome(machine, LINEAR + 0x123n)).toBe(0x8060_4123);
  });

  it("lets EFLAGS.AC lift SMAP for explicit accesses only", () => {
    const { mmu } = machine;
    expect(mmu.writeCr4(PAE + LA57 + SMAP)).toBe(0);
    mmu.ac = true;
    expect(translate(machine, LINEAR, READ)).toBe(0);
    expect(translate(machine, LINEAR, WRITE | IMPLICIT)).toBe(pf("P", "WR"));
    mmu.ac = false;
    expect(translate(machine, LINEAR, READ)).toBe(pf("P"));
    expect(translate(machine, LINEAR, READ | USER)).toBe(0);
  });

  it("writes nothing when the second page of an access faults, whose address is CR2", () => {
    const { memory, mmu } = machine;
    memory.fill(0x20ff0, 16, 0x55);
    expect(mmu.store(LINEAR + 0xffcn, 8, 0x1122334455667788n)).toBe(pf("WR"));
    expect(mmu.faultLinear).toBe(LINEAR + 0x1000n);
    expect(memory.read64(0x20ff8)).toBe(0x5555555555555555n);
  });

  it("reports the first page when both pages of an access fault", () => {
    const { mmu } = machine;
    expect(mmu.load(LINEAR + 0x1ffdn, 4)).toBe(pf());
    expect(mmu.faultLinear).toBe(LINEAR + 0x1ffdn);
  });

  it("reads and writes across two pages that lie apart", () => {
    const { memory, mmu } = machine;
    memory.write64(TABLE.pt + 40, 0x30000n + PRWU);
    expect(mmu.store(LINEAR + 0xffdn, 8, 0x1122334455667788n)).toBe(0);
    expect(memory.read8(0x20ffd)).toBe(0x88);
    expect(memory.read16(0x20ffe)).toBe(0x6677);
    expect(memory.read32(0x30000)).toBe(0x22334455);
    expect(memory.read8(0x30004)).toBe(0x11);
    expect(mmu.load(LINEAR + 0xffdn, 8)).toBe(0);
    expect(mmu.value).toBe(0x1122334455667788n);
    expect(memory.read64(TABLE.pt + 40)).toBe(0x30000n + PRWU + A + D);
  });

  it("sets A but not D in a read-modify-write that faults on the write half", () => {
    const { memory, mmu } = machine;
    expect(mmu.writeCr0(PG + PE + ET + WP)).toBe(0);
    memory.write64(TABLE.pt + 32, 0x20000n + P + US);
    expect(mmu.load(LINEAR, 4)).toBe(0);
    expect(mmu.store(LINEAR, 4, 1n)).toBe(pf("P", "WR"));
    expect(mmu.faultLinear).toBe(LINEAR);
    expect(memory.read64(TABLE.pt + 32)).toBe(0x20000n + P + US + A);
    expect(memory.read32(0x20000)).toBe(0);
  });

  it("sets D at the first write through a translation that a read brought in", () => {
    const { memory, mmu } = machine;
    expect(mmu.load(LINEAR, 8)).toBe(0);
    expect(memory.read64(TABLE.pt + 32)).toBe(0x20000n + PRWU + A);
    expect(mmu.store(LINEAR, 8, 1n)).toBe(0);
    expect(memory.read64(TABLE.pt + 32)).toBe(0x20000n + PRWU + A + D);
  });

  it("tells watchers of a table of the A and D bits that it sets there", () => {
    const { memory } = machine;
    const written: number[] = [];
    memory.watch(TABLE.pt, (physical) => written.push(physical));
    expect(translate(machine, LINEAR, READ)).toBe(0);
    expect(written).toEqual([TABLE.pt + 32]);
    expect(translate(machine, LINEAR, WRITE)).toBe(0);
    expect(written).toEqual([TABLE.pt + 32, TABLE.pt + 32]);
    expect(translate(machine, LINEAR, WRITE)).toBe(0);
    expect(memory.read64(TABLE.pt + 32)).toBe(0x20000n + PRWU + A + D);
    expect(written.length).toBe(2);
  });

  it("counts CR0.WP, EFLAGS.AC, PKRU and the privilege at each access, without a flush", () => {
    const { memory, mmu } = machine;
    memory.write64(TABLE.pt + 32, 0x20000n + P + US);
    expect(translate(machine, LINEAR, WRITE)).toBe(0);
    expect(mmu.writeCr0(PG + PE + ET + WP)).toBe(0);
    expect(translate(machine, LINEAR, WRITE)).toBe(pf("P", "WR"));
    expect(translate(machine, LINEAR, READ)).toBe(0);
    expect(mmu.writeCr4(PAE + LA57 + SMAP + 2 ** 22)).toBe(0);
    expect(translate(machine, LINEAR, READ)).toBe(pf("P"));
    mmu.ac = true;
    expect(translate(machine, LINEAR, READ)).toBe(0);
    mmu.pkru = 1;
    expect(translate(machine, LINEAR, READ)).toBe(pf("P") + 32);
    expect(translate(machine, LINEAR, READ | USER)).toBe(pf("P", "US") + 32);
    mmu.pkru = 0;
    expect(translate(machine, LINEAR, READ | USER)).toBe(0);
  });

  it("sees raised rights after the page fault that they caused, without INVLPG", () => {
    const { memory } = machine;
    memory.write64(TABLE.pt + 32, 0x20000n + P);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    memory.write64(TABLE.pt + 32, 0x20000n + PRWU);
    // The first access may still fault; the fault drops the entry, so the second may not.
    translate(machine, LINEAR, WRITE | USER);
    expect(outcome(machine, LINEAR, WRITE | USER)).toBe(0x20000);
  });

  it("never keeps a translation through an entry that is not present", () => {
    const { memory } = machine;
    memory.write64(TABLE.pd + 24, 0n);
    expect(translate(machine, LINEAR, READ)).toBe(pf());
    memory.write64(TABLE.pd + 24, BigInt(TABLE.pt) + PRWU);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
  });

  it.each([
    ["4-level paging", 0x0000_7fff_ffff_f000n, 0x0000_8000_0000_0000n, 0xffff_8000_0000_0000n],
    ["5-level paging", 0x00ff_ffff_ffff_f000n, 0x0100_0000_0000_0000n, 0xff00_0000_0000_0000n],
  ] as const)(
    "gives #GP(0), or #SS(0) by the stack, for what is not canonical in %s",
    (state, lastLow, hole, firstHigh) => {
      const { mmu } = mmuIn(state, {}, { tlb: makeTlb() });
      const both = { mmu, memory: machine.memory };
      for (const linear of [hole, firstHigh - 1n, firstHigh - 0x1000n, 2n ** 63n]) {
        for (const kind of [READ, WRITE, FETCH]) {
          expect(translate(both, linear, kind)).toBe(GP);
          expect(translate(both, linear, kind | USER)).toBe(GP);
        }
        expect(translate(both, linear, READ | STACK)).toBe(SS);
        expect(translate(both, linear, WRITE | STACK | USER)).toBe(SS);
      }
      for (const linear of [lastLow, lastLow + 0xfffn, firstHigh, 2n ** 64n - 1n]) {
        expect(translate(both, linear, READ)).toBe(pf());
      }
    },
  );
});
