/** All instructions that TypeScript executes. */
import { CONTROL_REGISTERS } from "./control-registers.ts";
import { EVENTS } from "./events.ts";
import { FLAG_INSTRUCTIONS } from "./flags.ts";
import type { SystemGroup } from "./group.ts";
import { PORT_INSTRUCTIONS } from "./io.ts";
import { TABLES } from "./tables.ts";
import { TRANSLATION } from "./translation.ts";

export const HELPERS: SystemGroup = {
  ...CONTROL_REGISTERS,
  ...EVENTS,
  ...FLAG_INSTRUCTIONS,
  ...PORT_INSTRUCTIONS,
  ...TABLES,
  ...TRANSLATION,
};
