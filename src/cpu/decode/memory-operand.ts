/** The memory operand that ModRM, SIB and displacement describe (SDM 2A, ModR/M and SIB Bytes). */

import type { CodeBytes } from "./code-bytes.ts";
import type { DecodedInstruction, DecodeStatus } from "./decoded.ts";
import { DECODE_MORE, DECODE_OK, SEGMENT_SS } from "./decoded.ts";

/** Register pairs of 16-bit addressing by ModRM.rm. */
const BASE_16 = Int8Array.of(3, 3, 5, 5, 6, 7, 5, 3);
const INDEX_16 = Int8Array.of(6, 7, 6, 7, -1, -1, -1, -1);

const RSP = 4;
const RBP = 5;

const REX_X = 2;
const REX_B = 1;

/**
 * Reads what follows the ModRM byte and fills base, index, scale, displacement, `ripRelative` and
 * the segment. `addressBytes`, `segment` and `segmentOverridden` are set before, the rest is clear.
 * @param modrm with mod 0..2
 * @param rex REX.X and REX.B in bits 1 and 0
 */
export function readMemoryOperand(
  code: CodeBytes,
  modrm: number,
  rex: number,
  mode64: boolean,
  into: DecodedInstruction,
): DecodeStatus {
  into.memory = 1;
  into.mod = modrm >> 6;
  const status =
    into.addressBytes === 2 ? memory16(code, modrm, into) : memory(code, modrm, rex, mode64, into);
  const { base } = into;
  if (into.segmentOverridden === 0 && (base === RSP || base === RBP)) into.segment = SEGMENT_SS;
  return status;
}

function memory16(code: CodeBytes, modrm: number, into: DecodedInstruction): DecodeStatus {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  if (mod === 0 && rm === 6) return displacement(code, 2, into);
  into.base = BASE_16[rm] as number;
  into.index = INDEX_16[rm] as number;
  return displacement(code, mod, into);
}

function memory(
  code: CodeBytes,
  modrm: number,
  rex: number,
  mode64: boolean,
  into: DecodedInstruction,
): DecodeStatus {
  const mod = modrm >> 6;
  let base = modrm & 7;
  const hasSib = base === RSP;
  if (hasSib) {
    if (!code.has(1)) return DECODE_MORE;
    const sib = code.next();
    base = sib & 7;
    const index = ((sib >> 3) & 7) | ((rex & REX_X) << 2);
    if (index !== RSP) {
      into.index = index;
      into.scale = sib >> 6;
    }
  }
  if (mod === 0 && base === RBP) {
    into.ripRelative = mode64 && !hasSib ? 1 : 0;
    return displacement(code, 4, into);
  }
  into.base = base | ((rex & REX_B) << 3);
  return displacement(code, mod === 2 ? 4 : mod, into);
}

/** @param sizeBytes 0, 1, 2 or 4 */
function displacement(code: CodeBytes, sizeBytes: number, into: DecodedInstruction): DecodeStatus {
  if (sizeBytes === 0) return DECODE_OK;
  if (!code.has(sizeBytes)) return DECODE_MORE;
  const low = code.signed(sizeBytes);
  into.dispLo = low;
  into.dispHi = low >> 31;
  return DECODE_OK;
}
