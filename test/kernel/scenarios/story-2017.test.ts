import { describe, expect, it } from "vitest";
import { scenarioNamed } from "../../../src/kernel/scenarios/registry.ts";
import { runScenario } from "../../../src/kernel/scenarios/scenario.ts";

const STORY_2017 = scenarioNamed("2017");
const STORY_2017_LUCKY = scenarioNamed("2017-lucky");

describe("The 2017 story, v4.12, 4 levels", () => {
  const run = runScenario(STORY_2017, { kernel: "v4.12", levels: 4 });
  const step = (name: string) => run.steps.find((each) => each.name === name);

  it("goes well until the second add, and ends there", () => {
    expect(run.steps.map(({ name, result }) => [name, result.errno, result.bug?.kind])).toEqual([
      ["boot", 0, undefined],
      ["add", 0, undefined],
      ["touch", 0, undefined],
      ["remove", 0, undefined],
      ["fork", 0, undefined],
      ["add again", 0, "BUG"],
    ]);
  });

  it("is reported at the removal, one operation before the BUG, with entry and processes", () => {
    expect(step("remove")?.findings[0]).toMatchObject({
      rule: "stale-top-entry",
      operation: "remove",
      spaces: ["pid 1", "pid 2"],
    });
    expect(step("remove")?.findings[0]?.message).toMatch(
      /^top entry 274 \(ffff890000000000\) of pid 1, pid 2 leads to 0x\w+ \(free\), init_mm's is empty$/,
    );
  });

  it("prints what the kernel would print", () => {
    expect(step("add again")?.result.bug?.text[0]).toBe(
      "kernel BUG in sync_global_pgds: p4d_page_vaddr(*p4d) != p4d_page_vaddr(*p4d_ref)",
    );
  });
});

describe("The lucky variant, v4.12, 4 levels", () => {
  const run = runScenario(STORY_2017_LUCKY, { kernel: "v4.12", levels: 4 });

  it("passes, because the second add gets the very frame that was freed", () => {
    expect(run.cell.outcome).toBe("passes");
  });

  it("has stale pointers all the while, and the checker sees them", () => {
    expect(run.cell.finding).toEqual({ rule: "stale-top-entry", step: "remove" });
  });

  it("fires with any other allocator", () => {
    for (const allocator of ["fifo", "quarantine"]) {
      expect(
        runScenario(STORY_2017_LUCKY, { kernel: "v4.12", levels: 4, allocator }).cell,
      ).toMatchObject({ outcome: "BUG" });
    }
  });
});

describe("A scenario", () => {
  it("refuses options that cannot be, naming what was expected", () => {
    expect(() => runScenario(STORY_2017, { processes: -1 })).toThrow(
      "processes: expected a whole number from 0, got -1",
    );
    expect(() => runScenario(STORY_2017, { kernel: "v3.9", levels: 5 })).toThrow(
      "levels: expected 4 for v3.9, which has no code for more, got 5",
    );
    expect(() => runScenario(STORY_2017, { allocator: "lucky" })).toThrow(
      'allocator: expected pcp, fifo, quarantine, random, got "lucky"',
    );
  });
});
