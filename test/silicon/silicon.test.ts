import { describe, expect, it } from "vitest";
import type { CaseMode } from "./cases.ts";
import { Harness, type Plan, type Totals } from "./harness.ts";
import { Native } from "./native.ts";
import { RECORDS, recordCounts } from "./record.ts";

const ALL = process.env.PML5_TEST_ALL === "1";
const native = Native.open();
if (typeof native === "string") console.log(`silicon: skipped, ${native}`);

function seedOf(): number {
  const given = process.env.PML5_SEED;
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}

function plan(
  name: string,
  mode: CaseMode,
  vectors: boolean,
  sequences: boolean,
  few: number,
  many: number,
): Plan & { name: string } {
  return { name, mode, vectors, sequences, instances: ALL ? many : few, seed: seedOf() };
}

function say(name: string, totals: Totals): void {
  const { seed, instances, cases, faults, differences, byRow, undefinedOnly } = totals;
  console.log(
    `silicon ${name}: seed ${seed}, ${instances} instances of ${byRow.size} rows in ${cases} cases, ` +
      `${faults} with an exception, ${differences} differences; only in undefined results: ` +
      ([...undefinedOnly].map(([row, count]) => `${row} ${count}`).join(", ") || "none"),
  );
}

describe.skipIf(typeof native === "string")("Against silicon", () => {
  it.each<Plan & { name: string }>([
    plan("single instructions, 64-bit mode", 64, false, false, 40_000, 5_000_000),
    plan("sequences, 64-bit mode", 64, false, true, 20_000, 4_000_000),
    plan("vector instructions, 64-bit mode", 64, true, false, 20_000, 4_000_000),
    plan("single instructions, compatibility mode", 32, false, false, 20_000, 2_000_000),
    plan("vector instructions, compatibility mode", 32, true, false, 10_000, 1_000_000),
  ])(
    "$name leave the same state as natively",
    async ({ name, ...rest }) => {
      const harness = new Harness(native as Native);
      const totals = await harness.run(rest);
      say(name, totals);
      if (RECORDS && ALL && !rest.sequences) recordCounts(rest.mode, totals.byRow);
      expect(totals.reports.join("\n\n")).toBe("");
      expect(totals.differences).toBe(0);
    },
    3_600_000,
  );
});
