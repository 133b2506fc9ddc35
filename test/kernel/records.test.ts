import { describe, expect, it } from "vitest";
import { type Depth, freesPudTable } from "../../src/kernel/record.ts";
import { KERNELS, kernelNamed } from "../../src/kernel/records.ts";

/** Whether an emptied PUD table goes at 4/4, 5/5, 5/4, read off the source or the mail. */
const FREES: Record<string, [boolean, boolean, boolean]> = {
  "v2.6.35": [false, false, false],
  "v3.9": [true, true, true],
  "v3.18": [true, true, true],
  af2cf278ef4f: [false, false, false],
  "v4.12": [true, true, true],
  "glisse-may19": [true, true, true],
  "glisse-may31": [true, true, true],
  lutomirski: [false, true, false],
  "glisse-v1": [false, false, false],
  "glisse-v2": [false, true, true],
  "shutemov-gt4": [false, true, true],
  "shutemov-eq4": [true, false, false],
  "glisse-v3": [false, true, true],
  "94b1b03b519b": [false, true, true],
  "v4.17": [false, true, false],
  "edgecombe-2021": [false, true, false],
  "v6.16": [false, true, false],
  "v6.17": [false, true, false],
  right: [false, true, false],
};

describe("The kernels of the history", () => {
  it("are the nineteen that the thread and its surroundings name", () => {
    expect(KERNELS.map(({ name }) => name).sort()).toEqual(Object.keys(FREES).sort());
  });

  it("are in order of their dates, with a source each", () => {
    const dates = KERNELS.map(({ date }) => date);
    expect(dates.filter((date) => !/^\d{4}-\d\d-\d\d$/.test(date))).toEqual([]);
    expect(KERNELS.filter(({ source }) => source === "")).toEqual([]);
  });

  it.each(Object.entries(FREES))("%s frees PUD tables where its condition says", (name, frees) => {
    const kernel = kernelNamed(name);
    const depths: [Depth, Depth][] = [
      [4, 4],
      [5, 5],
      [5, 4],
    ];
    expect(depths.map(([built, running]) => freesPudTable(kernel, built, running))).toEqual(frees);
  });

  it("names what there is when asked for another", () => {
    expect(() => kernelNamed("v5.0")).toThrow(/kernel: expected v2\.6\.35, v3\.9, .*got "v5\.0"/);
  });
});
