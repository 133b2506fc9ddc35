/**
 * The matrix of the 2017 scenario as it should come out, typed by hand before the first run from
 * the mails, the commits and the rules, and never changed to please a run. A cell that has to
 * change says in its reason why the first reading was wrong.
 *
 * The scenario: 256 MiB of RAM, two processes; plug 256 MiB at 512 GiB; every process touches it;
 * remove; fork; plug again; touch again. The allocator does not hand a freed frame out again.
 *
 * With 4 levels the range is alone in its 512 GiB, so its PUD table hangs on a top entry of its
 * own; with 5 levels it hangs on the second entry of the direct map's P4D table. The memmap is in
 * the top entry that boot memory's memmap uses too. So the only table in question is one PUD
 * table: kept or freed. PMD tables are freed by all kernels that tear down at all.
 *
 * All kernels but two give a table page back before they clear the entry above it, so where
 * nothing worse is to be found the checker reports that.
 */
import type { ExpectedCell, ExpectedRow } from "./cells.ts";

const STALE = { rule: "stale-top-entry", step: "remove" } as const;
const TABLE_EARLY = { rule: "table-free-before-flush", step: "remove" } as const;
const FRAME_EARLY = { rule: "frame-free-before-flush", step: "remove" } as const;

/** The PUD table goes, the other processes' entries stay, the next add makes another one. */
const bug = (reason: string): ExpectedCell => ({
  outcome: "BUG",
  tablesKept: 0,
  finding: STALE,
  reason,
  inferred: false,
});

const passes = (
  tablesKept: 0 | 1,
  finding: ExpectedCell["finding"],
  reason: string,
): ExpectedCell => ({ outcome: "passes", tablesKept, finding, reason, inferred: false });

const inferred = (cell: ExpectedCell): ExpectedCell => ({ ...cell, inferred: true });

const PUD_FREED_4 = "frees the PUD table of a top entry that other processes have a copy of";
const PUD_FREED_5 = "the PUD table hangs on the shared P4D table: freeing it concerns no top entry";
const PUD_KEPT_4 = "keeps the PUD table, so every copy of the top entry stays right";
const PUD_KEPT_5 = "keeps a PUD table that nobody needs: safe, but up to 513 tables instead of 1";
const BOOTED_4 = "built with 5 levels it frees, booted with 4 it must not";

