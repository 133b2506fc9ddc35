/** A model processor as the registers that software would write. Positions are the manual's. */
import type { ModelAccess, ModelProcessor } from "../model/processor.ts";

export interface RegisterValues {
  readonly cr0: number;
  readonly cr3: bigint;
  readonly cr4: number;
  readonly efer: number;
  readonly ac: boolean;
  readonly pkru: number;
  readonly pkrs: number;
  readonly pdptes: readonly bigint[];
}

/** The word with the bits at `positions` set, as int32. */
function wordWith(positions: Readonly<Record<number, boolean>>): number {
  return Object.entries(positions).reduce(
    (word, [position, set]) => (set ? word | (1 << Number(position)) : word),
    0,
  );
}

export function registersOf(cpu: ModelProcessor): RegisterValues {
  const long = cpu.paging === "4-level" || cpu.paging === "5-level";
  return {
    // PE, ET, WP, PG
    cr0: wordWith({ 0: true, 4: true, 16: cpu.wp, 31: true }) >>> 0,
    cr3: cpu.cr3,
    // PSE, PAE, LA57, SMEP, SMAP, PKE, PKS
    cr4: wordWith({
      4: cpu.pse,
      5: cpu.paging !== "32-bit",
      12: cpu.paging === "5-level",
      20: cpu.smep,
      21: cpu.smap,
      22: cpu.pke,
      24: cpu.pks,
    }),
    // LME, LMA, NXE
    efer: wordWith({ 8: long, 10: long, 11: cpu.nxe }),
    ac: cpu.ac,
    pkru: Number(BigInt.asIntN(32, cpu.pkru)),
    pkrs: Number(BigInt.asIntN(32, cpu.pkrs)),
    pdptes: cpu.pdptes ?? [0n, 0n, 0n, 0n],
  };
}

/** The access as src encodes it: a kind 0..2, and the flags user 4 and implicit 8. */
export function accessCode(access: ModelAccess): number {
  const kind = { read: 0, write: 1, fetch: 2 }[access.what];
  return kind + { user: 4, supervisor: 0, implicit: 8 }[access.who];
}

/** A fault as src encodes it: the vector in the upper half. */
export function pageFaultCode(errorCode: number): number {
  return 14 * 65536 + errorCode;
}
