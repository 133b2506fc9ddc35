/** Scenarios and matrices as text. */
import { errnoName } from "../bug.ts";
import { entryText } from "../picture.ts";
import { COLUMNS, type ExpectedCell } from "./cells.ts";
import { describeCell, type MatrixCell, type MatrixRow } from "./matrix.ts";
import type { Scenario, ScenarioRun, StepReport } from "./scenario.ts";

const INDENT = "      ";

/** What a line is about, for whoever has colours. */
export type Tone = "plain" | "heading" | "faint" | "good" | "bad" | "warning";

export interface ReportLine {
  readonly tone: Tone;
  readonly text: string;
}

const plain = (text: string): ReportLine => ({ tone: "plain", text });

/** One line for each scenario: name and title. */
export function listText(scenarios: readonly Scenario[]): string[] {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  return scenarios.map(({ name, title }) => `${name.padEnd(width)}  ${title}`);
}

/** The steps of a run: what each came to, what it changed, what the checker found; and the end. */
export function runText(run: ScenarioRun): ReportLine[] {
  const { kernel, scenario, cell } = run;
  const built = kernel.built === kernel.levels ? "" : `, built with ${kernel.built}`;
  const found = run.checker.findings.length;
  const end = `${cell.outcome}; ${found} finding${found === 1 ? "" : "s"} of the checker`;
  return [
    { tone: "heading", text: `${scenario.name}: ${scenario.title}` },
    ...wrap(scenario.story, 96).map(plain),
    plain(""),
    plain(`kernel ${kernel.record.name} (${kernel.record.date}: ${kernel.record.title})`),
    plain(`${kernel.levels} levels${built}, allocator ${kernel.frames.policyName}`),
    plain(""),
    ...run.steps.flatMap((step) => stepText(run, step)),
    plain(""),
    { tone: cell.outcome === "passes" ? "good" : "bad", text: end },
  ];
}

const CHANGE_TONES = { "+": "good", "-": "warning", "!": "bad", "~": "faint" } as const;

function stepText(run: ScenarioRun, step: StepReport): ReportLine[] {
  const { name, result, findings, notes, changes, dump } = step;
  const good = result.bug === undefined && result.errno === 0;
  const end = result.bug ? result.bug.kind : good ? "ok" : errnoName(result.errno);
  const lines: ReportLine[] = [
    {
      tone: good ? "heading" : "bad",
      text: `${name.padEnd(20)} ${end}${notes.map((note) => `; ${note}`).join("")}`,
    },
  ];
  const say = (tone: Tone, text: string) => lines.push({ tone, text: `${INDENT}${text}` });
  if (result.message !== "") say("bad", result.message);
  for (const { mark, entry } of changes) {
    say(CHANGE_TONES[mark], `${mark} ${entryText(run.kernel, entry)}`);
  }
  for (const { rule, message } of findings) say("warning", `checker: ${rule}: ${message}`);
  for (const text of result.bug?.text ?? []) say("bad", text);
  for (const text of dump) say("faint", text);
  return lines;
}

/** Words in lines of at most `width` columns. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) as string;
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
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
  return `${mark}${observed === "n/a" ? "n/a" : describeCell(observed)}`;
}

/** Each cell that differs, with what was expected and why. */
export function differences(rows: readonly MatrixRow[]): string[] {
  return rows.flatMap((row) =>
    COLUMNS.filter((column) => !row.cells[column].agrees).flatMap((column) => {
      const { observed, expected } = row.cells[column];
      const got = observed === "n/a" ? "n/a" : describeCell(observed);
      const wanted = expected === "n/a" ? "n/a" : describeCell(expected as ExpectedCell);
      const reason = expected === "n/a" ? "no code for 5 levels" : expected?.reason;
      return [
        `${row.kernel.name} ${column}: expected ${wanted}, got ${got}`,
        `${INDENT}${reason ?? ""}`,
      ];
    }),
  );
}
