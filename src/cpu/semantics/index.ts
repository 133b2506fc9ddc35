/** All instructions whose meaning is written against the builder. */
import { ALU } from "./alu.ts";
import { DECIMAL } from "./bcd.ts";
import { BITS } from "./bit.ts";
import { CONTROL_TRANSFERS } from "./control.ts";
import { FLAG_BITS } from "./flag-bits.ts";
import type { SemanticGroup } from "./group.ts";
import { MISCELLANEOUS } from "./misc.ts";
import { MOVES } from "./move.ts";
import { MULTIPLICATION } from "./muldiv.ts";
import { SHIFTS } from "./shift.ts";
import { SSE_FLOAT } from "./sse-float.ts";
import { SSE_INTEGER } from "./sse-integer.ts";
import { SSE_MOVES } from "./sse-move.ts";
import { SSE_SHUFFLES } from "./sse-shuffle.ts";
import { STACK } from "./stack.ts";
import { STRINGS } from "./string.ts";

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
  ...SHIFTS,
  ...BITS,
  ...MULTIPLICATION,
  ...STRINGS,
  ...DECIMAL,
  ...MISCELLANEOUS,
};
