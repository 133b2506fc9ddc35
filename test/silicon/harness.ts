/**
 * Random instructions on the processor at hand and in pml5, compared.
 *
 *     rows.ts       which rows of the decoder's tables run (usesVectors: with XMM, MMX, MXCSR)
 *     encoder.ts    an encoding of a row; scenes.ts what registers and memory it needs
 *     native.ts     runs cases natively (native.c); emulated.ts runs them in pml5
 *     compare.ts    finds differences but for undefined-results.ts, which cites the manual
 *
 * A new instruction needs nothing but its row and its meaning to be compared. One that would only
 * fault gets a line in scenes.ts; what the manual leaves undefined a line in undefined-results.ts.
 * A difference is reduced to one instruction and reported with the state before and both results;
 * PML5_SEED repeats a run, PML5_SILICON_ROWS=shl,div,… restricts it to those semantics.
 */
import type { InstructionRow } from "../../src/cpu/decode/row.ts";
import { CASE, type CaseMode, newCases, RESULT, type Records } from "./cases.ts";
import { compare, type Difference } from "./compare.ts";
import { Emulated } from "./emulated.ts";
import { writeSequence, writeSingle } from "./generator.ts";
import type { Native } from "./native.ts";
import { Random } from "./random.ts";
import { instructionLengths, lastRow, type Run, report } from "./report.ts";
import { comparableRows } from "./rows.ts";

const BATCH = 20_000;
const SEQUENCE_LENGTH = 6;
/** Differences that are reported in full; one a row. */
const REPORTS = 12;
/** Differences that are reduced to one instruction. */
const SHRINKS = 60;

/**
 * POPF could switch single-stepping on; CALL and CMPS fault for two reasons at once; what ENTER has
 * pushed when it faults stays on silicon.
 */
const NOT_IN_SEQUENCE = /^(popf|call|cmps|enter)$/;

export interface Totals {
  readonly seed: number;
  cases: number;
  instances: number;
  /** Cases that ended with an exception. */
  faults: number;
  differences: number;
  /** Cases that differ in nothing but undefined results, by semantic. */
  readonly undefinedOnly: Map<string, number>;
  /** Instances by row id. */
  readonly byRow: Map<number, number>;
  readonly reports: string[];
}

export interface Plan {
  readonly instances: number;
  readonly mode: CaseMode;
  readonly vectors: boolean;
  /** Several instructions a case. */
  readonly sequences: boolean;
  readonly seed: number;
}

export class Harness {
  readonly #native: Native;
  readonly #emulated = new Emulated();
  readonly #reported = new Set<string>();
  readonly #seen = new Set<string>();

  constructor(native: Native) {
    this.#native = native;
  }

