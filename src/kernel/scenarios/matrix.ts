/** One scenario for every kernel, built and booted at every depth, against what was expected. */
import type { KernelRecord } from "../record.ts";
import { KERNELS } from "../records.ts";
import { type Cell, COLUMNS, type Column, type ExpectedCell } from "./cells.ts";
import { runScenario, type Scenario } from "./scenario.ts";

export interface MatrixCell {
  readonly observed: Cell | "n/a";
  /** undefined: nobody has said. */
  readonly expected: ExpectedCell | "n/a" | undefined;
  readonly agrees: boolean;
}

export interface MatrixRow {
  readonly kernel: KernelRecord;
  readonly cells: Readonly<Record<Column, MatrixCell>>;
}

export interface MatrixOptions {
  readonly kernels?: readonly KernelRecord[];
  readonly allocator?: string;
  readonly processes?: number;
  readonly seed?: number;
}

const DEPTHS = {
  "4/4": { built: 4, levels: 4 },
  "5/5": { built: 5, levels: 5 },
  "5/4": { built: 5, levels: 4 },
} as const;

/** Runs the scenario for each kernel and column. Kernels without 5-level code have "n/a" there. */
export function runMatrix(scenario: Scenario, options: MatrixOptions = {}): MatrixRow[] {
  const { kernels = KERNELS, ...choices } = options;
  return kernels.map((kernel) => {
    const cells = COLUMNS.map((column) => {
      const depth = DEPTHS[column];
      const expected = scenario.expected?.[kernel.name]?.[column];
      const observed =
        depth.built === 5 && !kernel.fiveLevels
          ? "n/a"
          : runScenario(scenario, { ...choices, ...depth, kernel }).cell;
      return [column, { observed, expected, agrees: agrees(observed, expected) }];
    });
    return { kernel, cells: Object.fromEntries(cells) as MatrixRow["cells"] };
  });
}

/** Whether what was observed is what was expected; without an expectation it is. */
export function agrees(observed: Cell | "n/a", expected: Cell | "n/a" | undefined): boolean {
  if (expected === undefined) return true;
  if (observed === "n/a" || expected === "n/a") return observed === expected;
  return (
    observed.outcome === expected.outcome &&
    observed.tablesKept === expected.tablesKept &&
    observed.finding?.rule === expected.finding?.rule &&
    observed.finding?.step === expected.finding?.step
  );
}

/** Outcome, empty tables kept (- for none counted), the first finding and its step. */
export function describeCell(cell: Cell): string {
  const kept = cell.tablesKept === null ? "-" : String(cell.tablesKept);
  const finding = cell.finding ? `${cell.finding.rule} (${cell.finding.step})` : "clean";
  return `${cell.outcome.padEnd(6)} ${kept} ${finding}`;
}
