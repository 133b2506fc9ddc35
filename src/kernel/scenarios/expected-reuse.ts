/**
 * Matrices of the scenarios around 2017, typed by hand before the first run like that of 2017
 * itself (expected-2017.ts), whose header tells what frees what.
 */
import { cell, expectedRows, inferred } from "./cells.ts";

const UNPUBLISHED = { rule: "unpublished-top-entry", step: "add" } as const;
const STALE = { rule: "stale-top-entry", step: "remove" } as const;
const TABLE_EARLY = { rule: "table-free-before-flush", step: "remove" } as const;
const FRAME_EARLY = { rule: "frame-free-before-flush", step: "remove" } as const;

const OLD_OOPS = inferred(
  cell("oops", null, UNPUBLISHED, "no process that exists gets the new top entry (9b861528a801)"),
);

const KEPT = "the PUD table stays, so every copy of the top entry stays right";
const FREED_BELOW = "the PUD table hangs on the shared P4D table";
const LUCK = "the frame freed last is the first handed out again: the old pointer is right by luck";
const FREED_4 = "the freed PUD table comes back as another frame";

/** 2017-lucky: as 2017, but nothing is allocated in between and Linux's lists are LIFO. */
export const EXPECTED_LUCKY = (() => {
  const lucky = cell("passes", 0, STALE, `${LUCK} (seen on 6.1 with its guard removed)`);
  const kept = inferred(cell("passes", 1, TABLE_EARLY, KEPT));
  const below = inferred(cell("passes", 0, TABLE_EARLY, FREED_BELOW));
  return expectedRows([
    ["v2.6.35", OLD_OOPS],
    ["v3.9", inferred(lucky)],
    ["v3.18", inferred(cell("passes", 0, TABLE_EARLY, "clears every process's entry"))],
    ["af2cf278ef4f glisse-v1", kept],
    ["v4.12 glisse-may19 glisse-may31", lucky, below, inferred(lucky)],
    ["glisse-v2 shutemov-gt4 glisse-v3 94b1b03b519b", kept, below, inferred(lucky)],
    ["shutemov-eq4", inferred(lucky), kept, kept],
    ["lutomirski v4.17 v6.16 v6.17", kept, below, kept],
    [
      "edgecombe-2021",
      inferred(cell("passes", 1, FRAME_EARLY, "only the memmap's frames are early")),
      inferred(cell("passes", 0, FRAME_EARLY, "only the memmap's frames are early")),
    ],
    [
      "right",
      inferred(cell("passes", 1, null, KEPT)),
      inferred(cell("passes", 0, null, FREED_BELOW)),
    ],
  ]);
})();

/**
 * 2017-vmemmap: struct pages of device memory at 32 TiB, without a direct map (HMM's private
 * memory). With 4 levels the memmap starts a top entry of its own there; with 5 it hangs on the
 * second entry of vmemmap's P4D table.
 */
export const EXPECTED_VMEMMAP = (() => {
  const bug = cell("BUG", 0, STALE, "the memmap's PUD table goes (Glisse, 19 May and 1 June 2017)");
  const kept = inferred(cell("passes", 1, TABLE_EARLY, KEPT));
  const below = inferred(cell("passes", 0, TABLE_EARLY, FREED_BELOW));
  const cleared = inferred(
    cell("passes", 0, TABLE_EARLY, "here the memmap's entry is the one, and it is cleared"),
  );
  const overwritten = inferred(cell("passes", 0, STALE, "overwrites; until then copies are stale"));
  const both = inferred(
    cell("passes", 2, TABLE_EARLY, "the direct map's table there was made at boot too"),
  );
  return expectedRows([
    ["v2.6.35", OLD_OOPS],
    ["v3.9", inferred(bug)],
    ["v3.18", cleared],
    ["af2cf278ef4f glisse-v1", kept],
    ["v4.12", bug, below, inferred(bug)],
    ["glisse-may19", cleared, below, cleared],
    ["glisse-may31", overwritten, below, overwritten],
    ["lutomirski", both, below, both],
    ["glisse-v2 shutemov-gt4 glisse-v3 94b1b03b519b", kept, below, inferred(bug)],
    ["shutemov-eq4", inferred(bug), kept, kept],
    ["v4.17 v6.16 v6.17", kept, below, kept],
    [
      "edgecombe-2021",
      inferred(cell("passes", 1, FRAME_EARLY, KEPT)),
      inferred(cell("passes", 0, FRAME_EARLY, FREED_BELOW)),
    ],
    [
      "right",
      inferred(cell("passes", 1, null, KEPT)),
      inferred(cell("passes", 0, null, FREED_BELOW)),
    ],
  ]);
})();

