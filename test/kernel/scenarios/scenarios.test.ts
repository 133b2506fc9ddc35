import { describe, expect, it } from "vitest";
import { KERNELS, kernelNamed } from "../../../src/kernel/records.ts";
import { COLUMNS } from "../../../src/kernel/scenarios/cells.ts";
import { runMatrix } from "../../../src/kernel/scenarios/matrix.ts";
import { SCENARIOS, scenarioNamed } from "../../../src/kernel/scenarios/registry.ts";
import { differences } from "../../../src/kernel/scenarios/report.ts";
import { runScenario } from "../../../src/kernel/scenarios/scenario.ts";

/** All kernels in the long run; here the broken one, one of today and the right one. */
const some = ["v4.12", "v6.16", "right"];
const kernels = process.env.PML5_TEST_ALL === "1" ? KERNELS : some.map((name) => kernelNamed(name));

describe.each(SCENARIOS)("The scenario $name", (scenario) => {
  it("expects a cell of every kernel at every depth, with a reason", () => {
    for (const kernel of KERNELS) {
      for (const column of COLUMNS) {
        const cell = scenario.expected?.[kernel.name]?.[column];
        if (column !== "4/4" && !kernel.fiveLevels) expect(cell).toBe("n/a");
        else expect(cell).toMatchObject({ reason: expect.stringMatching(/.{6}/) });
      }
    }
  });

  it("comes out as typed by hand", () => {
    expect(differences(runMatrix(scenario, { kernels }))).toEqual([]);
  });
});

describe("A scenario's end", () => {
  const lines = (name: string, kernel: string, levels: 4 | 5 = 4) => {
    const run = runScenario(scenarioNamed(name), { kernel, levels });
    return { last: run.steps.at(-1), bug: run.kernel.bug };
  };

  it("2017-vmemmap: the BUG is met in vmemmap_populate()", () => {
    const { bug } = lines("2017-vmemmap", "v4.12");
    expect(bug).toMatchObject({ kind: "BUG", address: 0xffffea8000000000n });
    expect(bug?.trace).toEqual([
      "sync_global_pgds",
      "vmemmap_populate",
      "sparse_add_section",
      "__add_pages",
      "add_pages",
      "memremap_pages",
    ]);
  });

  it.each([
    [4, 0xffffea0200000000n],
    [5, 0xffd4000200000000n],
  ] as const)("partial-first: the oops of real kernels, %i levels", (levels, address) => {
    const { bug, last } = lines("partial-first", "v6.17", levels);
    expect(last?.name).toBe("remove part");
    expect(bug).toMatchObject({ kind: "oops", address });
  });

  it("partial-later: the first section is gone too", () => {
    const { bug, last } = lines("partial-later", "v6.17");
    expect(last?.name).toBe("read the rest");
    expect(bug).toMatchObject({ kind: "oops", address: 0xffff890000000000n });
  });

  it("2025: the write to the first struct page is not translated", () => {
    const { bug } = lines("2025", "v6.16");
    expect(bug).toMatchObject({ kind: "oops", address: 0xffffea8000000000n, errorCode: 2 });
    expect(bug?.text).toContain("PGD 0 P4D 0");
  });

  it("lazy-tlb: a spared processor reads what was unmapped, and the checker says so", () => {
    const run = runScenario(scenarioNamed("lazy-tlb"), { kernel: "94b1b03b519b", levels: 4 });
    expect(run.cell.outcome).toBe("fails");
    expect(run.cell.finding).toEqual({ rule: "stale-translation", step: "unmap" });
  });

  it("sub-pmd-middle: the marker runs beyond the leaf, into the next, which is not there", () => {
    const { bug } = lines("sub-pmd-middle", "edgecombe-2021");
    // The memmap of 512 GiB is 7 GiB into vmemmap; its first leaf ends 2 MiB later.
    expect(bug).toMatchObject({ kind: "oops", address: 0xffffea01c0200000n, errorCode: 2 });
  });

  it("stale-walk: does not show when the frame is not handed out again", () => {
    const story = scenarioNamed("stale-walk");
    const options = { kernel: "v4.12", levels: 4 } as const;
    expect(runScenario(story, { ...options, allocator: "pcp" }).cell.outcome).toBe("fails");
    expect(runScenario(story, { ...options, allocator: "quarantine" }).cell.outcome).toBe("passes");
  });
});
