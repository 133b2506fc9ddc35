import { describe, expect, it } from "vitest";
import { Harness, type Totals } from "./harness.ts";
import { Native } from "./native.ts";

const ALL = process.env.PML5_TEST_ALL === "1";
const native = Native.open();
if (typeof native === "string") console.log(`silicon: skipped, ${native}`);

function seedOf(): number {
  const given = process.env.PML5_SEED;
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
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
  it.each([
    {
      name: "single instructions",
      vectors: false,
      sequences: false,
      instances: ALL ? 6_000_000 : 40_000,
    },
    { name: "sequences", vectors: false, sequences: true, instances: ALL ? 4_000_000 : 20_000 },
    {
      name: "vector instructions",
      vectors: true,
      sequences: false,
      instances: ALL ? 4_000_000 : 20_000,
    },
  ])(
    "$name leave the same state as natively",
    async ({ name, ...plan }) => {
      const harness = new Harness(native as Native);
      const totals = await harness.run({ ...plan, seed: seedOf() });
      say(name, totals);
      expect(totals.reports.join("\n\n")).toBe("");
      expect(totals.differences).toBe(0);
    },
    3_600_000,
  );
});
