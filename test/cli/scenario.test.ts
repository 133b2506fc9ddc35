import { describe, expect, it } from "vitest";
import { pml5 } from "./harness.ts";

describe("pml5 scenario list", () => {
  it("names the scenarios and the kernels", async () => {
    const { code, out, err } = await pml5(["scenario", "list"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const name of ["2017", "2017-lucky", "stale-walk", "partial-first", "v4.12", "right"]) {
      expect(out).toMatch(new RegExp(`^${name.replace(".", "\\.")} `, "m"));
    }
  });

  it("prints JSON", async () => {
    const { out } = await pml5(["scenario", "list", "--format", "json"]);
    const { scenarios, kernels } = JSON.parse(out);
    expect(scenarios[0]).toMatchObject({ name: "2017" });
    expect(kernels[0]).toMatchObject({ name: "v2.6.35", date: "2010-08-01" });
  });
});

describe("pml5 scenario run", () => {
  it("tells the 2017 story and exits 1 where the kernel stops", async () => {
    const { code, out, err } = await pml5(["scenario", "run", "2017", "--kernel", "v4.12"]);
    expect({ code, err }).toEqual({ code: 1, err: "" });
    expect(out).toContain("- pgd[274] ffff890000000000");
    expect(out).toContain("free STALE (pid 1, pid 2)");
    expect(out).toContain("checker: stale-top-entry: top entry 274 (ffff890000000000)");
    expect(out).toContain("kernel BUG in sync_global_pgds");
    expect(out).not.toContain("\u001b");
  });

  it("exits 0 where it goes well, at both depths", async () => {
    for (const levels of ["4", "5"]) {
      const args = ["scenario", "run", "2017", "--kernel", "v4.17", "--levels", levels];
      expect((await pml5(args)).code).toBe(0);
    }
  });

  it("tells apart what a kernel was built with and what it was booted with", async () => {
    const args = ["scenario", "run", "2017", "--kernel", "glisse-v3", "--built", "5"];
    const { code, out } = await pml5(args);
    expect(code).toBe(1);
    expect(out).toContain("4 levels, built with 5");
  });

  it("colours on a terminal only", async () => {
    const args = ["scenario", "run", "2017", "--kernel", "v4.12"];
    const terminal = await pml5(args, { isTerminal: true });
    expect(terminal.out).toContain("\u001b[31m");
    expect((await pml5([...args, "--no-color"], { isTerminal: true })).out).not.toContain("\u001b");
  });

  it("dumps the tables after a step as Linux's ptdump does", async () => {
    const args = ["scenario", "run", "2017", "--kernel", "v4.17", "--dump", "remove"];
    const { out } = await pml5(args);
    expect(out.split("\n").filter((line) => line.includes("1023G"))).toEqual([
      expect.stringMatching(/^ {6}0xffff888040000000-0xffff898000000000 {8}1023G .* pud$/),
    ]);
  });

  it("prints JSON", async () => {
    const args = ["scenario", "run", "2017", "--kernel", "v4.12", "--format", "json"];
    const run = JSON.parse((await pml5(args)).out);
    expect(run).toMatchObject({
      scenario: "2017",
      kernel: "v4.12",
      levels: 4,
      outcome: "BUG",
      tablesKept: 0,
      finding: { rule: "stale-top-entry", step: "remove" },
    });
    expect(run.steps.map((step: { name: string }) => step.name)).toEqual([
      "boot",
      "add",
      "touch",
      "remove",
      "fork",
      "add again",
    ]);
    expect(run.steps[5].bug).toMatchObject({ kind: "BUG", address: "ffff890000000000" });
  });
});

describe("pml5 scenario matrix", () => {
  it("plays a kernel at every depth and exits 0 where all is as expected", async () => {
    const { code, out } = await pml5(["scenario", "matrix", "--kernel", "glisse-v3"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^glisse-v3 +passes 1 table-free.* passes 0 .*~BUG +0 stale-top-entry/m);
  });

  it("exits 1 and says what was expected and why where a cell differs", async () => {
    const args = ["scenario", "matrix", "2017", "--kernel", "v3.9", "--processes", "0"];
    const { code, out } = await pml5(args);
    expect(code).toBe(1);
    expect(out).toContain("v3.9 4/4: expected BUG    0 stale-top-entry (remove), got passes 0");
    expect(out).toContain("(9661d5bcd058)");
  });

  it("prints JSON", async () => {
    const args = ["scenario", "matrix", "2010", "--kernel", "right", "--format", "json"];
    const matrix = JSON.parse((await pml5(args)).out);
    expect(matrix).toMatchObject({ scenario: "2010", agrees: true });
    expect(matrix.rows[0].cells["4/4"].observed).toEqual({
      outcome: "passes",
      tablesKept: null,
      finding: null,
    });
  });
});

describe("pml5 scenario, asked for what there is not", () => {
  it.each([
    [["play"], 'expected list, run or matrix, got "play"'],
    [["run"], "run needs the name of a scenario; see list"],
    [["run", "20171"], 'got "20171"; did you mean 2017?'],
    [["run", "2017", "--kernel", "v4.11"], 'got "v4.11"; did you mean v4.12?'],
    [["run", "2017", "--levels", "3"], '--levels: expected one of 4, 5, got "3"'],
    [["run", "2017", "--levels", "5", "--built", "4"], "expected at most the 4 it was built with"],
    [["run", "2017", "--kernel", "v3.9", "--levels", "5"], "expected 4 for v3.9"],
    [["run", "2017", "--allocator", "lucky"], "expected one of pcp, fifo, quarantine, random"],
    [["run", "2017", "--processes", "many"], '--processes: expected 0..10000, got "many"'],
    [["run", "2017", "--dump", "rmove"], 'got "rmove"; did you mean remove?'],
    [["matrix", "--levels", "4"], "matrix plays every depth: --levels has no use"],
    [["list", "2017"], "list takes no name"],
  ])("%j", async (args, message) => {
    const { code, out, err } = await pml5(["scenario", ...args]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(message);
  });
});
