/** All instructions whose meaning is written against the builder. */
import { ALU } from "./alu.ts";
import { CONTROL_TRANSFERS } from "./control.ts";
import { FLAG_BITS } from "./flag-bits.ts";
import type { SemanticGroup } from "./group.ts";
import { MOVES } from "./move.ts";
import { SSE_FLOAT } from "./sse-float.ts";
import { SSE_INTEGER } from "./sse-integer.ts";
import { SSE_MOVES } from "./sse-move.ts";
import { SSE_SHUFFLES } from "./sse-shuffle.ts";
import { STACK } from "./stack.ts";

export const SEMANTICS: SemanticGroup = {
  ...ALU,
  ...MOVES,
  ...STACK,
  ...FLAG_BITS,
  ...CONTROL_TRANSFERS,
  ...SSE_FLOAT,
  ...SSE_INTEGER,
  ...SSE_MOVES,
  ...SSE_SHUFFLES,
};
