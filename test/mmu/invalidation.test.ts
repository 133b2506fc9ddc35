/**
 * What the TLB and the paging-structure caches keep and what makes them forget: global pages,
 * PCIDs, INVLPG, INVPCID, page faults, writes to control registers (SDM 3A, "Caching Translation
 * Information").
 */
import { describe, expect, it } from "vitest";
import { FETCH, READ } from "../../src/mmu/access.ts";
import { LazyTlb } from "../../src/mmu/lazy-tlb.ts";
import { noTlb } from "../../src/mmu/no-tlb.ts";
import { SetAssociativeTlb } from "../../src/mmu/set-associative-tlb.ts";
import {
  fiveLevel,
  G,
  GP,
  LINEAR,
  type Machine,
  outcome,
  PRW,
  PRWU,
  PS,
  pf,
  TABLE,
  translate,
} from "./chain-machine.ts";
import {
  ET,
  LA57,
  LMA,
  LME,
  NXE,
  PAE,
  PCIDE,
  PE,
  PG,
  PGE,
  ROOT,
  SMAP,
  SMEP,
} from "./control-register-states.ts";

describe("Caches of the Mmu", () => {
  const HIGH = 0x21000n;

  function pagesWithPcid(leaf: bigint): Machine {
    const machine = fiveLevel(new LazyTlb(), leaf);
    expect(machine.mmu.writeCr4(PAE + LA57 + PGE + PCIDE)).toBe(0);
    expect(machine.mmu.writeCr3(BigInt(ROOT) + 1n)).toBe(0);
    return machine;
  }

  it("keep global translations over MOV to CR3, and drop them when PGE changes", () => {
    const { mmu, memory } = pagesWithPcid(0x20000n + PRWU + G);
    const machine = { mmu, memory };
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    memory.write64(TABLE.pt + 32, HIGH + PRWU + G);
    expect(mmu.writeCr3(BigInt(ROOT) + 2n)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    expect(mmu.writeCr4(PAE + LA57 + PCIDE)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x21000);
  });

  it("take G for nothing while CR4.PGE = 0", () => {
    const machine = fiveLevel(new LazyTlb(), 0x20000n + PRWU + G);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    machine.memory.write64(TABLE.pt + 32, HIGH + PRWU + G);
    expect(machine.mmu.writeCr3(BigInt(ROOT))).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x21000);
  });

  it("drop a global translation at INVLPG, whatever the PCID", () => {
    const machine = pagesWithPcid(0x20000n + PRWU + G);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    machine.memory.write64(TABLE.pt + 32, HIGH + PRWU + G);
    expect(machine.mmu.writeCr3(BigInt(ROOT) + 2n)).toBe(0);
    machine.mmu.invlpg(LINEAR + 0xfffn);
    expect(outcome(machine, LINEAR)).toBe(0x21000);
  });

  it("keep translations apart by PCID, and over MOV to CR3 with bit 63", () => {
    const machine = pagesWithPcid(0x20000n + PRWU);
    const { mmu, memory } = machine;
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    memory.write64(TABLE.pt + 32, HIGH + PRWU);
    expect(mmu.writeCr3(BigInt(ROOT) + 2n)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x21000);
    expect(mmu.writeCr3(2n ** 63n + BigInt(ROOT) + 1n)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    expect(mmu.writeCr3(BigInt(ROOT) + 1n)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x21000);
  });

  it("drop with INVLPG only the current PCID's translation", () => {
    const machine = pagesWithPcid(0x20000n + PRWU);
    const { mmu, memory } = machine;
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    memory.write64(TABLE.pt + 32, HIGH + PRWU);
    expect(mmu.writeCr3(BigInt(ROOT) + 2n)).toBe(0);
    mmu.invlpg(LINEAR);
    expect(mmu.writeCr3(2n ** 63n + BigInt(ROOT) + 1n)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
  });

  it.each([
    [0, "one address of one PCID", [0x21000, 0x20000, 0x20000]],
    [1, "one PCID", [0x21000, 0x20000, 0x20000]],
    [2, "everything", [0x21000, 0x21000, 0x21000]],
    [3, "all but globals", [0x21000, 0x21000, 0x20000]],
  ] as const)("drop with INVPCID type %i %s", (type, _what, expected) => {
    const machine = pagesWithPcid(0x20000n + PRWU);
    const { mmu, memory } = machine;
    const GLOBAL = LINEAR + 0x1000n;
    memory.write64(TABLE.pt + 40, 0x20000n + PRWU + G);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    expect(outcome(machine, GLOBAL)).toBe(0x20000);
    expect(mmu.writeCr3(BigInt(ROOT) + 2n)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    memory.write64(TABLE.pt + 32, HIGH + PRWU);
    memory.write64(TABLE.pt + 40, HIGH + PRWU + G);
    expect(mmu.invpcid(type, 1n, LINEAR)).toBe(0);
    const inPcid2 = outcome(machine, LINEAR);
    const global = outcome(machine, GLOBAL);
    expect(mmu.writeCr3(2n ** 63n + BigInt(ROOT) + 1n)).toBe(0);
    expect([outcome(machine, LINEAR), inPcid2, global]).toEqual(expected);
  });

  it("refuse INVPCID of type 4 and up, of type 0 for what is not canonical, and PCIDs over 4095", () => {
    const { mmu } = pagesWithPcid(0x20000n + PRWU);
    expect(mmu.invpcid(4, 0n, 0n)).toBe(GP);
    expect(mmu.invpcid(0, 1n, 0x0100_0000_0000_0000n)).toBe(GP);
    expect(mmu.invpcid(0, 4096n, 0n)).toBe(GP);
    expect(mmu.invpcid(1, 4096n, 0n)).toBe(GP);
    expect(mmu.invpcid(1, 1n, 0x0100_0000_0000_0000n)).toBe(0);
  });

  it("refuse INVPCID of a PCID other than 0 for types 0 and 1 while PCIDE = 0", () => {
    const { mmu } = fiveLevel(new LazyTlb());
    expect(mmu.invpcid(0, 1n, LINEAR)).toBe(GP);
    expect(mmu.invpcid(1, 1n, LINEAR)).toBe(GP);
    expect(mmu.invpcid(0, 0n, LINEAR)).toBe(0);
    expect(mmu.invpcid(1, 0n, LINEAR)).toBe(0);
  });

  it("may use an unlinked table until INVLPG of any address", () => {
    const machine = fiveLevel(new LazyTlb());
    const { mmu, memory } = machine;
    memory.write64(TABLE.pt + 40, 0x22000n + PRWU);
    memory.write64(TABLE.other + 40, 0x23000n + PRWU);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    memory.write64(TABLE.pd + 24, BigInt(TABLE.other) + PRWU);
    // A neighbour under the same PDE, not translated yet: by way of the cached PDE.
    expect(outcome(machine, LINEAR + 0x1000n)).toBe(0x22000);
    mmu.invlpg(0n);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    mmu.invlpg(LINEAR + 0x1000n);
    expect(outcome(machine, LINEAR + 0x1000n)).toBe(0x23000);
  });

  it("lose at a page fault what belongs to its address, and nothing else", () => {
    const machine = fiveLevel(new LazyTlb());
    const { memory } = machine;
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    expect(translate(machine, LINEAR + 0x20_0000n, READ)).toBe(pf());
    memory.write64(TABLE.pml4 + 8, 0n);
    memory.write64(TABLE.pd + 32, 0x20_0000n + PRWU + PS);
    // The fault dropped the upper entries too: this walk begins at the top and finds the PML4E.
    expect(translate(machine, LINEAR + 0x20_0000n, READ)).toBe(pf());
    expect(outcome(machine, LINEAR)).toBe(0x20000);
  });

  it("spare the walk of a neighbour all but its PTE", () => {
    const machine = fiveLevel(new SetAssociativeTlb());
    const { mmu, memory } = machine;
    for (let page = 0; page < 4; page++) {
      memory.write64(TABLE.pt + 32 + 8 * page, BigInt(0x20000 + 0x1000 * page) + PRWU);
    }
    // The first walk sets the A bits, the second may keep the upper entries, the third uses them.
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    expect(outcome(machine, LINEAR + 0x1000n)).toBe(0x21000);
    const read = () => mmu.statistics().entriesRead.reduce((sum, count) => sum + count, 0);
    const before = read();
    expect(outcome(machine, LINEAR + 0x2000n)).toBe(0x22000);
    expect(read()).toBe(before + 1);
    mmu.invlpg(0n);
    expect(outcome(machine, LINEAR + 0x3000n)).toBe(0x23000);
    expect(read()).toBe(before + 6);
  });

  it("ignore INVLPG of an address that is not canonical", () => {
    const machine = fiveLevel(new LazyTlb());
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    machine.memory.write64(TABLE.pt + 32, HIGH + PRWU);
    machine.mmu.invlpg(LINEAR + 2n ** 60n);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
  });

  it("drop everything when PCIDE goes from 1 to 0", () => {
    const machine = pagesWithPcid(0x20000n + PRWU + G);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    machine.memory.write64(TABLE.pt + 32, HIGH + PRWU + G);
    expect(machine.mmu.writeCr4(PAE + LA57 + PGE)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x21000);
  });

  it("drop everything when PG goes from 1 to 0", () => {
    const machine = fiveLevel(new LazyTlb(), 0x20000n + PRWU + G);
    const { mmu, memory } = machine;
    expect(mmu.writeCr4(PAE + LA57 + PGE)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    memory.write64(TABLE.pt + 32, HIGH + PRWU + G);
    expect(mmu.writeCr0(PE + ET)).toBe(0);
    expect(mmu.writeCr0(PG + PE + ET)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x21000);
  });

  it("drop the current PCID's translations when SMEP goes from 0 to 1", () => {
    const machine = fiveLevel(new LazyTlb());
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    machine.memory.write64(TABLE.pt + 32, HIGH + PRWU);
    expect(machine.mmu.writeCr4(PAE + LA57 + SMAP)).toBe(0);
    machine.mmu.ac = true;
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    expect(machine.mmu.writeCr4(PAE + LA57 + SMAP + SMEP)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x21000);
  });

  it("follow a change of NXE, which a translation was made under", () => {
    const machine = fiveLevel(noTlb(), 0x20000n + PRW + 2n ** 63n);
    expect(translate(machine, LINEAR, READ)).toBe(pf("P", "RSVD"));
    expect(machine.mmu.writeEfer(LME + LMA + NXE)).toBe(0);
    expect(outcome(machine, LINEAR)).toBe(0x20000);
    expect(translate(machine, LINEAR, FETCH)).toBe(pf("P", "ID"));
  });
});