  async run({ instances, mode, vectors, sequences, seed }: Plan): Promise<Totals> {
    const all = chosenRows(comparableRows(mode, vectors, (feature) => this.#native.has(feature)));
    const rows = sequences ? all.filter(({ semantic }) => !NOT_IN_SEQUENCE.test(semantic)) : all;
    const random = new Random(seed);
    const totals = newTotals(seed);
    let next = 0;
    while (totals.instances < instances && rows.length > 0) {
      const cases = newCases(Math.min(BATCH, instances - totals.instances), vectors, mode);
      let count = 0;
      while (count < cases.count) {
        const chosen = sequences
          ? writeSequence(cases, count, rows, random, SEQUENCE_LENGTH)
          : [rows[next++ % rows.length] as InstructionRow];
        if (
          !sequences &&
          !writeSingle(cases, count, chosen[0] as InstructionRow, random, vectors)
        ) {
          continue;
        }
        if (chosen.length === 0) continue;
        for (const { id } of chosen) totals.byRow.set(id, (totals.byRow.get(id) ?? 0) + 1);
        totals.instances += chosen.length;
        count += 1;
      }
      await this.#compare(cases, vectors, totals);
    }
    return totals;
  }

  async #compare(cases: Records, vectors: boolean, totals: Totals): Promise<void> {
    const native = this.#native.run(cases, vectors);
    const emulated = this.#emulated.run(cases, vectors);
    const { differences, undefinedOnly } = compare(cases, native, emulated);
    totals.cases += cases.count;
    for (let index = 0; index < cases.count; index++) {
      if (native.view.getInt32(native.at(index) + RESULT.trap, true) >= 0) totals.faults += 1;
    }
    totals.differences += differences.length;
    for (const index of undefinedOnly) {
      const name = nameOf(cases, index);
      totals.undefinedOnly.set(name, (totals.undefinedOnly.get(name) ?? 0) + 1);
    }
    for (const difference of differences) {
      if (totals.reports.length >= REPORTS) return;
      // Shrinking starts programs: once for what looks alike.
      const alike = `${nameOf(cases, difference.index)} ${difference.fields}`;
      if (this.#seen.has(alike) || this.#seen.size > SHRINKS) continue;
      this.#seen.add(alike);
      const run = { cases, native, emulated };
      const shrunk = this.#shrink(run, difference, vectors);
      const name = `${nameOf(shrunk.run.cases, shrunk.difference.index)} ${shrunk.difference.fields}`;
      if (this.#reported.has(name)) continue;
      this.#reported.add(name);
      totals.reports.push(await report(shrunk.run, shrunk.difference));
    }
  }

  /** The one instruction of a sequence that differs, from the state that it had natively. */
  #shrink(
    run: Run,
    difference: Difference,
    vectors: boolean,
  ): { run: Run; difference: Difference } {
    const lengths = instructionLengths(run.cases, difference.index);
    let before = copyOf(run.cases, difference.index, vectors);
    let offset = 0;
    for (const length of lengths) {
      const single = copyOf(before, 0, vectors);
      takeCode(single, run.cases, difference.index, offset, length);
      const native = this.#native.run(single, vectors);
      const emulated = this.#emulated.run(single, vectors);
      const after = stateAfter(single, native);
      const [found] = compare(single, native, emulated).differences;
      if (found) return { run: { cases: single, native, emulated }, difference: found };
      before = after;
      offset += length;
    }
    return { run, difference };
  }
}

function newTotals(seed: number): Totals {
  return {
    seed,
    cases: 0,
    instances: 0,
    faults: 0,
    differences: 0,
    undefinedOnly: new Map(),
    byRow: new Map(),
    reports: [],
  };
}

function chosenRows(rows: InstructionRow[]): InstructionRow[] {
  const names = process.env.PML5_SILICON_ROWS?.split(",");
  return names ? rows.filter((row) => names.includes(row.semantic)) : rows;
}

function nameOf(cases: Records, index: number): string {
  return lastRow(cases, index)?.semantic ?? "?";
}

function copyOf(cases: Records, index: number, vectors: boolean): Records {
  const copy = newCases(1, vectors, cases.mode);
  const at = cases.at(index);
  copy.bytes.set(cases.bytes.subarray(at, at + cases.strideBytes));
  return copy;
}

/** Replaces the code of the only case of `to`. */
function takeCode(to: Records, from: Records, index: number, offset: number, length: number): void {
  const at = from.at(index) + CASE.code + offset;
  to.bytes.set(from.bytes.subarray(at, at + length), CASE.code);
  to.bytes[CASE.length] = length;
}

/** A case that begins where another one ended. */
function stateAfter(single: Records, native: Records): Records {
  const next = copyOf(single, 0, single.strideBytes > CASE.fx);
  next.bytes.set(native.bytes.subarray(RESULT.gpr, RESULT.gpr + 128), CASE.gpr);
  next.bytes.set(native.bytes.subarray(RESULT.flags, RESULT.flags + 8), CASE.flags);
  next.bytes.set(native.bytes.subarray(RESULT.window, RESULT.window + 128), CASE.window);
  return next;
}
