/** All instructions that pml5 can decode, in one array: the only place where ids are given. */

import type { InstructionRow } from "./row.ts";
import { parseTables } from "./table-text.ts";
import { MMX_TABLES } from "./tables/mmx.ts";
import { ONE_BYTE_TABLES } from "./tables/one-byte.ts";
import { SSE_TABLES } from "./tables/sse.ts";
import { SSE4_TABLES } from "./tables/sse4.ts";
import { TWO_BYTE_TABLES } from "./tables/two-byte.ts";
import { X87_TABLES } from "./tables/x87.ts";

/** Every row; `instructionRows[id].id === id`. Ids are stable within a run, not across versions. */
export const instructionRows: readonly InstructionRow[] = parseTables([
  ...ONE_BYTE_TABLES,
  ...TWO_BYTE_TABLES,
  ...X87_TABLES,
  ...MMX_TABLES,
  ...SSE_TABLES,
  ...SSE4_TABLES,
]);
