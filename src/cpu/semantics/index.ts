/** All instructions whose meaning is written against the builder. */
import { ALU } from "./alu.ts";
import { CONTROL_TRANSFERS } from "./control.ts";
import { FLAG_BITS } from "./flag-bits.ts";
import type { SemanticGroup } from "./group.ts";
import { MOVES } from "./move.ts";
import { STACK } from "./stack.ts";

export const SEMANTICS: SemanticGroup = {
  ...ALU,
  ...MOVES,
  ...STACK,
  ...FLAG_BITS,
  ...CONTROL_TRANSFERS,
};