export const EXPECTED_2017: Readonly<Record<string, ExpectedRow>> = {
  "v2.6.35": {
    "4/4": {
      outcome: "oops",
      tablesKept: null,
      finding: { rule: "unpublished-top-entry", step: "add" },
      reason:
        "nothing tells the processes that exist about the new top entry (9b861528a801 did, in " +
        "v2.6.37); a fault in the direct map is not repaired",
      inferred: true,
    },
    "5/5": "n/a",
    "5/4": "n/a",
  },
  "v3.9": {
    "4/4": bug(`${PUD_FREED_4}; the sync after the removal skips the emptied entry (9661d5bcd058)`),
    "5/5": "n/a",
    "5/4": "n/a",
  },
  "v3.18": {
    "4/4": passes(0, TABLE_EARLY, "clears the top entry of every process too (9661d5bcd058)"),
    "5/5": "n/a",
    "5/4": "n/a",
  },
  af2cf278ef4f: {
    "4/4": passes(1, TABLE_EARLY, `${PUD_KEPT_4} (its purpose)`),
    "5/5": "n/a",
    "5/4": "n/a",
  },
  "v4.12": {
    "4/4": bug(`${PUD_FREED_4} (Glisse, 7 June 2017; seen on 6.1 with its guard removed)`),
    "5/5": passes(0, TABLE_EARLY, `${PUD_FREED_5} (seen on 6.1 with its guard removed)`),
    "5/4": inferred(bug(`frees at any depth; ${BOOTED_4}`)),
  },
  "glisse-v1": {
    "4/4": passes(1, TABLE_EARLY, PUD_KEPT_4),
    "5/5": passes(1, TABLE_EARLY, `${PUD_KEPT_5} (Shutemov, 7 June 2017)`),
    "5/4": inferred(passes(1, TABLE_EARLY, "the call is gone at any depth")),
  },
  "glisse-v2": {
    "4/4": passes(1, TABLE_EARLY, `${PUD_KEPT_4}: free_pud_table() is a stub`),
    "5/5": passes(0, TABLE_EARLY, PUD_FREED_5),
    "5/4": inferred(bug(`the stub is chosen when building; ${BOOTED_4}`)),
  },
  "shutemov-gt4": {
    "4/4": passes(1, TABLE_EARLY, `4 > 4 is false: ${PUD_KEPT_4}`),
    "5/5": passes(0, TABLE_EARLY, `5 > 4: ${PUD_FREED_5}`),
    "5/4": inferred(bug(`5 > 4: ${BOOTED_4}`)),
  },
  "shutemov-eq4": {
    "4/4": bug(`4 == 4: ${PUD_FREED_4} (Glisse: it should be == 5)`),
    "5/5": passes(1, TABLE_EARLY, `5 == 4 is false: ${PUD_KEPT_5}`),
    "5/4": inferred(passes(1, TABLE_EARLY, "5 == 4 is false: keeps the PUD table, by luck right")),
  },
  "glisse-v3": {
    "4/4": passes(1, TABLE_EARLY, `4 == 5 is false: ${PUD_KEPT_4} (98fe3633c5a4)`),
    "5/5": passes(0, TABLE_EARLY, `5 == 5: ${PUD_FREED_5}`),
    "5/4": inferred(bug(`5 == 5: ${BOOTED_4}, as its own comment warns`)),
  },
  "94b1b03b519b": {
    "4/4": inferred(passes(1, TABLE_EARLY, "hot-remove as in glisse-v3, merged in v4.13")),
    "5/5": inferred(passes(0, TABLE_EARLY, "hot-remove as in glisse-v3")),
    "5/4": inferred(bug(`hot-remove as in glisse-v3: ${BOOTED_4}`)),
  },
  "glisse-may19": {
    "4/4": inferred(
      bug("synchronises after vmemmap_free() only; here the direct map's entry goes"),
    ),
    "5/5": inferred(passes(0, TABLE_EARLY, PUD_FREED_5)),
    "5/4": inferred(bug(`as 4/4; ${BOOTED_4}`)),
  },
  "glisse-may31": {
    "4/4": inferred(
      passes(0, STALE, "overwrites instead of BUG_ON: until then the copies lead to a free frame"),
    ),
    "5/5": inferred(passes(0, TABLE_EARLY, PUD_FREED_5)),
    "5/4": inferred(passes(0, STALE, "as 4/4: it frees at any depth, and hides it")),
  },
  lutomirski: {
    "4/4": inferred(passes(1, TABLE_EARLY, "the tables below the top are there for ever")),
    "5/5": inferred(passes(0, TABLE_EARLY, `only P4D tables are permanent: ${PUD_FREED_5}`)),
    "5/4": inferred(passes(1, TABLE_EARLY, "what is below the top is decided when running")),
  },
  "v4.17": {
    "4/4": passes(1, TABLE_EARLY, `pgtable_l5_enabled() is false: ${PUD_KEPT_4} (seen on 6.1)`),
    "5/5": passes(0, TABLE_EARLY, `pgtable_l5_enabled(): ${PUD_FREED_5} (seen on 6.1)`),
    "5/4": passes(1, TABLE_EARLY, "the question is asked when running: as 4/4 (seen on 6.1)"),
  },
  "edgecombe-2021": {
    "4/4": inferred(
      passes(1, FRAME_EARLY, "gathers tables until the flush, but not the memmap's 2 MiB frames"),
    ),
    "5/5": inferred(passes(0, FRAME_EARLY, "as 4/4; frees the PUD table, after the flush")),
    "5/4": inferred(passes(1, FRAME_EARLY, "as 4/4")),
  },
  "v6.16": {
    "4/4": passes(1, TABLE_EARLY, `teardown as v4.17: ${PUD_KEPT_4}`),
    "5/5": passes(0, TABLE_EARLY, `teardown as v4.17: ${PUD_FREED_5}`),
    "5/4": passes(1, TABLE_EARLY, "as 4/4"),
  },
  "v6.17": {
    "4/4": passes(1, TABLE_EARLY, `publishes at populate; teardown as v4.17: ${PUD_KEPT_4}`),
    "5/5": passes(0, TABLE_EARLY, `publishes at populate; teardown as v4.17: ${PUD_FREED_5}`),
    "5/4": passes(1, TABLE_EARLY, "as 4/4"),
  },
  right: {
    "4/4": passes(1, null, `unlink, flush, free; ${PUD_KEPT_4}`),
    "5/5": passes(0, null, `unlink, flush, free; ${PUD_FREED_5}`),
    "5/4": passes(1, null, "as 4/4: asks when running"),
  },
};
