import { describe, expect, it } from "vitest";
import { EXPECTED, smp, tlb } from "./expected.ts";
import { runGuest } from "./guest-run.ts";

const DEPTHS = [4, 5] as const;
/** A debug exit with value 0. */
const PASSED = { reason: "exit", code: 1 };

describe.each(DEPTHS)("Guests, %i-level", (depth) => {
  it.each(Object.keys(EXPECTED))("%s says what the manual does", (name) => {
    const { lines, stop } = runGuest(name, depth);
    expect(lines).toEqual(EXPECTED[name]?.(depth));
    expect(stop).toEqual(PASSED);
  });

  it("tlb sees each change at once without a TLB, and the old page wherever a lazy one may", () => {
    expect(runGuest("tlb", depth, { tlb: "none" }).lines).toEqual(tlb(false));
    expect(runGuest("tlb", depth, { tlb: "lazy" }).lines).toEqual(tlb(true));
  });

  it("faults is the same without a TLB and with one that keeps everything", () => {
    const expected = EXPECTED.faults?.(depth);
    expect(runGuest("faults", depth, { tlb: "none" }).lines).toEqual(expected);
    expect(runGuest("faults", depth, { tlb: "lazy" }).lines).toEqual(expected);
  });
});

describe("Guests with two processors", () => {
  it.each(DEPTHS)("starts the second one and shoots its TLB down, %i levels", (depth) => {
    const { lines, stop } = runGuest("smp", depth, { cpus: 2 });
    expect(lines).toEqual(smp(true));
    expect(stop).toEqual(PASSED);
    expect(runGuest("smp", depth, { cpus: 2, tlb: "none" }).lines).toEqual(smp(false));
  });

  it("says the same with turns of any length", () => {
    for (const quantum of [5, 100_000]) {
      expect(runGuest("smp", 4, { cpus: 2, quantum, seed: quantum }).lines).toEqual(smp(true));
    }
  });

  it("does the same twice with one seed, and interleaves otherwise with another", () => {
    const runs = [1, 1, 2].map((seed) => runGuest("smp", 4, { cpus: 2, seed }).machine);
    const [first, again, other] = runs.map((machine) => machine.stateHash());
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });
});
