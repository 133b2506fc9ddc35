/** What the handlers of one function share: its locals, its labels, and the access opcodes. */
import type { Label } from "../../wasm/code.ts";
import { MEM, type MemoryOp } from "../../wasm/opcodes.ts";

/** Locals of the interpreter's function, and where control goes from a handler. */
export interface Frame {
  /** i32: the record that is being executed, and the one that comes next. */
  readonly record: number;
  readonly next: number;
  /** i32: instructions that may still begin. */
  readonly budget: number;
  /** i64: the instruction pointer that is looked up at `lookup`. */
  readonly target: number;
  /** Goes on with `next`, within a block. */
  readonly dispatch: Label;
  /** Begins the block at `next`. */
  readonly enter: Label;
  /** Looks `target` up and begins its block. */
  readonly lookup: Label;
  /** Leaves before the current instruction; the fault, if any, is in its cell. */
  readonly fault: Label;
  /** Leaves after the current instruction, going on at `target`. */
  readonly stop: Label;
  /** Does the instruction once more; absent where that is a branch to `dispatch`. */
  readonly again?: Label;
}

const LOAD: Readonly<Record<number, readonly [signed: MemoryOp, unsigned: MemoryOp]>> = {
  1: [MEM.i64Load8S, MEM.i64Load8U],
  2: [MEM.i64Load16S, MEM.i64Load16U],
  4: [MEM.i64Load32S, MEM.i64Load32U],
  8: [MEM.i64Load, MEM.i64Load],
};

const STORE: Readonly<Record<number, MemoryOp>> = {
  1: MEM.i64Store8,
  2: MEM.i64Store16,
  4: MEM.i64Store32,
  8: MEM.i64Store,
};

/** The load of 1, 2, 4 or 8 bytes as i64. */
export function loadOf(bytes: number, signed: boolean): MemoryOp {
  const pair = LOAD[bytes] as readonly [MemoryOp, MemoryOp];
  return signed ? pair[0] : pair[1];
}

/** The store of the low 1, 2, 4 or 8 bytes of an i64. */
export function storeOf(bytes: number): MemoryOp {
  return STORE[bytes] as MemoryOp;
}
