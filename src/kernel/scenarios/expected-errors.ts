/** Matrices of the error paths, typed by hand before the first run. */
import { cell, expectedRows, inferred } from "./cells.ts";

const ALL_BUT_RIGHT =
  "v3.9 v3.18 af2cf278ef4f v4.12 glisse-may19 glisse-may31 lutomirski glisse-v1 glisse-v2 " +
  "shutemov-gt4 shutemov-eq4 glisse-v3 94b1b03b519b v4.17 edgecombe-2021 v6.16 v6.17";

/** oom-table: the first table of the direct map cannot be had. */
export const EXPECTED_OOM_TABLE = expectedRows([
  [
    `v2.6.35 ${ALL_BUT_RIGHT}`,
    inferred(cell("oops", null, null, "alloc_low_page() does not look; the table is at address 0")),
  ],
  ["right", inferred(cell("passes", null, null, "-ENOMEM, everything undone"))],
]);

/** oom-memmap: the direct map is made, the first table of the memmap cannot be had. */
export const EXPECTED_OOM_MEMMAP = expectedRows([
  [
    "v2.6.35",
    inferred(
      cell(
        "fails",
        null,
        { rule: "unpublished-top-entry", step: "add fails" },
        "the direct map stays, and no process knows of it",
      ),
    ),
  ],
  [
    ALL_BUT_RIGHT,
    inferred(
      cell(
        "fails",
        null,
        { rule: "direct-map-mismatch", step: "add fails" },
        "arch_add_memory() does not undo the direct map on an error",
      ),
    ),
  ],
  ["right", inferred(cell("passes", null, null, "the direct map is undone"))],
]);

/** refusals: requests that cannot be. */
export const EXPECTED_REFUSALS = expectedRows([
  [
    `v2.6.35 ${ALL_BUT_RIGHT} right`,
    inferred(cell("passes", null, null, "refused before anything is touched")),
  ],
]);

/** oom-block: memmap in the block itself, then no memory for what describes the block. */
export const EXPECTED_OOM_BLOCK = expectedRows([
  [
    "v2.6.35 v3.9 v3.18 af2cf278ef4f v4.12 glisse-may19 glisse-may31 lutomirski glisse-v1 " +
      "glisse-v2 shutemov-gt4 shutemov-eq4 glisse-v3 94b1b03b519b v4.17",
    inferred(cell("fails", null, null, "no memmap_on_memory before v5.14: -EINVAL, not -ENOMEM")),
  ],
  [
    "edgecombe-2021",
    inferred(
      cell(
        "oops",
        null,
        { rule: "frame-free-before-flush", step: "add fails" },
        "undone as if the memmap were not the block's own (until January 2024): its frames go to " +
          "the free lists, and are handed out when the DIMM has gone",
      ),
    ),
  ],
  [
    "v6.16 v6.17",
    inferred(
      cell(
        "passes",
        null,
        { rule: "table-free-before-flush", step: "add fails" },
        "undone with the altmap; the tables on the way go early, as in any removal",
      ),
    ),
  ],
  ["right", inferred(cell("passes", null, null, "undone with the altmap"))],
]);
