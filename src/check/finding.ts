/** What the checker finds: a rule, the operation that broke it, and who is concerned. */

/**
 * The rules, worst first. The first two are about what an operation leaves behind; a frame that is
 * free before its flush is a window that the end of the operation may close again.
 */
export const FINDING_RULES = [
  "stale-top-entry",
  "link-to-non-table",
  "unpublished-top-entry",
  "leaf-to-foreign-frame",
  "memmap-mismatch",
  "direct-map-mismatch",
  "leaked-table",
  "leaked-memmap",
  "stale-translation",
  "table-free-before-flush",
  "frame-free-before-flush",
] as const;

export type FindingRule = (typeof FINDING_RULES)[number];

export interface Finding {
  readonly rule: FindingRule;
  /** The operation during which, or after which, the rule did not hold. */
  readonly operation: string;
  /** One line for people: entries, frames and processes concerned. */
  readonly message: string;
  /** The address spaces concerned, by name. */
  readonly spaces: readonly string[];
}
