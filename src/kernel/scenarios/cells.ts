/** What a cell of a matrix says, expected or observed. */
import type { FindingRule } from "../../check/finding.ts";

/**
 * How a scenario ends: after its last step, with an errno that it does not expect, in a BUG_ON, or
 * in a page fault that nobody repairs.
 */
export type Outcome = "passes" | "fails" | "BUG" | "oops";

/** A column of a matrix: the depth that the kernel was built with, and the one it was booted with. */
export type Column = "4/4" | "5/5" | "5/4";

export const COLUMNS: readonly Column[] = ["4/4", "5/5", "5/4"];

export interface Cell {
  readonly outcome: Outcome;
  /**
   * Empty page tables that the first removal leaves linked on the paths of the removed range
   * (direct map and vmemmap); null when the scenario ends before.
   */
  readonly tablesKept: number | null;
  /** What the checker reports first, and after which step; null when it reports nothing. */
  readonly finding: { readonly rule: FindingRule; readonly step: string } | null;
}

/** A cell as it should be, with the reason; `inferred` when no run and no source says it. */
export interface ExpectedCell extends Cell {
  readonly reason: string;
  readonly inferred: boolean;
}

/** "n/a": this kernel has no code for that depth. */
export type ExpectedRow = Readonly<Record<Column, ExpectedCell | "n/a">>;

/** Kernels without code for 5 levels. */
const WITHOUT_FIVE_LEVELS = ["v2.6.35", "v3.9", "v3.18", "af2cf278ef4f"];

/** An expectation that a run of a real kernel, the source or a mail states. */
export function cell(
  outcome: Outcome,
  tablesKept: number | null,
  finding: Cell["finding"],
  reason: string,
): ExpectedCell {
  return { outcome, tablesKept, finding, reason, inferred: false };
}

/** An expectation that follows from the rules, and that nobody has stated or seen. */
export function inferred(expected: ExpectedCell): ExpectedCell {
  return { ...expected, inferred: true };
}

/** Names of kernels, separated by spaces, with their cells at 4/4, 5/5 and 5/4. */
export type ExpectedLine = readonly [string, ExpectedCell, ExpectedCell?, ExpectedCell?];

/** Rows by kernel from lines. A cell left out at 5/5 or 5/4 is as at 4/4. */
export function expectedRows(
  lines: readonly ExpectedLine[],
): Readonly<Record<string, ExpectedRow>> {
  const rows: Record<string, ExpectedRow> = {};
  for (const [kernels, four, five = four, mixed = four] of lines) {
    for (const kernel of kernels.split(" ")) {
      rows[kernel] = WITHOUT_FIVE_LEVELS.includes(kernel)
        ? { "4/4": four, "5/5": "n/a", "5/4": "n/a" }
        : { "4/4": four, "5/5": five, "5/4": mixed };
    }
  }
  return rows;
}
