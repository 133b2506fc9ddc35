/**
 * What differs between the engines: where operands come from and how control leaves an instruction.
 *
 * The interpreter finds operands in a pre-decoded record at run time; a region compiler would know
 * them and keep registers in locals. Semantics see neither.
 */
import type { Code } from "../../wasm/code.ts";
import type { Operand } from "./shape.ts";
import type { Value } from "./value.ts";

/** A memory location that has been checked for writing: reading it is done, a write cannot fault. */
export interface Place {
  /** The value before, sign-extended to 64 bits. */
  readonly value: Value;
  readonly write: (v: Value) => void;
}

export interface Target {
  readonly code: Code;

  /** A general register operand, sign- or zero-extended to 64 bits. */
  readRegister(operand: Operand, signed: boolean): Value;
  /** Writes a general register operand; 4 bytes clear the upper half, 1 and 2 leave the rest. */
  writeRegister(operand: Operand, v: Value): void;
  /** A vector register operand (v128); an MMX register with zeros above its 8 bytes. */
  readVector(operand: Operand): Value;
  /** Writes all of an XMM register, or an MMX register with ones in the exponent above it. */
  writeVector(operand: Operand, v: Value): void;
  /** XMM register `index`, known by number. */
  vectorRegister(index: number): Value;
  /** All 64 bits of general register `index`, known by number. */
  register(index: number): Value;
  setRegister(index: number, v: Value): void;
  /** The immediate, extended as its operand says. */
  immediate(): Value;

  /** Offset of the memory operand in its segment, cut to the address size. */
  offset(): Value;
  /** Linear address of the memory operand, `bytes` long; checks the segment. */
  linear(bytes: number, write: boolean): Value;
  /**
   * Linear address of `bytes` at `offset` in the segment of the instruction's memory or string
   * operand, overrides included; checks the segment.
   */
  operandLinear(offset: Value, bytes: number, write: boolean): Value;
  /** Linear address of `bytes` at `offset` in segment `index`; checks the segment. */
  segmentLinear(index: number, offset: Value, bytes: number, write: boolean): Value;

  /** A load of 1, 2, 4 or 8 bytes, done where it is written. */
  load(bytes: number, linear: Value, signed: boolean): Value;
  store(bytes: number, linear: Value, v: Value): void;
  /** The same for the stack: a non-canonical address gives #SS. */
  loadStack(bytes: number, linear: Value): Value;
  storeStack(bytes: number, linear: Value, v: Value): void;
  /** Load of 1, 2, 4 or 8 bytes that are going to be written. */
  modify(bytes: number, linear: Value): Place;
  /** Loads and stores of 16 bytes (v128). */
  loadVector(linear: Value): Value;
  storeVector(linear: Value, v: Value): void;

  /** A cell of the state: i64 and i32. */
  cell64(offset: number): Value;
  setCell64(offset: number, v: Value): void;
  cell32(offset: number): Value;
  setCell32(offset: number, v: Value): void;

  /** Instruction pointers (not linear addresses) of this and of the next instruction. */
  instructionPointer(): Value;
  nextInstructionPointer(): Value;

  /** A segment register operand's selector. */
  selector(operand: Operand): Value;

  /** #GP(0) unless a near branch may go there: canonical, or within the code segment. */
  checkTarget(instructionPointer: Value, long: boolean): void;
  /** Ends the instruction with a fault (i32); nothing of it may have been written. */
  fault(fault: number | Value): void;
  /**
   * Executes the instruction by its TypeScript helper, which must be one that continues; ends the
   * instruction if that raises a fault.
   */
  callHelper(): void;
  /** Goes to an instruction pointer. */
  jump(instructionPointer: Value): void;
  /** Goes to the instruction's own branch target. */
  jumpRelative(): void;
  /** Ends the instruction and leaves generated code after it. */
  stop(): void;
  /** Does the instruction once more (the next iteration of a string instruction). */
  again(): void;
}
