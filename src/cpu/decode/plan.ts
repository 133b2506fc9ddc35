/** What the decoder must do for a row after the opcode, packed in one int32. */

import { IMMEDIATE_NONE, IMMEDIATE_OF_OPERANDS } from "./immediate.ts";
import { operandForForm, operandParts } from "./operand.ts";
import type { InstructionRow } from "./row.ts";

export const PLAN_MODRM = 1 << 0;
/** The low opcode bits are a register (`Zb`, `Zv`). */
export const PLAN_OPCODE_REGISTER = 1 << 1;
/** The low four opcode bits are a condition. */
export const PLAN_CONDITION = 1 << 2;
export const PLAN_LOCKABLE = 1 << 3;
export const PLAN_BYTE = 1 << 4;
export const PLAN_SIZE64_DEFAULT = 1 << 5;
export const PLAN_SIZE64_FORCED = 1 << 6;
/** 66 is part of the opcode and not the operand size. */
export const PLAN_IGNORE_66 = 1 << 7;
/** ModRM always names a register, whatever mod says (MOV CR, DR). */
export const PLAN_REGISTER_FORM = 1 << 8;
/** REX.R does not extend ModRM.reg (MMX, segment registers, /digit). */
export const PLAN_SHORT_REG = 1 << 9;
/** REX.B does not extend a register in ModRM.rm (MMX, x87). */
export const PLAN_SHORT_RM = 1 << 10;
/** ModRM.reg must be in the row's `regMask`. */
export const PLAN_CHECK_REG = 1 << 11;
export const PLAN_VEX = 1 << 12;

/** The kind of immediate (immediate.ts) is in the bits from here on. */
export const PLAN_IMMEDIATE_SHIFT = 16;

/** The plan of a row. */
export function planOf(row: InstructionRow): number {
  const places = new Set(row.operands.map((o) => operandParts(operandForForm(o, false)).place));
  const immediates = row.operands.filter((operand) => operand in IMMEDIATE_OF_OPERANDS);
  const immediate = IMMEDIATE_OF_OPERANDS[immediates.join(" ")] ?? IMMEDIATE_NONE;
  const bit = (condition: boolean, flag: number) => (condition ? flag : 0);
  return (
    bit(row.hasModrm, PLAN_MODRM) |
    bit(places.has("Z"), PLAN_OPCODE_REGISTER) |
    bit(row.opcodeCount === 16, PLAN_CONDITION) |
    bit(row.lockable, PLAN_LOCKABLE) |
    bit(row.byteSized, PLAN_BYTE) |
    bit(row.size64 === "default", PLAN_SIZE64_DEFAULT) |
    bit(row.size64 === "forced", PLAN_SIZE64_FORCED) |
    bit(row.prefix === "66", PLAN_IGNORE_66) |
    bit(places.has("C") || places.has("D"), PLAN_REGISTER_FORM) |
    bit(places.has("P") || places.has("S") || row.digit >= 0, PLAN_SHORT_REG) |
    bit(places.has("N") || places.has("Q") || places.has("F"), PLAN_SHORT_RM) |
    bit(row.regMask !== 0xffff, PLAN_CHECK_REG) |
    bit(row.vex, PLAN_VEX) |
    (immediate << PLAN_IMMEDIATE_SHIFT)
  );
}
