/**
 * What the paging model knows of a processor, in the manual's words. The model is written from the
 * manual alone and shares nothing with src: no code, no tables, no constants.
 */

export type PagingKind = "32-bit" | "PAE" | "4-level" | "5-level";

export interface ModelProcessor {
  readonly paging: PagingKind;
  readonly cr3: bigint;
  /** PAE paging: the four PDPTE registers. */
  readonly pdptes?: readonly bigint[];

  // CPUID
  readonly maxPhyAddr: number;
  readonly has1GBytePages: boolean;
  readonly hasPse36: boolean;

  // Control registers, IA32_EFER, EFLAGS
  readonly wp: boolean;
  readonly pse: boolean;
  readonly nxe: boolean;
  readonly smep: boolean;
  readonly smap: boolean;
  readonly ac: boolean;
  readonly pke: boolean;
  readonly pks: boolean;
  readonly pkru: bigint;
  /** IA32_PKRS */
  readonly pkrs: bigint;
}

export interface ModelAccess {
  readonly what: "read" | "write" | "fetch";
  /** `implicit` is a supervisor-mode access to a system structure, whatever the CPL. */
  readonly who: "user" | "supervisor" | "implicit";
}

/** Bits hi:lo of a word, as the manual writes them. */
export function field(word: bigint, hi: number, lo: number): bigint {
  return (word >> BigInt(lo)) % 2n ** BigInt(hi - lo + 1);
}

export function flag(word: bigint, position: number): boolean {
  return field(word, position, position) === 1n;
}

/** Whether the manual's "IA-32e mode" paging is in use (4-level and 5-level paging). */
export function isIa32e(cpu: ModelProcessor): boolean {
  return cpu.paging === "4-level" || cpu.paging === "5-level";
}
