/**
 * Expressions of the builder: trees that are written out where a statement uses them.
 *
 * A value is *not* a snapshot: a tree that reads a register reads it where it is emitted, and a
 * tree that is used twice is computed twice. `Builder.let` computes once and fixes the value.
 */
import type { Code } from "../../wasm/code.ts";
import { OP, type ValueType } from "../../wasm/opcodes.ts";

export interface Value {
  readonly type: ValueType;
  /** The value where it is known while code is generated, 0 .. 2^64-1 (i32: 0 .. 2^32-1). */
  readonly known: bigint | undefined;
  /** Writes code that leaves the value on the stack. */
  readonly emit: (code: Code) => void;
}

export function value(type: ValueType, emit: (code: Code) => void): Value {
  return { type, known: undefined, emit };
}

export function const64(word: bigint): Value {
  const known = BigInt.asUintN(64, word);
  return { type: "i64", known, emit: (c) => c.i64(known) };
}

export function const32(word: number): Value {
  return { type: "i32", known: BigInt(word >>> 0), emit: (c) => c.i32(word) };
}

export function unary(opcode: number, type: ValueType, a: Value): Value {
  return value(type, (c) => {
    a.emit(c);
    c.op(opcode);
  });
}

export function binary(opcode: number, type: ValueType, a: Value, b: Value): Value {
  return value(type, (c) => {
    a.emit(c);
    b.emit(c);
    c.op(opcode);
  });
}

/** `condition ? a : b`; both are computed. */
export function select(condition: Value, a: Value, b: Value): Value {
  return value(a.type, (c) => {
    a.emit(c);
    b.emit(c);
    condition.emit(c);
    c.op(OP.select);
  });
}
