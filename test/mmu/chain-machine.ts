/** A processor under 5-level paging with one chain of tables, for tests of single accesses. */

import type { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { READ } from "../../src/mmu/access.ts";
import { LazyTlb } from "../../src/mmu/lazy-tlb.ts";
import type { Mmu } from "../../src/mmu/mmu.ts";
import { noTlb } from "../../src/mmu/no-tlb.ts";
import { SetAssociativeTlb } from "../../src/mmu/set-associative-tlb.ts";
import { mmuIn, ROOT } from "./control-register-states.ts";

export const GP = 13 * 65536;
export const SS = 12 * 65536;
const PF = 14 * 65536;
const ERROR = { P: 1, WR: 2, US: 4, RSVD: 8, ID: 16 };

/** Entry bits, low half, as the manual numbers them. */
export const P = 1n;
export const RW = 2n;
export const US = 4n;
export const A = 32n;
export const D = 64n;
export const PS = 128n;
export const G = 256n;
export const PRW = P + RW;
export const PRWU = P + RW + US;

export const TABLE = { pml4: 0x5000, pdpt: 0x6000, pd: 0x7000, pt: 0x8000, other: 0x9000 };

/** PML4E 1, PDPTE 2, PDE 3, PTE 4 in the lower half; with 5 levels PML5E 0. */
export const LINEAR = 0x80_8060_4000n;

export interface Machine {
  readonly mmu: Mmu;
  readonly memory: PhysicalMemory;
}

export type Tlb = NonNullable<NonNullable<ConstructorParameters<typeof Mmu>[1]>["tlb"]>;

export const TLBS: readonly (readonly [string, () => Tlb])[] = [
  ["no TLB", noTlb],
  ["set-associative TLB", () => new SetAssociativeTlb()],
  ["lazy TLB", () => new LazyTlb()],
];

/** 5-level paging with one chain of tables whose last entry maps LINEAR to 0x20000, all rights. */
export function fiveLevel(tlb: Tlb, leaf = 0x20000n + PRWU): Machine {
  const machine = mmuIn("5-level paging", { maxPhyAddr: 40 }, { tlb });
  const { memory } = machine;
  memory.write64(ROOT, BigInt(TABLE.pml4) + PRWU);
  memory.write64(TABLE.pml4 + 8, BigInt(TABLE.pdpt) + PRWU);
  memory.write64(TABLE.pdpt + 16, BigInt(TABLE.pd) + PRWU);
  memory.write64(TABLE.pd + 24, BigInt(TABLE.pt) + PRWU);
  memory.write64(TABLE.pt + 32, leaf);
  return machine;
}

export function translate({ mmu }: Machine, linear: bigint, access: number): number {
  const hi = Number(BigInt.asIntN(32, linear >> 32n));
  return mmu.translate(hi, Number(BigInt.asIntN(32, linear)), access);
}

/** The physical address, or the fault as a negative number. */
export function outcome(machine: Machine, linear: bigint, access = READ): number {
  const fault = translate(machine, linear, access);
  return fault === 0 ? machine.mmu.physical : -fault;
}

export function pf(...bits: readonly (keyof typeof ERROR)[]): number {
  return PF + bits.reduce((sum, bit) => sum + ERROR[bit], 0);
}
