/** `pml5 scenario list | run NAME | matrix [NAME]` */
import { POLICY_NAMES } from "../../kernel/frames/policy.ts";
import type { Depth, KernelRecord } from "../../kernel/record.ts";
import { KERNELS } from "../../kernel/records.ts";
import { listJson, matrixAgrees, matrixJson, runJson } from "../../kernel/scenarios/json.ts";
import { runMatrix } from "../../kernel/scenarios/matrix.ts";
import { SCENARIOS } from "../../kernel/scenarios/registry.ts";
import { listText, matrixText, type ReportLine, runText } from "../../kernel/scenarios/report.ts";
import { runScenario, type Scenario, type ScenarioRun } from "../../kernel/scenarios/scenario.ts";
import type { Arguments } from "../arguments.ts";
import { type Command, UsageError } from "../command.ts";
import type { Io } from "../io.ts";
import { suggestion } from "../suggestion.ts";
import { decimal } from "../values.ts";

export const scenarioCommand: Command = {
  name: "scenario",
  summary: "play memory hotplug on a kernel of the history, a checker looking on",
  operands: ["list|run|matrix", "[NAME]"],
  options: {
    kernel: { value: "NAME", help: "which kernel plays; run: right, matrix: all unless given" },
    levels: { value: "4|5", help: "levels that it is booted with; 4 unless given" },
    built: { value: "4|5", help: "levels that it is built with; as booted unless given" },
    allocator: {
      value: POLICY_NAMES.join("|"),
      help: "which freed frame is handed out next; the scenario's own unless given",
    },
    processes: { value: "N", help: "processes that exist from the start; 2 unless given" },
    seed: { value: "N", help: "for the allocator random; 1 unless given" },
    dump: {
      value: "STEP",
      help: "run: the tables as Linux's ptdump after this step, or after all",
    },
    format: { value: "text|json", help: "text unless given" },
  },
  details: `list names the scenarios and the kernels. run plays one scenario and tells of each step what it
came to, which entries it changed, what the checker found, and what Linux would print. matrix plays
one (2017 unless given) for every kernel, built and booted with 4/4, 5/5 and 5/4 levels, and
compares each cell with what was expected of it, typed by hand for the scenario's own allocator.

Changes: + appeared, - vanished, ! stale or missing in a process, ~ leads to something else now.

The exit code of run is 1 when the kernel stops or a step fails, that of matrix when a cell is not
as expected.`,
  examples: [
    ["scenario run 2017 --kernel v4.12 --levels 4", "the bug of 2017"],
    ["scenario run 2017 --kernel glisse-v3 --levels 4", "the same with the fix"],
    ["scenario run 2017 --kernel v4.17 --dump remove", "the page-table dump after the removal"],
    ["scenario matrix", "all kernels, all depths"],
    ["scenario matrix partial-first --kernel v6.17", "one kernel's row of another scenario"],
  ],
  run: (args, io) => {
    const [verb = "", name] = args.operands;
    if (!Object.hasOwn(ACTIONS, verb)) {
      const near = suggestion(verb, Object.keys(ACTIONS));
      throw new UsageError(`expected list, run or matrix, got ${JSON.stringify(verb)}${near}`);
    }
    return ACTIONS[verb as keyof typeof ACTIONS](args, io, name);
  },
};

const ACTIONS = { list, run, matrix } as const;

function list(args: Arguments, io: Io, name: string | undefined): number {
  if (name !== undefined) throw new UsageError(`list takes no name, got ${JSON.stringify(name)}`);
  if (json(args, io, () => listJson(SCENARIOS, KERNELS))) return 0;
  for (const line of listText(SCENARIOS)) io.out.line(line);
  io.out.line("");
  const width = Math.max(...KERNELS.map((kernel) => kernel.name.length));
  for (const kernel of KERNELS) {
    io.out.line(`${kernel.name.padEnd(width)}  ${kernel.date}  ${kernel.title}`);
  }
  return 0;
}

function run(args: Arguments, io: Io, name: string | undefined): number {
  if (name === undefined) throw new UsageError("run needs the name of a scenario; see list");
  const built = depth(args, "built");
  const dump = args.text("dump");
  const result = runScenario(scenarioNamed(name), {
    ...choices(args),
    kernel: kernelNamed(args.text("kernel") ?? "right"),
    levels: depth(args, "levels") ?? 4,
    ...(built === undefined ? {} : { built }),
    pictures: true,
    dump,
  });
  if (dump !== undefined) checkDumpStep(dump, result);
  if (!json(args, io, () => runJson(result))) print(runText(result), io);
  return result.cell.outcome === "passes" ? 0 : 1;
}

function matrix(args: Arguments, io: Io, name = "2017"): number {
  for (const option of ["levels", "built", "dump"]) {
    if (args.has(option)) throw new UsageError(`matrix plays every depth: --${option} has no use`);
  }
  const scenario = scenarioNamed(name);
  const kernel = args.text("kernel");
  const kernels = kernel === undefined ? KERNELS : [kernelNamed(kernel)];
  const rows = runMatrix(scenario, { ...choices(args), kernels });
  if (!json(args, io, () => matrixJson(scenario, rows))) {
    for (const line of matrixText(scenario, rows)) io.out.line(line);
  }
  return matrixAgrees(rows) ? 0 : 1;
}

/** Prints `value` if JSON is wanted. @returns whether it is */
function json(args: Arguments, io: Io, value: () => unknown): boolean {
  if (args.choice("format", ["text", "json"]) === "text") return false;
  io.out.line(JSON.stringify(value(), null, 2));
  return true;
}

function print(lines: readonly ReportLine[], io: Io): void {
  for (const { tone, text } of lines) {
    io.out.line(io.style.paint(tone, text));
  }
}

function checkDumpStep(dump: string, { steps }: ScenarioRun): void {
  const names = ["all", ...steps.map((step) => step.name)];
  if (names.includes(dump)) return;
  const got = `${JSON.stringify(dump)}${suggestion(dump, names)}`;
  throw new UsageError(`--dump: expected one of ${names.join(", ")}, got ${got}`);
}

function scenarioNamed(name: string): Scenario {
  return oneOf(SCENARIOS, name, "scenario");
}

function kernelNamed(name: string): KernelRecord {
  return oneOf(KERNELS, name, "kernel");
}

function oneOf<T extends { readonly name: string }>(
  all: readonly T[],
  name: string,
  what: string,
): T {
  const found = all.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = all.map((each) => each.name);
  const got = `${JSON.stringify(name)}${suggestion(name, names)}`;
  throw new UsageError(`${what}: expected one of ${names.join(", ")}, got ${got}`);
}

function choices(args: Arguments): { allocator?: string; processes?: number; seed?: number } {
  const allocator = args.text("allocator");
  const processes = args.value("processes", decimal(0, 10_000));
  const seed = args.value("seed", decimal(0, 0x7fff_ffff));
  if (allocator !== undefined) args.choice("allocator", POLICY_NAMES);
  return {
    ...(allocator === undefined ? {} : { allocator }),
    ...(processes === undefined ? {} : { processes }),
    ...(seed === undefined ? {} : { seed }),
  };
}

function depth(args: Arguments, option: string): Depth | undefined {
  if (!args.has(option)) return undefined;
  return args.choice(option, ["4", "5"]) === "4" ? 4 : 5;
}
