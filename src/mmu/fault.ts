/**
 * Faults as small integers: 0 is none, else `vector << 16 | error code`.
 * A thrown error would cost 5,000 ns where a returned integer costs 6; only the CPU turns one into
 * an exception.
 */
import { FETCH, KIND_MASK, USER, WRITE } from "./access.ts";

export const NO_FAULT = 0;

export const VECTOR_SS = 12;
export const VECTOR_GP = 13;
export const VECTOR_PF = 14;

/** #GP(0) and #SS(0). */
export const GP_ZERO = VECTOR_GP << 16;
export const SS_ZERO = VECTOR_SS << 16;

/** The bits of a page fault's error code (SDM 3A, "Page-Fault Exceptions"). */
export const PF_ERROR = { P: 1, WR: 2, US: 4, RSVD: 8, ID: 16, PK: 32, SS: 64 } as const;

export function faultVector(fault: number): number {
  return fault >>> 16;
}

export function faultErrorCode(fault: number): number {
  return fault & 0xffff;
}

/**
 * The one place where a page fault's error code is built.
 *
 * @param cause P for a protection violation, P | RSVD for a reserved bit, P | PK or PK's absence as
 *   judged by the protection keys; 0 when an entry was not present
 * @param reportsFetch whether I/D is reported: execute-disable or SMEP is in force
 */
export function pageFault(access: number, cause: number, reportsFetch: boolean): number {
  const kind = access & KIND_MASK;
  return (
    (VECTOR_PF << 16) |
    cause |
    (kind === WRITE ? PF_ERROR.WR : 0) |
    (access & USER ? PF_ERROR.US : 0) |
    (kind === FETCH && reportsFetch ? PF_ERROR.ID : 0)
  );
}

const VECTOR_NAMES: Readonly<Record<number, string>> = {
  [VECTOR_SS]: "#SS",
  [VECTOR_GP]: "#GP",
  [VECTOR_PF]: "#PF",
};

/** For example `#PF(0x7: P WR US)`, `#GP(0)`, or `none`. */
export function describeFault(fault: number): string {
  if (fault === NO_FAULT) return "none";
  const name = VECTOR_NAMES[faultVector(fault)] ?? `vector ${faultVector(fault)}`;
  const code = faultErrorCode(fault);
  if (faultVector(fault) !== VECTOR_PF || code === 0) return `${name}(${code})`;
  const bits = Object.entries(PF_ERROR).filter(([, bit]) => code & bit);
  return `${name}(0x${code.toString(16)}: ${bits.map(([bit]) => bit).join(" ")})`;
}
