/**
 * Cases that the usual suites leave out (they look at one access to one page at a time): CR2, A and
 * reserved bits above the PDE, 1-GByte pages, implicit accesses, global pages, PCIDs, stale
 * paging-structure caches, accesses that cross a page, and read-modify-writes.
 */
import { beforeEach, describe, expect, it } from "vitest";
import type { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { FETCH, IMPLICIT, READ, STACK, USER, WRITE } from "../../src/mmu/access.ts";
import { LazyTlb } from "../../src/mmu/lazy-tlb.ts";
import type { Mmu } from "../../src/mmu/mmu.ts";
import { noTlb } from "../../src/mmu/no-tlb.ts";
import { SetAssociativeTlb } from "../../src/mmu/set-associative-tlb.ts";
import {
  ET,
  LA57,
  LMA,
  LME,
  mmuIn,
  NXE,
  PAE,
  PCIDE,
  PE,
  PG,
  PGE,
  ROOT,
  SMAP,
  SMEP,
  WP,
} from "./control-register-states.ts";

const GP = 13 * 65536;
const SS = 12 * 65536;
const PF = 14 * 65536;
const ERROR = { P: 1, WR: 2, US: 4, RSVD: 8, ID: 16 };

/** Entry bits, low half, as the manual numbers them. */
const P = 1n;
const RW = 2n;
const US = 4n;
const A = 32n;
const D = 64n;
const PS = 128n;
const G = 256n;
const PRW = P + RW;
const PRWU = P + RW + US;

const TABLE = { pml4: 0x5000, pdpt: 0x6000, pd: 0x7000, pt: 0x8000, other: 0x9000 };

/** PML4E 1, PDPTE 2, PDE 3, PTE 4 in the lower half; with 5 levels PML5E 0. */
const LINEAR = 0x80_8060_4000n;

interface Machine {
  readonly mmu: Mmu;
  readonly memory: PhysicalMemory;
}

type Tlb = NonNullable<NonNullable<ConstructorParameters<typeof Mmu>[1]>["tlb"]>;

const TLBS: readonly (readonly [string, () => Tlb])[] = [
  ["no TLB", noTlb],
  ["set-associative TLB", () => new SetAssociativeTlb()],
  ["lazy TLB", () => new LazyTlb()],
];

/** 5-level paging with one chain of tables whose last entry maps LINEAR to 0x20000, all rights. */
function fiveLevel(tlb: Tlb, leaf = 0x20000n + PRWU): Machine {
  const machine = mmuIn("5-level paging", { maxPhyAddr: 40 }, { tlb });
  const { memory } = machine;
  memory.write64(ROOT, BigInt(TABLE.pml4) + PRWU);
  memory.write64(TABLE.pml4 + 8, BigInt(TABLE.pdpt) + PRWU);
  memory.write64(TABLE.pdpt + 16, BigInt(TABLE.pd) + PRWU);
  memory.write64(TABLE.pd + 24, BigInt(TABLE.pt) + PRWU);
  memory.write64(TABLE.pt + 32, leaf);
  return machine;
}

function translate({ mmu }: Machine, linear: bigint, access: number): number {
  const hi = Number(BigInt.asIntN(32, linear >> 32n));
  return mmu.translate(hi, Number(BigInt.asIntN(32, linear)), access);
}

/** The physical address, or the fault as a negative number. */
function outcome(machine: Machine, linear: bigint, access = READ): number {
  const fault = translate(machine, linear, access);
  return fault === 0 ? machine.mmu.physical : -fault;
}

function pf(...bits: readonly (keyof typeof ERROR)[]): number {
  return PF + bits.reduce((sum, bit) => sum + ERROR[bit], 0);
}

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
