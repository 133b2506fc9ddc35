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
