/**
 * Matrices of the scenarios about publishing top entries, typed by hand before the first run.
 * Nothing is removed in them, so no tables are counted, and the checker has nothing to say of a
 * kernel that publishes in time.
 */
import { cell, expectedRows, inferred } from "./cells.ts";

const UNPUBLISHED = { rule: "unpublished-top-entry", step: "add" } as const;
const OLD_OOPS = inferred(
  cell("oops", null, UNPUBLISHED, "no process that exists gets the new top entry"),
);
const SINCE_2010 =
  "v3.9 v3.18 af2cf278ef4f v4.12 glisse-may19 glisse-may31 lutomirski glisse-v1 glisse-v2 " +
  "shutemov-gt4 shutemov-eq4 glisse-v3 94b1b03b519b v4.17 edgecombe-2021";

/** 2010: a DIMM at 512 GiB, every process touches it. */
export const EXPECTED_2010 = expectedRows([
  [
    "v2.6.35",
    cell("oops", null, UNPUBLISHED, "what 9b861528a801 (v2.6.37) mends: nothing is published"),
  ],
  [
    `${SINCE_2010} v6.16 v6.17 right`,
    inferred(cell("passes", null, null, "sync_global_pgds() after init_memory_mapping()")),
    inferred(cell("passes", null, null, "the new entry is in the shared P4D table")),
  ],
]);

/**
 * 2025: device memory of 256 MiB at 32 TiB, compound memmap, struct pages poisoned where they are
 * populated, all with a process's table loaded.
 */
export const EXPECTED_2025 = (() => {
  const plain = inferred(
    cell("passes", null, null, "before 4917f55b4ef9 (v5.19) device memory took the plain path"),
  );
  const oops = cell("oops", null, UNPUBLISHED, "no sync on the compound path (seen on 6.1)");
  return expectedRows([
    ["v2.6.35", OLD_OOPS],
    [SINCE_2010, plain],
    [
      "v6.16",
      inferred(oops),
      cell("passes", null, null, "the new entry is in the shared P4D table (seen on 6.1)"),
      oops,
    ],
    [
      "v6.17 right",
      cell("passes", null, null, "p4d_populate_kernel() publishes at once (seen on 6.1)"),
    ],
  ]);
})();

/** 2025-dimm: the same range as a plain DIMM. */
export const EXPECTED_2025_DIMM = expectedRows([
  ["v2.6.35", OLD_OOPS],
  [
    `${SINCE_2010} v6.16 v6.17 right`,
    cell("passes", null, null, "the sync at the end of populate comes in time (seen on 6.1)"),
  ],
]);
