/**
 * What of an instruction is fixed when its meaning is written out: operand size, kinds of operands,
 * condition. Everything else (which register, which displacement) the target provides.
 */
import type { Size } from "./ops.ts";

/** Where an operand is when the instruction runs. */
export type OperandKind =
  | "register"
  | "memory"
  | "immediate"
  | "relative"
  | "segment"
  | "control"
  | "debug"
  | "xmm"
  | "mmx"
  | "x87"
  | "far"
  /** Reached through rSI or rDI. */
  | "string"
  | "none";

export interface Operand {
  readonly kind: OperandKind;
  /** Size of a general operand; 16 for a whole XMM register; 0 where it is the instruction's matter. */
  readonly bytes: number;
  /** Its place among the operands, 0..3: the register's slot in a pre-decoded record. */
  readonly slot: number;
}

/** One variant of an instruction for which code is generated. */
export interface Shape {
  readonly semantic: string;
  /** 1, 2, 4 or 8. */
  readonly size: Size;
  /** 2, 4 or 8; only for semantics that ask for it, else 8. */
  readonly addressBytes: 2 | 4 | 8;
  /** Whether it runs in 64-bit mode; only for semantics that ask for it, else true. */
  readonly long: boolean;
  readonly operands: readonly Operand[];
  /** 0..15. */
  readonly condition: number;
  /** 0, 0xF2 or 0xF3; only for string instructions. */
  readonly rep: number;
}

/** Writes the meaning of a shape. */
export type Semantic = (b: import("./builder.ts").Builder, i: Instruction) => void;

/** A shape with its operands by name: Intel's order, destination first. */
export interface Instruction extends Shape {
  readonly dst: Operand;
  readonly src: Operand;
  readonly third: Operand;
}
