import { describe, expect, it } from "vitest";
import { entryText } from "../../src/kernel/picture.ts";
import { scenarioNamed } from "../../src/kernel/scenarios/registry.ts";
import { runScenario } from "../../src/kernel/scenarios/scenario.ts";

/** Changes of a step as text, without the physical addresses, which the allocator chooses. */
function changes(scenario: string, kernel: string, levels: 4 | 5, step: string): string[] {
  const run = runScenario(scenarioNamed(scenario), { kernel, levels, pictures: true });
  const report = run.steps.find(({ name }) => name === step);
  return (report?.changes ?? []).map(({ mark, entry }) =>
    `${mark} ${entryText(run.kernel, entry)}`.replace(/-> 0xf\w+ /, "-> "),
  );
}

describe("The picture of a step, 4 levels", () => {
  it("shows what an add makes, and in which top tables", () => {
    expect(changes("2017", "v4.12", 4, "add")).toEqual([
      "+ pgd[274] ffff890000000000 -> pud table (init_mm, pid 1, pid 2)",
      "+   pud[0] ffff890000000000 -> pmd table",
      "+     pmd[0-127] ffff890000000000 -> 0x8000000000 128 x 2M",
      "+   pud[8] ffffea0200000000 -> pmd table",
      "+     pmd[0-1] ffffea0200000000 -> 2 x 2M",
    ]);
  });

  it("shows what a removal takes away, and what goes stale in whose top table", () => {
    const seen = changes("2017", "v4.12", 4, "remove");
    expect(seen[0]).toBe("- pgd[274] ffff890000000000 -> pud table (init_mm)");
    expect(seen.at(-1)).toBe("! pgd[274] ffff890000000000 -> free STALE (pid 1, pid 2)");
  });

  it("shows a table that is kept as empty now, in all of them", () => {
    expect(changes("2017", "glisse-v3", 4, "remove")).toContain(
      "~ pgd[274] ffff890000000000 -> empty pud table (init_mm, pid 1, pid 2)",
    );
  });

  it("shows a top entry that the processes lack", () => {
    expect(changes("2010", "v2.6.35", 4, "add")).toContain(
      "! pgd[274] ffff890000000000 empty UNPUBLISHED (pid 1, pid 2)",
    );
  });

  it("shows nothing of a step that changes nothing", () => {
    expect(changes("2017", "v4.12", 4, "touch")).toEqual([]);
  });
});

describe("The picture of a step, 5 levels", () => {
  it("shows the PUD table below the shared P4D table", () => {
    expect(changes("2017", "v4.12", 5, "remove")[0]).toBe(
      "-   p4d[1] ff11008000000000 -> pud table",
    );
  });
});

describe("A scenario run without pictures", () => {
  it("takes none", () => {
    const run = runScenario(scenarioNamed("2017"), { kernel: "right", levels: 4 });
    expect(run.steps.flatMap(({ changes, picture, dump }) => [changes, picture, dump])).toEqual(
      run.steps.flatMap(() => [[], [], []]),
    );
  });
});