/** 2017-low: a DIMM at 4 GiB shares its top entry and PUD table with boot memory. */
export const EXPECTED_LOW = (() => {
  const shared =
    "boot memory keeps the PUD table from being empty: most machines never saw the bug";
  return expectedRows([
    [
      "v2.6.35",
      // Said "no finding" while the checker did not look for memmap of what is absent.
      inferred(
        cell(
          "fails",
          null,
          { rule: "memmap-mismatch", step: "remove" },
          "nothing is unmapped, the memmap neither, so the DIMM cannot be taken out",
        ),
      ),
    ],
    [
      "v3.9 v3.18 af2cf278ef4f v4.12 glisse-may19 glisse-may31 lutomirski glisse-v1 glisse-v2 " +
        "shutemov-gt4 shutemov-eq4 glisse-v3 94b1b03b519b v4.17 v6.16 v6.17",
      inferred(cell("passes", 0, TABLE_EARLY, `${shared}; the PMD table is freed early`)),
    ],
    ["edgecombe-2021", inferred(cell("passes", 0, FRAME_EARLY, shared))],
    ["right", inferred(cell("passes", 0, null, shared))],
  ]);
})();

/**
 * stale-walk: the freed PUD table's frame becomes a page of data whose words look like entries,
 * and the old processes read where the DIMM was. Right is a fault.
 */
export const EXPECTED_STALE_WALK = (() => {
  const reads = inferred(
    cell("fails", 0, STALE, "the old entry leads into the new page: a read of any memory at all"),
  );
  const kept = inferred(cell("passes", 1, TABLE_EARLY, `${KEPT}: empty, so the read faults`));
  const below = inferred(cell("passes", 0, TABLE_EARLY, `${FREED_BELOW}, whose entry is cleared`));
  return expectedRows([
    ["v2.6.35", OLD_OOPS],
    ["v3.9", reads],
    ["v3.18", inferred(cell("passes", 0, TABLE_EARLY, "every process's entry is cleared"))],
    ["af2cf278ef4f glisse-v1", kept],
    ["v4.12 glisse-may19 glisse-may31", reads, below, reads],
    ["glisse-v2 shutemov-gt4 glisse-v3 94b1b03b519b", kept, below, reads],
    ["shutemov-eq4", reads, kept, kept],
    ["lutomirski v4.17 v6.16 v6.17", kept, below, kept],
    [
      "edgecombe-2021",
      inferred(cell("passes", 1, FRAME_EARLY, KEPT)),
      inferred(cell("passes", 0, FRAME_EARLY, FREED_BELOW)),
    ],
    [
      "right",
      inferred(cell("passes", 1, null, KEPT)),
      inferred(cell("passes", 0, null, FREED_BELOW)),
    ],
  ]);
})();

/**
 * flush-tables, flush-memmap: a second processor reads through its caches at the moment at which
 * the first gives a table, or a memmap frame, back. Right is that no read gets through.
 */
const flush = (memmapOfGather: "passes" | "fails") => {
  const through = "free before clear, clear before flush: the other processor still walks it";
  const stale = inferred(cell("fails", 0, STALE, `${through}; and ${FREED_4}`));
  const kept = inferred(cell("fails", 1, TABLE_EARLY, through));
  const gone = inferred(cell("fails", 0, TABLE_EARLY, through));
  const gather =
    memmapOfGather === "passes"
      ? "tables wait for the flush (Edgecombe, 18 August 2021)"
      : "tables wait for the flush, the memmap's frames do not";
  return expectedRows([
    ["v2.6.35", OLD_OOPS],
    ["v3.9", stale],
    ["v3.18", gone],
    ["af2cf278ef4f glisse-v1", kept],
    ["v4.12 glisse-may19 glisse-may31", stale, gone, stale],
    ["glisse-v2 shutemov-gt4 glisse-v3 94b1b03b519b", kept, gone, stale],
    ["shutemov-eq4", stale, kept, kept],
    ["lutomirski v4.17 v6.16 v6.17", kept, gone, kept],
    [
      "edgecombe-2021",
      inferred(cell(memmapOfGather, 1, FRAME_EARLY, gather)),
      inferred(cell(memmapOfGather, 0, FRAME_EARLY, gather)),
    ],
    [
      "right",
      inferred(cell("passes", 1, null, "unlink, flush, free")),
      inferred(cell("passes", 0, null, "unlink, flush, free")),
    ],
  ]);
};

export const EXPECTED_FLUSH_TABLES = flush("passes");
export const EXPECTED_FLUSH_MEMMAP = flush("fails");
