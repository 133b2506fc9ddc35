import { describe, expect, it } from "vitest";
import { IntervalList } from "../../src/memory/interval-list.ts";

function listOf(...items: [number, number, string][]): IntervalList<string> {
  const list = new IntervalList<string>();
  for (const [base, end, value] of items) list.insert(base, end, value);
  return list;
}

describe("Interval list", () => {
  const three = () => listOf([40, 50, "c"], [10, 20, "a"], [20, 30, "b"]);

  it("keeps its items in order of address", () => {
    expect(three().items.map(({ base, end, value }) => [base, end, value])).toEqual([
      [10, 20, "a"],
      [20, 30, "b"],
      [40, 50, "c"],
    ]);
  });

  it.each([
    [9, undefined],
    [10, "a"],
    [19, "a"],
    [20, "b"],
    [30, undefined],
    [49, "c"],
    [50, undefined],
  ])("finds at %i: %s", (address, value) => {
    expect(three().find(address)?.value).toBe(value);
  });

  it.each([
    [0, 10, undefined],
    [0, 11, "a"],
    [15, 45, "a"],
    [30, 40, undefined],
    [30, 41, "c"],
    [50, 99, undefined],
  ])("finds the first that shares a byte with %i..%i: %s", (base, end, value) => {
    expect(three().firstOverlap(base, end)?.value).toBe(value);
  });

  it.each([
    [10, 30, true],
    [15, 25, true],
    [10, 31, false],
    [9, 20, false],
    [20, 50, false],
    [35, 38, false],
    [60, 60, true],
  ])("covers %i..%i: %s", (base, end, covered) => {
    expect(three().covers(base, end)).toBe(covered);
  });

  it("covers a range only with values that are accepted", () => {
    expect(three().covers(10, 30, (value) => value === "a")).toBe(false);
    expect(three().covers(10, 20, (value) => value === "a")).toBe(true);
  });

  it.each([
    ["a whole one", 20, 30, ["10-20 a", "40-50 c"]],
    ["the middle of one", 12, 15, ["10-12 a", "15-20 a", "20-30 b", "40-50 c"]],
    ["over several", 15, 45, ["10-15 a", "45-50 c"]],
    ["nothing", 30, 40, ["10-20 a", "20-30 b", "40-50 c"]],
    ["everything", 0, 99, []],
  ])("removes %s", (_name, base, end, left) => {
    const list = three();
    list.remove(base, end);
    expect(list.items.map((item) => `${item.base}-${item.end} ${item.value}`)).toEqual(left);
  });
});
