/** Exception vectors, and faults as the integers of mmu/fault.ts. */

export const VECTOR = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  MC: 18,
  XM: 19,
  CP: 21,
} as const;

/**
 * A fault as an integer. Vector 0 (#DE) needs a mark of its own, as 0 means "no fault": faults of
 * the CPU carry bit 30.
 */
const MARK = 1 << 30;

export function fault(vector: number, errorCode = 0): number {
  return MARK | (vector << 16) | errorCode;
}

export function vectorOf(value: number): number {
  return (value >>> 16) & 0xff;
}

export function errorCodeOf(value: number): number {
  return value & 0xffff;
}

export const UD = fault(VECTOR.UD);
export const NM = fault(VECTOR.NM);
export const DE = fault(VECTOR.DE);
export const GP = fault(VECTOR.GP);

/** Vectors that push an error code (SDM 3A, "Exceptions and Interrupts Summary"). */
const WITH_ERROR_CODE = 0x00227d00;

export function pushesErrorCode(vector: number): boolean {
  return vector < 32 && ((WITH_ERROR_CODE >>> vector) & 1) === 1;
}
