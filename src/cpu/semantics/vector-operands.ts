/**
 * Operands of MMX and SSE instructions, and what is checked before anything else (SDM 2A,
 * "Exception Conditions of Instructions", and SDM 3A, "SIMD Exceptions" for MMX).
 */
import type { Builder } from "../builder/builder.ts";
import { ops } from "../builder/ops.ts";
import type { Instruction, Operand, Semantic } from "../builder/shape.ts";
import { const32, type Value } from "../builder/value.ts";
import { vectors } from "../builder/vector-ops.ts";
import { GP } from "../faults.ts";
import { CELL } from "../layout.ts";
import { ALL_VALID, ANY_TOP } from "../x87/state.ts";
import type { Definition } from "./group.ts";

/** Whether an instruction works on MMX registers. */
export function usesMmx(i: Instruction): boolean {
  return i.operands.some(({ kind }) => kind === "mmx");
}

/** Raises what forbids the instruction now: #UD, #NM or #MF. */
export function checkUsable(b: Builder, mmx: boolean): void {
  const blocked = b.target.cell32(mmx ? CELL.mmxBlocked : CELL.sseBlocked);
  b.if(blocked, () => b.target.fault(blocked));
}

/** Linear address of 16 bytes that must be aligned: else #GP(0). */
function alignedLinear(b: Builder, operand: Operand, write: boolean): Value {
  const linear = b.linear(operand, write);
  b.if(ops.and32(ops.wrap(linear), 15), () => b.target.fault(GP));
  return linear;
}

/** An operand as v128; zeros above one of fewer bytes. Memory is loaded now. */
export function readVector(b: Builder, operand: Operand, aligned = true): Value {
  if (operand.kind === "xmm" || operand.kind === "mmx") return b.target.readVector(operand);
  if (operand.kind !== "memory" || operand.bytes !== 16) {
    return vectors.fromLow(b.readUnsigned(operand));
  }
  const linear = aligned ? alignedLinear(b, operand, false) : b.linear(operand, false);
  return b.target.loadVector(linear);
}

/** Writes a whole register, or as many bytes of memory as the operand has. */
export function writeVector(b: Builder, operand: Operand, v: Value, aligned = true): void {
  if (operand.kind === "xmm" || operand.kind === "mmx") b.target.writeVector(operand, v);
  else if (operand.bytes === 16) {
    const linear = aligned ? alignedLinear(b, operand, true) : b.linear(operand, true);
    b.target.storeVector(linear, v);
  } else b.write(operand, vectors.low(v));
}

/** After an MMX instruction the x87 stack begins at register 0 and is full (SDM 1, "MMX State"). */
export function enterMmx(b: Builder): void {
  b.target.setCell32(CELL.fpuTag, const32(ALL_VALID));
  const status = ops.and32(b.target.cell32(CELL.fpuStatus), ~ANY_TOP);
  b.target.setCell32(CELL.fpuStatus, status);
}

/** A definition with the checks before `emit`, and the change of the x87 state after it. */
export function vectorDefinition(emit: Semantic): Definition {
  return {
    anySize: true,
    emit: (b, i) => {
      const mmx = usesMmx(i);
      if (!mmx || i.operands.some(({ kind }) => kind === "xmm")) checkUsable(b, false);
      if (mmx) checkUsable(b, true);
      emit(b, i);
      if (mmx) enterMmx(b);
    },
  };
}

/** What a computation may know besides its operands. */
export type Compute = (a: Value, c: Value, mmx: boolean) => Value;

/** `dst = compute(dst, src)`. Both are fixed before. */
export function dyadic(compute: Compute): Definition {
  return vectorDefinition((b, i) => {
    const source = b.let(readVector(b, i.src));
    const first = b.let(b.target.readVector(i.dst));
    b.target.writeVector(i.dst, compute(first, source, usesMmx(i)));
  });
}

/** `dst = compute(src)`. */
export function monadic(compute: (a: Value) => Value): Definition {
  return vectorDefinition((b, i) => {
    const source = b.let(readVector(b, i.src));
    b.target.writeVector(i.dst, compute(source));
  });
}

/** `definitionOf(value)` for each entry of a table. */
export function mapDefinitions<T>(
  table: Readonly<Record<string, T>>,
  definitionOf: (entry: T) => Definition,
): Record<string, Definition> {
  return Object.fromEntries(
    Object.entries(table).map(([name, entry]) => [name, definitionOf(entry)]),
  );
}
