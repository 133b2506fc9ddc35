/** Makes what is kept of native runs: the sample, and how often each row was compared. */
import { readFileSync, writeFileSync } from "node:fs";
import type { InstructionRow } from "../../src/cpu/decode/row.ts";
import { instructionRows } from "../../src/cpu/decode/rows.ts";
import { type CaseMode, newCases } from "./cases.ts";
import { writeSingle } from "./generator.ts";
import type { Native } from "./native.ts";
import { Random } from "./random.ts";
import { comparableRows } from "./rows.ts";
import { type Section, writeSample } from "./sample.ts";

const COUNTS = new URL("./counts.json", import.meta.url);
const SAMPLE_SEED = 20_260_101;

/** Cases a row in the sample. */
const SECTIONS = [
  { mode: 64, vectors: false, casesPerRow: 2 },
  { mode: 32, vectors: false, casesPerRow: 1 },
  { mode: 64, vectors: true, casesPerRow: 1 },
] as const;

/** Whether this run shall renew what is kept: `PML5_SILICON_RECORD=1`. */
export const RECORDS = process.env.PML5_SILICON_RECORD === "1";

export function recordSample(native: Native): void {
  const random = new Random(SAMPLE_SEED);
  const sections = SECTIONS.map(({ mode, vectors, casesPerRow }): Section => {
    const rows = comparableRows(mode, vectors, (feature) => native.has(feature));
    const wanted = rows.flatMap((row) => Array<InstructionRow>(casesPerRow).fill(row));
    const cases = newCases(wanted.length, vectors, mode);
    wanted.forEach((row, index) => {
      if (!writeSingle(cases, index, row, random, vectors)) {
        throw new Error(`sample: no encoding of ${row.encoding}`);
      }
    });
    return { vectors, cases, native: native.run(cases, vectors) };
  });
  writeSample({ processor: native.processor, sections });
}

/** What names a row across versions of the tables. */
export function keyOfRow({ encoding, semantic, operands }: InstructionRow): string {
  return [encoding, semantic, ...operands].join(" ");
}

/** Instances that were compared in a long run, by mode and row. */
export type Counts = Readonly<Record<CaseMode, Readonly<Record<string, number>>>>;

export function readCounts(): Counts {
  return JSON.parse(readFileSync(COUNTS, "utf8")) as Counts;
}

/** Replaces the counts of the rows of one run. */
export function recordCounts(mode: CaseMode, byRow: ReadonlyMap<number, number>): void {
  const counts = readCounts();
  const changed: Record<string, number> = { ...counts[mode] };
  for (const [id, count] of byRow) {
    changed[keyOfRow(instructionRows[id] as InstructionRow)] = count;
  }
  const sorted = Object.fromEntries(Object.entries(changed).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(COUNTS, `${JSON.stringify({ ...counts, [mode]: sorted }, undefined, 1)}\n`);
}
