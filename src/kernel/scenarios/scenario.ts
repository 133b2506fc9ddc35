/** What a scenario is, and how one is run: step by step, the checker looking on. */
import { badArgument } from "../../base/errors.ts";
import { Checker } from "../../check/checker.ts";
import type { Finding } from "../../check/finding.ts";
import { type BootOptions, bootKernel } from "../boot.ts";
import { EINVAL, ENOMEM, errnoName } from "../bug.ts";
import { dumpText } from "../dump.ts";
import type { Kernel, Mm, OperationResult } from "../kernel.ts";
import {
  comparePictures,
  type EntryChangeSeen,
  type PictureEntry,
  takePicture,
} from "../picture.ts";
import { createProcess, destroyProcess } from "../process.ts";
import { emptyTables } from "../reach.ts";
import { KernelView } from "../view.ts";
import type { Cell, ExpectedRow, Outcome } from "./cells.ts";
import type { Range } from "./props.ts";

/** One experiment, told in steps. */
export interface Scenario {
  readonly name: string;
  /** One line. */
  readonly title: string;
  /** What happens and what to look at, for people. */
  readonly story: string;
  /** What it needs of the machine; the caller's choices go before. */
  readonly boot?: BootOptions;
  /** Processes that exist from the start, 2 by default. */
  readonly processes?: number;
  /** The physical range that it is about, for pictures. */
  readonly range?: Range;
  run(stage: Stage): void;
  /** Cells of its matrix by kernel, typed by hand. */
  readonly expected?: Readonly<Record<string, ExpectedRow>>;
}

/** What came of one step. */
export interface StepReport {
  readonly name: string;
  readonly result: OperationResult;
  /** What the checker found in it. */
  readonly findings: readonly Finding[];
  /** What there is to say besides. */
  readonly notes: readonly string[];
  /** What it changed on the way to the scenario's range; empty unless pictures are wanted. */
  readonly changes: readonly EntryChangeSeen[];
  /** The entries on that way afterwards; likewise. */
  readonly picture: readonly PictureEntry[];
  /** The kernel half as Linux's page_tables file shows it; empty unless asked for. */
  readonly dump: readonly string[];
}

export interface ScenarioOptions extends BootOptions {
  readonly processes?: number;
  /** Whether each step is to tell what it changed; false by default. */
  readonly pictures?: boolean;
  /** The step after which the tables are dumped, or `all`. */
  readonly dump?: string | undefined;
}

export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly kernel: Kernel;
  readonly checker: Checker;
  readonly steps: readonly StepReport[];
  /** Observed, in the form of a cell of the matrix. */
  readonly cell: Cell;
}

/** The stage on which a scenario plays: one booted kernel and its checker. */
export class Stage {
  readonly kernel: Kernel;
  readonly checker: Checker;
  readonly steps: StepReport[] = [];
  #notes: string[] = [];
  #tablesKept: number | null = null;
  readonly #range: Range | undefined;
  readonly #dump: string | undefined;
  #picture: readonly PictureEntry[] = [];

  /**
   * @param range what pictures are taken of, if any
   * @param dump the step after which the tables are dumped, or `all`
   */
  constructor(kernel: Kernel, range?: Range, dump?: string) {
    this.kernel = kernel;
    this.#range = range;
    this.#dump = dump;
    this.#picture = this.#takePicture();
    this.checker = new Checker(new KernelView(kernel));
  }

  get tablesKept(): number | null {
    return this.#tablesKept;
  }

  /**
   * One operation. After a BUG nothing runs any more, and nothing is reported.
   * @param body returns 0 or a negative errno
   */
  step(name: string, body: (kernel: Kernel) => number): void {
    if (this.kernel.bug) return;
    const known = this.checker.findings.length;
    const result = this.kernel.operation(name, () => body(this.kernel));
    const findings = this.checker.findings.slice(known);
    const before = this.#picture;
    this.#picture = this.#takePicture();
    const changes = comparePictures(before, this.#picture);
    const dump = this.#dump === name || this.#dump === "all" ? dumpText(this.kernel) : [];
    const report = { name, result, findings, notes: this.#notes, changes, dump };
    this.steps.push({ ...report, picture: this.#picture });
    this.#notes = [];
  }

  #takePicture(): PictureEntry[] {
    if (this.#range === undefined) return [];
    return takePicture(this.kernel, this.#range.start, this.#range.bytes);
  }

  /** A step that has to come back with `errno`, and fails when it does not. */
  refusal(name: string, errno: number, body: (kernel: Kernel) => number): void {
    this.step(name, (k) => {
      const got = body(k);
      if (got !== errno)
        return k.fail(EINVAL, `expected ${errnoName(errno)}, got ${errnoName(got)}`);
      this.note(`${errnoName(errno)}, as it should be`);
      return 0;
    });
  }

  /** Something to say about the step under way. */
  note(text: string): void {
    this.#notes.push(text);
  }

  /** Creates processes, as part of a step. @returns 0 or -ENOMEM */
  fork(count: number): number {
    for (let i = 0; i < count; i++) {
      if (createProcess(this.kernel) === undefined) return ENOMEM;
    }
    return 0;
  }

  /** Ends a process, as part of a step. */
  exit(mm: Mm): void {
    destroyProcess(this.kernel, mm);
  }

  /** Runs `body` with each process's address space loaded in turn. */
  asEachProcess(body: (mm: Mm) => void): void {
    for (const mm of [...this.kernel.pgdList]) {
      this.kernel.processor.switchMm(mm);
      body(mm);
    }
    this.kernel.processor.switchMm(this.kernel.initMm);
  }

  /**
   * Counts the empty tables on the paths of a removed range, in the direct map and the memmap; the
   * first call is the one that counts for the matrix.
   */
  countKept({ start, bytes }: Range): 0 {
    const { layout } = this.kernel;
    const memmap = layout.vmemmapRange(start, bytes);
    const kept =
      emptyTables(this.kernel, layout.directPage(start), layout.directPage(start + bytes)).length +
      emptyTables(this.kernel, memmap.from, memmap.to).length;
    this.#tablesKept ??= kept;
    this.note(`${kept} empty table${kept === 1 ? "" : "s"} kept`);
    return 0;
  }
}

/**
 * Boots and plays.
 * @throws ArgumentError for options that cannot be
 */
export function runScenario(scenario: Scenario, options: ScenarioOptions = {}): ScenarioRun {
  const processes = options.processes ?? scenario.processes ?? 2;
  if (!Number.isInteger(processes) || processes < 0) {
    badArgument("processes", "a whole number from 0", processes);
  }
  const kernel = bootKernel({ ...scenario.boot, ...options });
  const stage = new Stage(kernel, options.pictures ? scenario.range : undefined, options.dump);
  if (processes > 0) stage.step("boot", () => stage.fork(processes));
  scenario.run(stage);
  const cell = cellOf(stage);
  return { scenario, kernel, checker: stage.checker, steps: stage.steps, cell };
}

function cellOf(stage: Stage): Cell {
  const first = stage.checker.findings[0];
  const finding = first ? { rule: first.rule, step: first.operation } : null;
  return { outcome: outcomeOf(stage), tablesKept: stage.tablesKept, finding };
}

function outcomeOf(stage: Stage): Outcome {
  if (stage.kernel.bug) return stage.kernel.bug.kind;
  return stage.steps.some((step) => step.result.errno !== 0) ? "fails" : "passes";
}
