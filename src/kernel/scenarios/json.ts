/** Scenarios, runs and matrices as plain objects for `--format json`; 64-bit words as hex text. */
import { hex64 } from "../../base/hex.ts";
import { errnoName, type KernelBug } from "../bug.ts";
import type { EntryChangeSeen } from "../picture.ts";
import type { KernelRecord } from "../record.ts";
import type { MatrixRow } from "./matrix.ts";
import type { Scenario, ScenarioRun, StepReport } from "./scenario.ts";

export function listJson(scenarios: readonly Scenario[], kernels: readonly KernelRecord[]) {
  return {
    scenarios: scenarios.map(({ name, title, story }) => ({ name, title, story })),
    kernels,
  };
}

export function runJson({ scenario, kernel, steps, cell }: ScenarioRun) {
  return {
    scenario: scenario.name,
    kernel: kernel.record.name,
    levels: kernel.levels,
    built: kernel.built,
    allocator: kernel.frames.policyName,
    steps: steps.map(stepJson),
    ...cell,
  };
}

function stepJson({ name, result, findings, notes, changes, dump }: StepReport) {
  return {
    name,
    errno: errnoName(result.errno),
    message: result.message,
    bug: result.bug ? bugJson(result.bug) : null,
    findings,
    notes,
    changes: changes.map(changeJson),
    dump,
  };
}

function bugJson({ kind, condition, trace, address, errorCode, tables, text }: KernelBug) {
  return { kind, condition, trace, address: hex64(address), errorCode, tables, text };
}

function changeJson({ mark, entry }: EntryChangeSeen) {
  return { mark, ...entry, address: hex64(entry.address) };
}

export function matrixJson(scenario: Scenario, rows: readonly MatrixRow[]) {
  return {
    scenario: scenario.name,
    rows: rows.map(({ kernel, cells }) => ({ kernel: kernel.name, cells })),
    agrees: matrixAgrees(rows),
  };
}

/** Whether every cell is as expected. */
export function matrixAgrees(rows: readonly MatrixRow[]): boolean {
  return rows.every(({ cells }) => Object.values(cells).every((cell) => cell.agrees));
}
