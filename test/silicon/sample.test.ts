import { describe, expect, it } from "vitest";
import { compare } from "./compare.ts";
import { Emulated } from "./emulated.ts";
import { Native } from "./native.ts";
import { RECORDS, recordSample } from "./record.ts";
import { report } from "./report.ts";
import { readSample } from "./sample.ts";

if (RECORDS) {
  const native = Native.open();
  if (typeof native === "string") throw new Error(`cannot record: ${native}`);
  recordSample(native);
}

const { processor, sections } = readSample();
const count = sections.reduce((sum, { cases }) => sum + cases.count, 0);
console.log(`silicon sample: ${count} cases recorded on ${processor}`);

describe("The recorded sample of native results", () => {
  const emulated = new Emulated();

  it.each(
    sections.map((section) => ({
      name: `${section.cases.mode}-bit mode${section.vectors ? ", vectors" : ""}`,
      ...section,
    })),
  )("$name", async ({ vectors, cases, native }) => {
    const results = emulated.run(cases, vectors);
    const { differences } = compare(cases, native, results);
    const run = { cases, native, emulated: results };
    const reports = await Promise.all(differences.map((difference) => report(run, difference)));
    expect(reports.join("\n\n")).toBe("");
  });
});
