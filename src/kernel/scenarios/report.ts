/** Scenarios and matrices as text. */
import { errnoName } from "../bug.ts";
import { type Cell, COLUMNS, type ExpectedCell } from "./cells.ts";
import type { MatrixCell, MatrixRow } from "./matrix.ts";
import type { Scenario, ScenarioRun, StepReport } from "./scenario.ts";

const INDENT = "      ";

/** One line for each scenario: name and title. */
export function listText(scenarios: readonly Scenario[]): string[] {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  return scenarios.map(({ name, title }) => `${name.padEnd(width)}  ${title}`);
}

/** The steps of a run with what each came to, and the end of it. */
export function runText(run: ScenarioRun): string[] {
  const { kernel, scenario, cell } = run;
  const built = kernel.built === kernel.levels ? "" : `, built with ${kernel.built}`;
  const lines = [
    `${scenario.name}: ${scenario.title}`,
    `kernel ${kernel.record.name} (${kernel.record.date}: ${kernel.record.title})`,
    `${kernel.levels} levels${built}, ${kernel.pgdList.length} processes`,
    "",
  ];
  for (const step of run.steps) lines.push(...stepText(step));
  const found = run.checker.findings.length;
  lines.push("", `${cell.outcome}; ${found} finding${found === 1 ? "" : "s"} of the checker`);
  return lines;
}

function stepText({ name, result, findings, notes }: StepReport): string[] {
  const end = result.bug ? result.bug.kind : result.errno === 0 ? "ok" : errnoName(result.errno);
  const lines = [`${name.padEnd(16)} ${end}${notes.map((note) => `; ${note}`).join("")}`];
  if (result.message !== "") lines.push(`${INDENT}${result.message}`);
  for (const { rule, message } of findings) lines.push(`${INDENT}checker: ${rule}: ${message}`);
  for (const line of result.bug?.text ?? []) lines.push(`${INDENT}${line}`);
  return lines;
}

const MARK_INFERRED = "~";
const MARK_DIFFERS = "!";

/** The matrix as one table, and below it each cell that is not as expected. */
export function matrixText(scenario: Scenario, rows: readonly MatrixRow[]): string[] {
  const table = rows.map((row) => [
    row.kernel.name,
    ...COLUMNS.map((column) => cellText(row.cells[column])),
  ]);
  table.unshift(["built/booted", ...COLUMNS]);
  const widths = table[0]?.map((_, i) => Math.max(...table.map((line) => line[i]?.length ?? 0)));
  const lines = [`${scenario.name}: ${scenario.title}`, ""];
  for (const line of table) {
    lines.push(
      line
        .map((text, i) => text.padEnd(widths?.[i] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  }
  const inferred = `${MARK_INFERRED} expectation inferred, not seen in a real run`;
  lines.push("", `outcome, empty tables kept, the checker's first finding; ${inferred}`);
  lines.push(...differences(rows));
  return lines;
}

function cellText({ observed, expected, agrees }: MatrixCell): string {
  const inferred = expected !== undefined && expected !== "n/a" && expected.inferred;
  const mark = agrees ? (inferred ? MARK_INFERRED : " ") : MARK_DIFFERS;
  return `${mark}${observed === "n/a" ? "n/a" : describe(observed)}`;
}

function describe(cell: Cell): string {
  const kept = cell.tablesKept === null ? "-" : String(cell.tablesKept);
  const finding = cell.finding ? `${cell.finding.rule} (${cell.finding.step})` : "clean";
  return `${cell.outcome.padEnd(6)} ${kept} ${finding}`;
}

/** Each cell that differs, with what was expected and why. */
export function differences(rows: readonly MatrixRow[]): string[] {
  return rows.flatMap((row) =>
    COLUMNS.filter((column) => !row.cells[column].agrees).flatMap((column) => {
      const { observed, expected } = row.cells[column];
      const got = observed === "n/a" ? "n/a" : describe(observed);
      const wanted = expected === "n/a" ? "n/a" : describe(expected as ExpectedCell);
      const reason = expected === "n/a" ? "no code for 5 levels" : expected?.reason;
      return [
        `${row.kernel.name} ${column}: expected ${wanted}, got ${got}`,
        `${INDENT}${reason ?? ""}`,
      ];
    }),
  );
}
