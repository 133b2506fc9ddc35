/** Processors brought into a paging mode as software does it, for tests. Test-side numbers only. */
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { type MmuFeatures, mmuFeatures } from "../../src/mmu/features.ts";
import { Mmu } from "../../src/mmu/mmu.ts";

/** 2 ** position, as a number, for positions 0..63. */
export function bit(position: number): number {
  return 2 ** position;
}

export const PE = bit(0);
export const ET = bit(4);
export const WP = bit(16);
export const NW = bit(29);
export const CD = bit(30);
export const PG = bit(31);

export const PSE = bit(4);
export const PAE = bit(5);
export const PGE = bit(7);
export const LA57 = bit(12);
export const PCIDE = bit(17);
export const SMEP = bit(20);
export const SMAP = bit(21);
export const PKE = bit(22);
export const PKS = bit(24);

export const SCE = bit(0);
export const LME = bit(8);
export const LMA = bit(10);
export const NXE = bit(11);

/** Where CR3 of every state points: a table whose first four entries are lawful PDPTEs. */
export const ROOT = 0x4000;

export type StateName =
  | "protected mode"
  | "32-bit paging"
  | "PAE paging"
  | "4-level paging"
  | "5-level paging";

interface State {
  readonly cr4: number;
  readonly efer: number;
  readonly cr0: number;
}

export const STATES: Readonly<Record<StateName, State>> = {
  "protected mode": { cr4: 0, efer: 0, cr0: PE + ET },
  "32-bit paging": { cr4: 0, efer: 0, cr0: PG + PE + ET },
  "PAE paging": { cr4: PAE, efer: 0, cr0: PG + PE + ET },
  "4-level paging": { cr4: PAE, efer: LME, cr0: PG + PE + ET },
  "5-level paging": { cr4: PAE + LA57, efer: LME, cr0: PG + PE + ET },
};

export function smallMemory(): PhysicalMemory {
  const memory = new PhysicalMemory({ linearBytes: 192 * 1024 * 1024 });
  memory.mapRam(0, 0x100000);
  return memory;
}

/** An Mmu in the named state; PDPTEs 0..3 at ROOT reference frames 0x5000..0x8000. */
export function mmuIn(
  state: StateName,
  features: Partial<MmuFeatures> = {},
  options: Omit<NonNullable<ConstructorParameters<typeof Mmu>[1]>, "features"> = {},
): { mmu: Mmu; memory: PhysicalMemory } {
  const memory = smallMemory();
  for (let i = 0; i < 4; i++) memory.write64(ROOT + 8 * i, BigInt(0x5001 + 0x1000 * i));
  const mmu = new Mmu(memory, { ...options, features: mmuFeatures(features) });
  const { cr4, efer, cr0 } = STATES[state];
  const faults = [
    mmu.writeCr4(cr4),
    mmu.writeEfer(efer),
    mmu.writeCr3(BigInt(ROOT)),
    mmu.writeCr0(cr0),
  ];
  if (faults.some((fault) => fault !== 0)) throw new Error(`no way into ${state}: ${faults}`);
  return { mmu, memory };
}

/** Everything that a refused write must leave as it was. */
export function registersOfMmu(mmu: Mmu) {
  const { cr0, cr3, cr4, efer, pkru, pkrs, ac } = mmu;
  return { cr0: cr0 >>> 0, cr3, cr4, efer, pkru, pkrs, ac };
}
