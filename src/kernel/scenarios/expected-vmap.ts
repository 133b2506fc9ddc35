/** Matrices of vmalloc space, typed by hand before the first run. */
import { cell, expectedRows, inferred } from "./cells.ts";

const UNTIL_2017 =
  "v2.6.35 v3.9 v3.18 af2cf278ef4f v4.12 glisse-may19 glisse-may31 lutomirski glisse-v1 glisse-v2 " +
  "shutemov-gt4 shutemov-eq4 glisse-v3 94b1b03b519b";

/**
 * huge-vmap: a page of 2 MiB over a table that small pages left. Nothing reads where it must not, so
 * all pass; the checker tells them apart. Kernels before v4.1 had no such pages in vmalloc space:
 * theirs is what the code of v4.1 would do.
 */
export const EXPECTED_HUGE_VMAP = (() => {
  const KEPT = { rule: "stale-translation", step: "map large" } as const;
  const leaks = "the PMD entry is overwritten, the table below it forgotten (until 28ee90fe6048)";
  return expectedRows([
    [
      UNTIL_2017,
      inferred(cell("passes", null, { rule: "leaked-table", step: "map large" }, leaks)),
    ],
    ["v4.17", inferred(cell("passes", null, KEPT, "freed without a flush (until 5e0fb5df2ee8)"))],
    [
      "edgecombe-2021 v6.16 v6.17",
      inferred(
        cell(
          "passes",
          null,
          KEPT,
          "freed after INVLPG of one page, which forgets no paging structures of other PCIDs",
        ),
      ),
    ],
    ["right", inferred(cell("passes", null, null, "freed after a flush of everything"))],
  ]);
})();

/** vfree: the frames of an area go before the lazy flush. */
export const EXPECTED_VFREE = expectedRows([
  [
    `${UNTIL_2017} v4.17 edgecombe-2021 v6.16 v6.17`,
    inferred(
      cell(
        "fails",
        null,
        { rule: "stale-translation", step: "vfree" },
        "vfree() frees the pages at once and leaves the flush to the purge; processor 1 has both",
      ),
    ),
  ],
  ["right", inferred(cell("passes", null, null, "the frames wait for the purge's flush"))],
]);
