/** Prints results as they come, and saves them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Environment } from "./environment.ts";
import type { CaseResult, Comparison, Judgement } from "./measure.ts";
import type { Options } from "./options.ts";
import { ROOT } from "./root.ts";

const NAME_WIDTH = 52;

export function printHeader(env: Environment): void {
  const state = env.modified ? " (modified)" : "";
  console.log(`pml5 ${env.commit}${state}, Node ${env.node}, ${env.cpu} x${env.cpus}`);
  console.log(
    env.compiler === null
      ? "No C compiler found (tried CC, gcc, cc, clang): absolute figures only."
      : `C baselines: ${env.compiler}, -O3. Ratios are our time divided by theirs.`,
  );
  console.log();
}

/** For example `walk/5-level/4k/l2/random/batch   6.1 ns/walk   C 6.4 ns  0.95x   <= 1.0 met`. */
export function caseLine(result: CaseResult): string {
  const absolute = `${time(result.ours.bestNs)}/${result.operation}`;
  const compared = result.comparisons.map((comparison, i) =>
    comparisonText(comparison, result.baselines[i]?.bestNs ?? Number.NaN),
  );
  const targets = result.targets.map(targetText);
  const notes = result.note ? [result.note] : [];
  const name = result.name.padEnd(NAME_WIDTH);
  return [name, absolute.padStart(15), ...compared, ...targets, ...notes].join("  ");
}

function comparisonText({ against, ratio }: Comparison, ns: number): string {
  return `${against} ${time(ns).padStart(8)} ${ratio.toFixed(2).padStart(6)}x`;
}

function targetText({ against, atMost, met }: Judgement): string {
  const limit = against === undefined ? time(atMost) : atMost.toString();
  return `target <= ${limit}: ${met ? "met" : "MISSED"}`;
}

function time(ns: number): string {
  if (ns >= 1e9) return `${(ns / 1e9).toPrecision(3)} s`;
  if (ns >= 1e6) return `${(ns / 1e6).toPrecision(3)} ms`;
  if (ns >= 1e4) return `${(ns / 1e3).toPrecision(3)} us`;
  return `${ns < 100 ? ns.toFixed(2) : ns.toFixed(0)} ns`;
}

export function printSummary(results: readonly CaseResult[], failures: number): void {
  const targets = results.flatMap((result) => result.targets);
  const met = targets.filter((target) => target.met).length;
  const failed = failures ? `, ${failures} failed` : "";
  console.log(`\n${results.length} benchmarks${failed}; ${met} of ${targets.length} targets met.`);
}

/** @returns the file's path */
export function saveResults(
  results: readonly CaseResult[],
  env: Environment,
  { json, rounds, milliseconds }: Options,
): string {
  const day = env.date.slice(0, 19).replaceAll(":", "");
  const file = json ? resolve(json) : join(ROOT, "bench/results", `${day}-${env.commit}.json`);
  mkdirSync(dirname(file), { recursive: true });
  const content = { format: 1, ...env, rounds, milliseconds, results };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  return file;
}

/** The line on a terminal that says what runs now; nothing elsewhere. */
export class Progress {
  readonly #total: number;
  readonly #shown = process.stderr.isTTY === true;
  #done = 0;

  constructor(total: number) {
    this.#total = total;
  }

  begin(name: string): void {
    this.#done += 1;
    if (this.#shown) process.stderr.write(`\r\x1b[K[${this.#done}/${this.#total}] ${name}`);
  }

  clear(): void {
    if (this.#shown) process.stderr.write("\r\x1b[K");
  }
}
