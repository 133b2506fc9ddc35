/**
 * What an instruction is to the decoder and to the semantics: one row of a table.
 *
 * A row is one line of the manual's opcode map (SDM 2D, Opcode Map): encoding, operands and the
 * rules that hold for it. What it *means* is found by `semantic`; several rows share one.
 */

import type { DecodedInstruction } from "./decoded.ts";
import type { OperandSpec } from "./operand.ts";

/** Which table of opcodes a row belongs to (SDM 2A, Instruction Format: opcode maps). */
export type OpcodeMap = "1" | "0f" | "0f38" | "0f3a";

/**
 * Which of 66, F2 and F3 a row demands or excludes (SDM 2A, Mandatory Prefixes):
 * - `any`: none is mandatory; 66 is the operand size, F2/F3 are ignored or REP,
 * - `none`: none of the three may be there,
 * - `nfx`: 66 is the operand size, F2 and F3 may not be there,
 * - `66`, `f2`, `f3`: that one is part of the opcode.
 */
export type PrefixRule = "any" | "none" | "nfx" | "66" | "f2" | "f3";

/**
 * How the operand size of 64-bit mode comes about (SDM 2A, REX Prefixes; Default 64-Bit Operand
 * Size): `normal` 4, or 2 with 66, or 8 with REX.W; `default` 8, or 2 with 66 (PUSH, POP, ENTER);
 * `forced` always 8 (near branches, MOV CR/DR).
 */
export type Size64Rule = "normal" | "default" | "forced";

/** How a string instruction takes F2/F3: `rep` ends by rCX only, `repe` also by ZF (CMPS, SCAS). */
export type RepRule = "none" | "rep" | "repe";

/** One instruction encoding. Rows are constant; `id` is the index in `instructionRows`. */
export interface InstructionRow {
  readonly id: number;
  /** The encoding in the notation of `table-text.ts`, e.g. `"0f ae /0 mem"`. */
  readonly encoding: string;
  /** Key of the meaning, lower case and without size or condition: `"movs"`, `"jcc"`, `"add"`. */
  readonly semantic: string;
  /**
   * The name for people: one name, or three by `namedBy` size (2, 4, 8), or four (1, 2, 4, 8), or
   * sixteen by condition. See `mnemonicOf`.
   */
  readonly mnemonics: readonly string[];
  readonly namedBy: "operand" | "address";
  /** Operands in Intel's order, the destination first; implicit ones are not listed. */
  readonly operands: readonly OperandSpec[];

  readonly map: OpcodeMap;
  /** First opcode byte in its map, and how many successive ones the row covers (1, 8 or 16). */
  readonly opcode: number;
  readonly opcodeCount: 1 | 8 | 16;
  /** The instruction has a ModRM byte. */
  readonly hasModrm: boolean;
  /** Required value 0..7 of ModRM.reg (an opcode extension), or -1. */
  readonly digit: number;
  /** Which values of ModRM.mod the row takes. */
  readonly form: "any" | "memory" | "register";
  /** Required value 0..255 of the whole ModRM byte (e.g. C1 in 0F 01 C1), or -1. */
  readonly modrm: number;
  readonly prefix: PrefixRule;
  /** VEX-encoded with L = 0; VEX.W is the operand size. */
  readonly vex: boolean;
  /** Bit n: ModRM.reg with REX.R may be n (segment, control and debug registers); 0xFFFF: any. */
  readonly regMask: number;

  /** The operand size is one byte: `operandBytes` is 1. */
  readonly byteSized: boolean;
  readonly size64: Size64Rule;
  readonly rep: RepRule;
  /** LOCK is allowed when the destination is in memory. */
  readonly lockable: boolean;
  readonly invalid64: boolean;
  readonly only64: boolean;
  /** #UD in real-address and virtual-8086 mode (the decoder does not know them: mode 16). */
  readonly protectedOnly: boolean;
  /** #GP(0) unless CPL = 0. CR4/IOPL-dependent ones (CLI, IN, RDTSC, …) are not marked. */
  readonly privileged: boolean;
  /** CPUID feature that must be announced, in QEMU's spelling (`"sse4.1"`), or "" for none. */
  readonly feature: string;
}

/** The manual's suffixes for conditions 0..15 (SDM 1, EFLAGS Condition Codes), as iced has them. */
export const CONDITION_SUFFIXES = [
  "o",
  "no",
  "b",
  "ae",
  "e",
  "ne",
  "be",
  "a",
  "s",
  "ns",
  "p",
  "np",
  "l",
  "ge",
  "le",
  "g",
] as const;

/**
 * The mnemonic of a decoded instruction, Intel's, lower case.
 * @param decoded what `Decoder.decode` filled for this row
 */
export function mnemonicOf(row: InstructionRow, decoded: DecodedInstruction): string {
  const names = row.mnemonics;
  const sizeBytes = row.namedBy === "address" ? decoded.addressBytes : decoded.operandBytes;
  const bySize = 31 - Math.clz32(sizeBytes);
  const index = [0, 0, 0, bySize - 1, bySize][names.length] ?? decoded.condition;
  return names[index] ?? row.semantic;
}
