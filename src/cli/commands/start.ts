/** `pml5 start`: the story of 2017 on two kernels at two depths, and two real kernels' tables. */
import { levelName, type PictureEntry } from "../../kernel/picture.ts";
import type { Depth } from "../../kernel/record.ts";
import type { Cell, ExpectedCell } from "../../kernel/scenarios/cells.ts";
import { agrees, describeCell } from "../../kernel/scenarios/matrix.ts";
import { scenarioNamed } from "../../kernel/scenarios/registry.ts";
import { wrap } from "../../kernel/scenarios/report.ts";
import { runScenario, type ScenarioRun, type StepReport } from "../../kernel/scenarios/scenario.ts";
import type { Command } from "../command.ts";
import type { Io } from "../io.ts";
import { beside, type Style } from "../style.ts";
import { verifyRealDumps } from "./dumps.ts";

export const startCommand: Command = {
  name: "start",
  summary: "the bug of 2017 on a broken and on the mended kernel, and two real page-table dumps",
  operands: [],
  options: {},
  details: `Plays the scenario 2017 on v4.12 and on the fix as merged, with 4 and with 5 levels: memory is
added, removed and added again. Then verifies the tables of two dumps of a running Linux 6.1 against
what QEMU's monitor listed. The exit code is 1 if anything is not as expected.`,
  examples: [["start", "what npm start runs"]],
  run: start,
};

const KERNELS = [
  { name: "v4.12", title: "v4.12, the regression" },
  { name: "glisse-v3", title: "glisse-v3, the fix as merged" },
] as const;

/** The steps that the story shows. */
const SHOWN = ["add", "remove", "fork", "add again"];

async function start(_args: unknown, io: Io): Promise<number> {
  const { style } = io;
  io.out.line(style.paint("heading", "June 2017: memory is added, removed and added again"));
  for (const line of PROLOGUE) io.out.line(line);
  const told = ([4, 5] as const).map((levels) => tell(levels, io));
  for (const line of EPILOGUE) io.out.line(line);
  io.out.line();
  const verified = await verifyRealDumps(io);
  io.out.line();
  for (const line of NEXT) io.out.line(line);
  return told.every((good) => good) && verified ? 0 : 1;
}

const PROLOGUE = [
  "A DIMM of 256 MiB at 512 GiB, two processes. Each has a top table (PGD) of its own, with a copy of",
  "the kernel's entries in init_mm's. Removal walks init_mm's tables only. Left and right differ in one",
  "line: whether remove_p4d_table() frees the PUD table that is empty now.",
];

const EPILOGUE = [
  "",
  "With 4 levels the PUD table hangs on a top entry that every process has copied: it must stay. With",
  "5 it hangs on a P4D table that all share, and may go. Both kernels free tables before the flush, as",
  "Linux does: ./pml5 scenario run flush-tables shows what that can do.",
];

const NEXT = [
  "Next: ./pml5 scenario run 2017 --kernel v4.12    the same, each step with all that it changed",
  "      ./pml5 scenario matrix                     every kernel of the thread, at 4/4, 5/5 and 5/4",
  "      ./pml5 scenario list                       the other scenarios and the kernels",
  "      ./pml5 dumps, ./pml5 help                  the walks of the real dumps; all commands",
];

/** The story at one depth, both kernels side by side. @returns whether both end as expected */
function tell(levels: Depth, io: Io): boolean {
  const { style } = io;
  const story = scenarioNamed("2017");
  const runs = KERNELS.map(({ name }) =>
    runScenario(story, { kernel: name, levels, pictures: true }),
  );
  io.out.line();
  io.out.line(
    beside(KERNELS.map(({ title }) => style.paint("heading", `${levels} levels: ${title}`))),
  );
  for (const name of SHOWN) {
    const columns = runs.map((run) => stepColumn(run, name, style));
    const rows = Math.max(...columns.map((column) => column.length));
    for (let row = 0; row < rows; row++) {
      io.out.line(beside(columns.map((column) => column[row] ?? "")));
    }
  }
  return runs.map((run) => printEnd(run, levels, io)).every((good) => good);
}

/** A step in half a line's width: its end, the tables after it, the checker's first finding. */
function stepColumn(run: ScenarioRun, name: string, style: Style): string[] {
  const step = run.steps.find((each) => each.name === name);
  if (step === undefined) return [];
  const bug = step.result.bug?.text[0]?.split(":")[0];
  const head = bug === undefined ? style.paint("good", "ok") : style.paint("bad", bug);
  const changed = step.changes.length > 0 && name !== "fork";
  const lines = [`${name.padEnd(10)} ${head}`];
  if (changed) lines.push(...pictureLines(run, step, style));
  const finding = step.findings[0];
  if (finding !== undefined) lines.push(`  ${style.paint("warning", `checker: ${finding.rule}`)}`);
  return lines;
}

/** The entries on the way to the DIMM in the direct map. */
function pictureLines({ kernel }: ScenarioRun, { picture }: StepReport, style: Style): string[] {
  const { layout } = kernel;
  const direct = picture.filter(({ address }) => layout.inDirectMap(layout.pageOf(address)));
  const tops = direct.filter(({ level }) => level === kernel.levels).length;
  return direct.map((entry) => {
    const { level, index, count, state } = entry;
    const indices = count === 1 ? String(index) : `${index}-${index + count - 1}`;
    const indent = "  ".repeat(kernel.levels - level + 1);
    const who =
      level < kernel.levels ? "" : `  ${tops === 1 ? "all" : entry.spaces.slice(0, 3).join(", ")}`;
    const text = `${indent}${levelName(kernel, level)}[${indices}] ${leadText(entry)}${who}`;
    return state === "right" ? text : style.paint("bad", text);
  });
}

function leadText({ target, leadsTo, count, state }: PictureEntry): string {
  if (target === null) return "empty";
  const flaw = state === "right" ? "" : ` ${state.toUpperCase()}`;
  return count > 1 ? `-> ${leadsTo}` : `-> 0x${target.toString(16)} ${leadsTo}${flaw}`;
}

/** What the checker said, what Linux said, and whether that was expected. */
function printEnd({ scenario, kernel, steps, cell }: ScenarioRun, levels: Depth, io: Io): boolean {
  const { name } = kernel.record;
  const expected = scenario.expected?.[name]?.[`${levels}/${levels}` as "4/4" | "5/5"];
  const stale = steps.flatMap(({ findings }) => findings).find(({ rule }) => rule.includes("top"));
  if (stale !== undefined) {
    for (const line of wrap(`checker, ${stale.operation}: ${stale.message}`, 96)) {
      io.out.line(`  ${line}`);
    }
  }
  for (const text of kernel.bug?.text ?? []) {
    for (const line of wrap(text, 96)) io.out.line(`  ${line}`);
  }
  if (agrees(cell, expected)) return true;
  const wanted = expected === "n/a" ? expected : describeCell(expected as ExpectedCell);
  const got = describeCell(cell satisfies Cell);
  io.out.line(io.style.paint("bad", `  DIFFERENT: ${name}: expected ${wanted}, got ${got}`));
  return false;
}
