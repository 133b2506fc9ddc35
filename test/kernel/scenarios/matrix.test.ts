import { describe, expect, it } from "vitest";
import { KERNELS, kernelNamed } from "../../../src/kernel/records.ts";
import { COLUMNS } from "../../../src/kernel/scenarios/cells.ts";
import { EXPECTED_2017 } from "../../../src/kernel/scenarios/expected-2017.ts";
import { runMatrix } from "../../../src/kernel/scenarios/matrix.ts";
import { scenarioNamed } from "../../../src/kernel/scenarios/registry.ts";
import { differences, matrixText } from "../../../src/kernel/scenarios/report.ts";

const story = scenarioNamed("2017");

describe("The matrix of the 2017 scenario", () => {
  it("expects a cell of every kernel at every depth, with a reason", () => {
    expect(Object.keys(EXPECTED_2017).sort()).toEqual(KERNELS.map(({ name }) => name).sort());
    for (const kernel of KERNELS) {
      for (const column of COLUMNS) {
        const cell = EXPECTED_2017[kernel.name]?.[column];
        const without = column !== "4/4" && !kernel.fiveLevels;
        if (without) expect(cell).toBe("n/a");
        else expect(cell).toMatchObject({ reason: expect.stringMatching(/.{6}/) });
      }
    }
  });

  it("comes out as typed by hand", () => {
    expect(differences(runMatrix(story))).toEqual([]);
  });

  it("does not depend on the number of processes, if there is one at the first add", () => {
    for (const processes of [1, 8]) {
      const kernels = [kernelNamed("v4.12"), kernelNamed("v3.18"), kernelNamed("right")];
      expect(differences(runMatrix(story, { kernels, processes }))).toEqual([]);
    }
  });

  it("shows a cell that differs, with what was expected and why", () => {
    const impostor = { ...kernelNamed("v4.12"), name: "v4.17" };
    const rows = runMatrix(story, { kernels: [impostor] });
    expect(differences(rows)[0]).toBe(
      "v4.17 4/4: expected passes 1 table-free-before-flush (remove), " +
        "got BUG    0 stale-top-entry (remove)",
    );
    expect(matrixText(story, rows).some((line) => line.includes("!BUG"))).toBe(true);
  });

  it("prints n/a for kernels without 5-level code", () => {
    const text = matrixText(story, runMatrix(story, { kernels: [kernelNamed("v3.9")] }));
    expect(text.find((line) => line.startsWith("v3.9"))).toMatch(/BUG.*\s n\/a\s+n\/a$/);
  });
});
