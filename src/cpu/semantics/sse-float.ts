/** SSE floating point: checks and operands; what is computed is in system/sse-*.ts. */
import type { Builder } from "../builder/builder.ts";
import type { Instruction } from "../builder/shape.ts";
import { vectors as v } from "../builder/vector-ops.ts";
import { CELL } from "../layout.ts";
import { SSE_APPROXIMATIONS } from "../system/sse-approximate.ts";
import { SSE_ARITHMETIC } from "../system/sse-arithmetic.ts";
import { SSE_CONVERSIONS } from "../system/sse-convert.ts";
import type { SemanticGroup } from "./group.ts";
import { mapDefinitions, readVector, vectorDefinition } from "./vector-operands.ts";

/** Leaves the source in the value cell and calls the row's helper. */
function exact(b: Builder, i: Instruction): void {
  const source = b.let(readVector(b, i.src));
  b.target.setCell64(CELL.value, v.low(source));
  b.target.setCell64(CELL.value + 8, v.high(source));
  b.target.callHelper();
}

export const SSE_FLOAT: SemanticGroup = mapDefinitions(
  { ...SSE_ARITHMETIC, ...SSE_APPROXIMATIONS, ...SSE_CONVERSIONS },
  () => vectorDefinition(exact),
);
