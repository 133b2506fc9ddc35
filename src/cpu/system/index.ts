/** All instructions that TypeScript executes. */
import { SEGMENT_BASES } from "./bases.ts";
import { CACHES } from "./caches.ts";
import { CONTROL_REGISTERS } from "./control-registers.ts";
import { IDENTIFICATION } from "./cpuid.ts";
import { EVENTS } from "./events.ts";
import { FAR_TRANSFERS } from "./far.ts";
import { FAST_CALLS } from "./fast-calls.ts";
import { FLAG_INSTRUCTIONS } from "./flags.ts";
import { FX_STATE } from "./fx-state.ts";
import type { SystemGroup } from "./group.ts";
import { PORT_INSTRUCTIONS } from "./io.ts";
import { MASKED_STORES } from "./masked-store.ts";
import { MODEL_SPECIFIC } from "./msr.ts";
import { SEGMENT_QUERIES } from "./segment-queries.ts";
import { SSE_APPROXIMATIONS } from "./sse-approximate.ts";
import { SSE_ARITHMETIC } from "./sse-arithmetic.ts";
import { SSE_CONVERSIONS } from "./sse-convert.ts";
import { STACK_FRAMES } from "./stack-frames.ts";
import { STRING_PORT_INSTRUCTIONS } from "./string-io.ts";
import { TABLES } from "./tables.ts";
import { TIME_AND_CHANCE } from "./time.ts";
import { TRANSLATION } from "./translation.ts";
import { X87_ARITHMETIC } from "./x87-arithmetic.ts";
import { X87_CONTROL } from "./x87-control.ts";
import { X87_FUNCTIONS } from "./x87-functions.ts";
import { X87_MOVES } from "./x87-move.ts";
import { XSAVE_INSTRUCTIONS } from "./xsave.ts";

export const HELPERS: SystemGroup = {
  ...CACHES,
  ...CONTROL_REGISTERS,
  ...EVENTS,
  ...FAR_TRANSFERS,
  ...FAST_CALLS,
  ...FLAG_INSTRUCTIONS,
  ...FX_STATE,
  ...IDENTIFICATION,
  ...MODEL_SPECIFIC,
  ...MASKED_STORES,
  ...PORT_INSTRUCTIONS,
  ...SEGMENT_BASES,
  ...SEGMENT_QUERIES,
  ...SSE_APPROXIMATIONS,
  ...SSE_ARITHMETIC,
  ...SSE_CONVERSIONS,
  ...STACK_FRAMES,
  ...STRING_PORT_INSTRUCTIONS,
  ...TABLES,
  ...TIME_AND_CHANCE,
  ...TRANSLATION,
  ...X87_ARITHMETIC,
  ...X87_CONTROL,
  ...X87_FUNCTIONS,
  ...X87_MOVES,
  ...XSAVE_INSTRUCTIONS,
};
