/**
 * Matrices of removing one section of 128 MiB of a DIMM of 1 GiB, typed by hand before the first
 * run. Four ages: nothing is unmapped (v2.6.35); a 1 GiB leaf of which a part goes is filled with
 * 0xFD like memmap and stays (until 69ccfe74e16b, v5.13); it is taken for a table (since); it is
 * split (ours). The section's memmap, one 2 MiB frame, goes before its flush on all but ours.
 *
 * First typed with that as the first finding everywhere. Since the checker also holds the direct map
 * to what is added, what a leaf of 1 GiB maps too much or too little afterwards is the worse finding
 * of the same step; the rest stands.
 */
import { cell, expectedRows, inferred } from "./cells.ts";

const UNPUBLISHED = { rule: "unpublished-top-entry", step: "add" } as const;
const UNCOVERED = { rule: "direct-map-mismatch", step: "remove part" } as const;
const FRAME_EARLY = { rule: "frame-free-before-flush", step: "remove part" } as const;

const OLD_OOPS = inferred(
  cell("oops", null, UNPUBLISHED, "no process that exists gets the new top entry"),
);
const UNTIL_2021 =
  "v3.9 v3.18 af2cf278ef4f v4.12 glisse-may19 glisse-may31 lutomirski glisse-v1 glisse-v2 " +
  "shutemov-gt4 shutemov-eq4 glisse-v3 94b1b03b519b v4.17";
const MARKED = inferred(
  cell("fails", 0, UNCOVERED, "the leaf stays, the removed part is still mapped"),
);
const SPLIT = inferred(cell("passes", 0, null, "the leaf is split first, all or nothing"));

/** partial-first: the first section goes. */
export const EXPECTED_PARTIAL_FIRST = (() => {
  const oops = cell(
    "oops",
    null,
    FRAME_EARLY,
    "zeroed RAM reads as an empty PMD table, whose struct page is gone (seen on 6.1 and 6.12)",
  );
  return expectedRows([
    ["v2.6.35", OLD_OOPS],
    [UNTIL_2021, MARKED],
    ["edgecombe-2021", inferred(oops)],
    ["v6.16 v6.17", oops],
    ["right", SPLIT],
  ]);
})();

/** partial-later: the fifth section goes; the struct page of the supposed table is there. */
export const EXPECTED_PARTIAL_LATER = (() => {
  const reason = "the supposed table is empty, so the whole GiB is unmapped (seen on 6.1)";
  return expectedRows([
    ["v2.6.35", OLD_OOPS],
    [UNTIL_2021, MARKED],
    [
      "edgecombe-2021",
      inferred(cell("oops", 1, UNCOVERED, reason)),
      inferred(cell("oops", 0, UNCOVERED, `${reason}; then the PUD table goes`)),
    ],
    [
      "v6.16 v6.17",
      cell("oops", 1, UNCOVERED, reason),
      inferred(cell("oops", 0, UNCOVERED, `${reason}; then the PUD table goes, early`)),
    ],
    ["right", SPLIT],
  ]);
})();

/** partial-2m: the first section goes, without 1 GiB leaves. */
export const EXPECTED_PARTIAL_2M = expectedRows([
  ["v2.6.35", OLD_OOPS],
  [
    `${UNTIL_2021} edgecombe-2021 v6.16 v6.17`,
    cell("passes", 0, FRAME_EARLY, "64 leaves of 2 MiB go, the PMD table stays (seen on 6.1)"),
  ],
  ["right", inferred(cell("passes", 0, null, "64 leaves of 2 MiB go"))],
]);
