/**
 * Matrices of the lazy-TLB scenario and of memmap in parts of leaves, typed by hand before the first
 * run. What a removal frees is told in expected-2017.ts.
 */
import { cell, expectedRows, inferred } from "./cells.ts";

const STALE = { rule: "stale-top-entry", step: "remove" } as const;
const TABLE_EARLY = { rule: "table-free-before-flush", step: "remove" } as const;
const FRAME_EARLY = { rule: "frame-free-before-flush", step: "remove" } as const;
const LEAKED = { rule: "memmap-mismatch", step: "remove" } as const;
const UNPUBLISHED = { rule: "unpublished-top-entry", step: "add" } as const;

/** lazy-tlb: tables of a process go while a processor in lazy TLB mode still has its CR3. */
export const EXPECTED_LAZY = expectedRows([
  [
    "v2.6.35 v3.9 v3.18 af2cf278ef4f v4.12 glisse-may19 glisse-may31 lutomirski glisse-v1 " +
      "glisse-v2 shutemov-gt4 shutemov-eq4 glisse-v3 v4.17",
    inferred(cell("passes", null, null, "a lazy processor that a flush reaches loads init_mm's")),
  ],
  [
    "94b1b03b519b",
    inferred(
      cell(
        "fails",
        null,
        { rule: "stale-translation", step: "unmap" },
        "lazy processors are not flushed, and keep the way to freed tables (b956575bed91)",
      ),
    ),
  ],
  [
    "edgecombe-2021 v6.16 v6.17 right",
    inferred(cell("passes", null, null, "flushed when tables are freed, left alone otherwise")),
  ],
]);

const NOTHING_GOES = inferred(
  cell("fails", null, UNPUBLISHED, "nothing is unmapped, and nothing was published"),
);

/**
 * sub-pmd: struct pages of 56 bytes, 1.75 MiB of memmap a section. 256 MiB fill a leaf and three
 * quarters of the next.
 *
 * First typed with table-free-before-flush as the first finding of the kernels that leak the leaf:
 * the checker then judged the memmap on demand only. Since it judges it after each operation, the
 * leaf that stays for removed sections is the worse finding of the same step. The rest stands.
 */
export const EXPECTED_SUB_PMD = (() => {
  const why = "the last quarter of the second leaf is never marked 0xFD, so the leaf stays";
  const leak = (kept: 0 | 1, finding: typeof STALE | typeof LEAKED) =>
    inferred(cell("fails", kept, finding, why));
  const marked = "what is unused is marked when the leaf is made (8d400913c231, v5.13)";
  return expectedRows([
    ["v2.6.35", NOTHING_GOES],
    ["v3.9", leak(0, STALE)],
    ["v3.18", leak(0, LEAKED)],
    ["af2cf278ef4f glisse-v1", leak(1, LEAKED)],
    ["v4.12 glisse-may19 glisse-may31", leak(0, STALE), leak(0, LEAKED), leak(0, STALE)],
    [
      "glisse-v2 shutemov-gt4 glisse-v3 94b1b03b519b",
      leak(1, LEAKED),
      leak(0, LEAKED),
      leak(0, STALE),
    ],
    ["shutemov-eq4", leak(0, STALE), leak(1, LEAKED), leak(1, LEAKED)],
    ["lutomirski v4.17", leak(1, LEAKED), leak(0, LEAKED), leak(1, LEAKED)],
    [
      "edgecombe-2021",
      inferred(cell("passes", 1, FRAME_EARLY, marked)),
      inferred(cell("passes", 0, FRAME_EARLY, marked)),
    ],
    [
      "v6.16 v6.17",
      inferred(cell("passes", 1, TABLE_EARLY, marked)),
      inferred(cell("passes", 0, TABLE_EARLY, marked)),
    ],
    ["right", inferred(cell("passes", 1, null, marked)), inferred(cell("passes", 0, null, marked))],
  ]);
})();

/** sub-pmd-middle: the same range one section later, so that its memmap starts within a new leaf. */
export const EXPECTED_SUB_PMD_MIDDLE = (() => {
  const rows = { ...EXPECTED_SUB_PMD };
  const beyond = inferred(
    cell(
      "oops",
      null,
      null,
      "fills 1.75 MiB from the piece on instead of up to it, beyond the leaf (280abe14b6e0)",
    ),
  );
  return { ...rows, ...expectedRows([["edgecombe-2021", beyond]]) };
})();
