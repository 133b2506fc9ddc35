/**
 * PUSH, POP and what else works on the stack. In 64-bit mode the stack pointer is RSP and SS has no
 * base; elsewhere its width is SS.B and the access is checked against SS.
 */
import type { Builder } from "../builder/builder.ts";
import { ops, type Size, wide } from "../builder/ops.ts";
import type { Instruction, Semantic } from "../builder/shape.ts";
import type { Value } from "../builder/value.ts";
import { CELL, RBP, RSP } from "../layout.ts";
import type { SemanticGroup } from "./group.ts";

const SS = 2;

/** rSP or rBP changed by `by`, in the width of the stack; the rest of the register stays. */
export function moved(b: Builder, i: Instruction, register: Value, by: Value): Value {
  const sum = ops.add(register, by);
  if (i.long) return sum;
  const mask = b.target.cell64(CELL.stackMask);
  return ops.or(ops.and(sum, mask), ops.and(register, ops.not(mask)));
}

/** Linear address of `bytes` at a stack pointer. */
function stackLinear(
  b: Builder,
  i: Instruction,
  pointer: Value,
  bytes: number,
  write: boolean,
): Value {
  if (i.long) return pointer;
  const offset = ops.and(pointer, b.target.cell64(CELL.stackMask));
  return b.let(b.target.segmentLinear(SS, offset, bytes, write));
}

/** Pushes a fixed value; the last thing that can fault. */
export function push(b: Builder, i: Instruction, v: Value, bytes: number = i.size): void {
  const pointer = b.let(moved(b, i, b.reg(RSP), wide(-bytes)));
  b.target.storeStack(bytes, stackLinear(b, i, pointer, bytes, true), v);
  b.target.setRegister(RSP, pointer);
}

/** Loads from the top of the stack. `RSP` moves by `drop` when the caller calls `commit`. */
export function pop(
  b: Builder,
  i: Instruction,
  bytes: number = i.size,
): { value: Value; commit: (more?: Value) => void } {
  const pointer = b.let(b.reg(RSP));
  const value = b.target.loadStack(bytes, stackLinear(b, i, pointer, bytes, false));
  const commit = (more?: Value) => {
    const by = more ? ops.add(more, bytes) : wide(bytes);
    b.target.setRegister(RSP, moved(b, i, pointer, by));
  };
  return { value, commit };
}

const pushOperand: Semantic = (b, i) => {
  if (i.dst.kind === "segment") push(b, i, b.let(b.target.selector(i.dst)));
  else push(b, i, b.let(b.read(i.dst)));
};

/** POP into memory computes the address with the new rSP, see RecordWriter. */
const popOperand: Semantic = (b, i) => {
  const { value, commit } = pop(b, i);
  if (i.dst.kind === "memory") {
    b.write(i.dst, value);
    commit();
  } else {
    commit();
    b.write(i.dst, value);
  }
};

/** RSP = RBP, then POP RBP. */
const leave: Semantic = (b, i) => {
  const frame = b.let(b.reg(RBP));
  const value = b.target.loadStack(i.size, stackLinear(b, i, frame, i.size, false));
  const pointer = b.let(b.reg(RSP));
  const mask = b.target.cell64(CELL.stackMask);
  const joined = i.long ? frame : ops.or(ops.and(frame, mask), ops.and(pointer, ops.not(mask)));
  b.target.setRegister(RSP, moved(b, i, b.let(joined), wide(i.size)));
  b.setReg(RBP, value, i.size as Size);
};

export const STACK: SemanticGroup = {
  push: { emit: pushOperand, byMode: true },
  pop: { emit: popOperand, byMode: true },
  leave: { emit: leave, byMode: true },
};
