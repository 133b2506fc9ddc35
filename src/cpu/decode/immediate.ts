/** Immediates: how many bytes they have and how they become 64 bits (SDM 2A, Immediate Bytes). */

import type { CodeBytes } from "./code-bytes.ts";
import type { DecodedInstruction, DecodeStatus } from "./decoded.ts";
import { DECODE_MORE, DECODE_OK } from "./decoded.ts";

export const IMMEDIATE_NONE = 0;
/** One byte, zero-extended. */
export const IMMEDIATE_B = 1;
/** One byte, sign-extended (`sIb`, `Jb`). */
export const IMMEDIATE_SB = 2;
/** Two bytes, zero-extended. */
export const IMMEDIATE_W = 3;
/** Two or four bytes, sign-extended (`Iz`, `Jz`). */
export const IMMEDIATE_Z = 4;
/** Two, four or eight bytes, sign-extended. */
export const IMMEDIATE_V = 5;
/** Far pointer: offset of two or four bytes, zero-extended, then a selector. */
export const IMMEDIATE_FAR = 6;
/** ENTER: two bytes, then one, both zero-extended. */
export const IMMEDIATE_WB = 7;
/** An address of `addressBytes` bytes: the displacement of a memory operand. */
export const IMMEDIATE_OFFSET = 8;
/** The constant 1, of no bytes. */
export const IMMEDIATE_ONE = 9;

/** Kinds by the operands that they come from, joined by spaces. */
export const IMMEDIATE_OF_OPERANDS: Readonly<Record<string, number>> = {
  Ib: IMMEDIATE_B,
  sIb: IMMEDIATE_SB,
  Jb: IMMEDIATE_SB,
  Iw: IMMEDIATE_W,
  Iz: IMMEDIATE_Z,
  Jz: IMMEDIATE_Z,
  Iv: IMMEDIATE_V,
  Ap: IMMEDIATE_FAR,
  "Iw Ib": IMMEDIATE_WB,
  Ob: IMMEDIATE_OFFSET,
  Ov: IMMEDIATE_OFFSET,
  I1: IMMEDIATE_ONE,
};

/** Bytes by kind; 0 where the operand or address size decides. */
const FIXED_BYTES = Uint8Array.of(0, 1, 1, 2, 0, 0, 0, 3, 0, 0);

/**
 * Reads an immediate into `immHi`, `immLo`, `imm2` (all zero before) or the displacement.
 * @param kind one of the constants above but `IMMEDIATE_NONE`
 */
export function readImmediate(
  code: CodeBytes,
  kind: number,
  into: DecodedInstruction,
): DecodeStatus {
  const z = into.operandBytes === 2 ? 2 : 4;
  switch (kind) {
    case IMMEDIATE_SB:
      return signedImmediate(code, 1, into);
    case IMMEDIATE_Z:
      return signedImmediate(code, z, into);
    case IMMEDIATE_V:
      if (into.operandBytes !== 8) return signedImmediate(code, z, into);
      if (!code.has(8)) return DECODE_MORE;
      into.immLo = code.signed(4);
      into.immHi = code.signed(4);
      return DECODE_OK;
    case IMMEDIATE_FAR:
      if (!code.has(z + 2)) return DECODE_MORE;
      into.immLo = code.unsigned(z);
      into.imm2 = code.unsigned(2);
      return DECODE_OK;
    case IMMEDIATE_OFFSET:
      if (!code.has(into.addressBytes)) return DECODE_MORE;
      into.memory = 1;
      into.dispLo = code.unsigned(into.addressBytes === 2 ? 2 : 4);
      if (into.addressBytes === 8) into.dispHi = code.signed(4);
      return DECODE_OK;
    case IMMEDIATE_ONE:
      into.immLo = 1;
      return DECODE_OK;
    default:
      if (!code.has(FIXED_BYTES[kind] as number)) return DECODE_MORE;
      into.immLo = code.unsigned(kind === IMMEDIATE_B ? 1 : 2);
      if (kind === IMMEDIATE_WB) into.imm2 = code.next();
      return DECODE_OK;
  }
}

function signedImmediate(
  code: CodeBytes,
  sizeBytes: number,
  into: DecodedInstruction,
): DecodeStatus {
  if (!code.has(sizeBytes)) return DECODE_MORE;
  const low = code.signed(sizeBytes);
  into.immLo = low;
  into.immHi = low >> 31;
  return DECODE_OK;
}
