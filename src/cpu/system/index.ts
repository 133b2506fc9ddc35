/** All instructions that TypeScript executes. */
import { SEGMENT_BASES } from "./bases.ts";
import { CACHES } from "./caches.ts";
import { CONTROL_REGISTERS } from "./control-registers.ts";
import { IDENTIFICATION } from "./cpuid.ts";
import { EVENTS } from "./events.ts";
import { FAR_TRANSFERS } from "./far.ts";
import { FAST_CALLS } from "./fast-calls.ts";
import { FLAG_INSTRUCTIONS } from "./flags.ts";
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

export const HELPERS: SystemGroup = {
  ...CACHES,
  ...CONTROL_REGISTERS,
  ...EVENTS,
  ...FAR_TRANSFERS,
  ...FAST_CALLS,
  ...FLAG_INSTRUCTIONS,
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
};
