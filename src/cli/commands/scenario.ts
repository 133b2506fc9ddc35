/** `pml5 scenario list | run NAME | matrix [NAME]` */
import { POLICY_NAMES } from "../../kernel/frames/policy.ts";
import type { Depth } from "../../kernel/record.ts";
import { KERNELS, kernelNamed } from "../../kernel/records.ts";
import { runMatrix } from "../../kernel/scenarios/matrix.ts";
import { SCENARIOS, scenarioNamed } from "../../kernel/scenarios/registry.ts";
import { listText, matrixText, runText } from "../../kernel/scenarios/report.ts";
import { runScenario } from "../../kernel/scenarios/scenario.ts";
import type { Arguments } from "../arguments.ts";
import { type Command, UsageError } from "../command.ts";
import type { Io } from "../io.ts";
import { decimal } from "../values.ts";

export const scenarioCommand: Command = {
  name: "scenario",
  summary: "play a scene of memory hotplug on a kernel of the history, a checker looking on",
  operands: ["list|run|matrix", "[NAME]"],
  options: {
    kernel: { value: "NAME", help: "which kernel plays; right unless given" },
    levels: { value: "4|5", help: "levels that it is booted with; 4 unless given" },
    built: { value: "4|5", help: "levels that it is built with; as booted unless given" },
    allocator: { value: POLICY_NAMES.join("|"), help: "which freed frame is handed out next" },
    processes: { value: "N", help: "processes that exist from the start" },
    seed: { value: "N", help: "for the allocator random" },
  },
  details: `list names the scenarios and the kernels. run plays one of them step by step. matrix plays
one (2017 unless given) for every kernel, built and booted with 4/4, 5/5 and 5/4 levels, and
compares each outcome with what was expected of it.

The exit code of run is 1 when the kernel stops or a step fails, that of matrix when a cell is not
as expected.`,
  examples: [
    ["scenario run 2017 --kernel v4.12 --levels 4", "the bug of 2017"],
    ["scenario run 2017 --kernel v4.17 --levels 4", "the same with the fix"],
    ["scenario matrix", "all kernels, all depths"],
  ],
  run: (args, io) => {
    const [verb = "", name] = args.operands;
    const action = ACTIONS[verb as keyof typeof ACTIONS];
    if (action === undefined) {
      throw new UsageError(`expected list, run or matrix, got ${JSON.stringify(verb)}`);
    }
    return action(args, io, name);
  },
};

const ACTIONS = { list, run, matrix } as const;

function list(_args: Arguments, io: Io): number {
  for (const line of listText(SCENARIOS)) io.out.line(line);
  io.out.line("");
  const width = Math.max(...KERNELS.map(({ name }) => name.length));
  for (const { name, date, title } of KERNELS) {
    io.out.line(`${name.padEnd(width)}  ${date}  ${title}`);
  }
  return 0;
}

function run(args: Arguments, io: Io, name: string | undefined): number {
  if (name === undefined) throw new UsageError("run needs the name of a scenario; see list");
  const built = depth(args, "built");
  const result = runScenario(scenarioNamed(name), {
    ...choices(args),
    kernel: kernelNamed(args.text("kernel") ?? "right"),
    levels: depth(args, "levels") ?? 4,
    ...(built === undefined ? {} : { built }),
  });
  for (const line of runText(result)) io.out.line(line);
  return result.cell.outcome === "passes" ? 0 : 1;
}

function matrix(args: Arguments, io: Io, name = "2017"): number {
  for (const option of ["levels", "built"]) {
    if (args.has(option)) throw new UsageError(`matrix plays every depth: --${option} has no use`);
  }
  const scenario = scenarioNamed(name);
  const kernel = args.text("kernel");
  const kernels = kernel === undefined ? KERNELS : [kernelNamed(kernel)];
  const rows = runMatrix(scenario, { ...choices(args), kernels });
  for (const line of matrixText(scenario, rows)) io.out.line(line);
  const agrees = rows.every(({ cells }) => Object.values(cells).every((cell) => cell.agrees));
  return agrees ? 0 : 1;
}

function choices(args: Arguments): { allocator?: string; processes?: number; seed?: number } {
  const allocator = args.text("allocator");
  const processes = args.value("processes", decimal(0, 10_000));
  const seed = args.value("seed", decimal(0, 0x7fff_ffff));
  return {
    ...(allocator === undefined ? {} : { allocator }),
    ...(processes === undefined ? {} : { processes }),
    ...(seed === undefined ? {} : { seed }),
  };
}

function depth(args: Arguments, option: string): Depth | undefined {
  const text = args.text(option);
  if (text === undefined) return undefined;
  if (text !== "4" && text !== "5")
    throw new UsageError(`--${option}: expected 4 or 5, got ${text}`);
  return text === "4" ? 4 : 5;
}
