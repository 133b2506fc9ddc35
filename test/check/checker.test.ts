import { describe, expect, it } from "vitest";
import { GIB, MIB } from "../../src/base/units.ts";
import { Checker } from "../../src/check/checker.ts";
import { type BootOptions, bootKernel } from "../../src/kernel/boot.ts";
import { entryOf } from "../../src/kernel/direct-map.ts";
import { addMemory, plugDimm, removeMemory } from "../../src/kernel/hotplug.ts";
import { createProcess, destroyProcess } from "../../src/kernel/process.ts";
import { KernelView } from "../../src/kernel/view.ts";
import { LazyTlb } from "../../src/mmu/lazy-tlb.ts";

const AT = 512 * GIB;
const BYTES = 256 * MIB;

function boot(options: BootOptions = {}) {
  const k = bootKernel({ levels: 4, linearBytes: 512 * MIB, ...options });
  const checker = new Checker(new KernelView(k));
  const run = (name: string, body: () => number) => k.operation(name, body);
  run("fork", () => Number(createProcess(k) === undefined));
  plugDimm(k, AT, BYTES);
  return { k, checker, run };
}

const rules = (checker: Checker) =>
  checker.findings.map(({ rule, operation }) => [rule, operation]);

describe("The checker", () => {
  it.each([4, 5] as const)("finds nothing wrong with the right kernel, %i levels", (levels) => {
    const { k, checker, run } = boot({ levels });
    for (const cycle of [1, 2]) {
      run(`add ${cycle}`, () => addMemory(k, AT, BYTES));
      run(`fork ${cycle}`, () => Number(createProcess(k) === undefined));
      run(`remove ${cycle}`, () => removeMemory(k, AT, BYTES));
    }
    expect(checker.fullCheck()).toEqual([]);
    expect(checker.findings).toEqual([]);
  });

  it("names entry, processes and operation when a top entry goes stale", () => {
    const { k, checker, run } = boot({ kernel: "v4.12" });
    run("add", () => addMemory(k, AT, BYTES));
    run("remove", () => removeMemory(k, AT, BYTES));
    expect(checker.findings[0]).toMatchObject({
      rule: "stale-top-entry",
      operation: "remove",
      spaces: ["pid 1"],
    });
  });

  it("reports a top entry that was not published, and not to those who have it", () => {
    const { k, checker, run } = boot({ kernel: "v2.6.35" });
    run("add", () => addMemory(k, AT, BYTES));
    run("fork", () => Number(createProcess(k) === undefined));
    expect(checker.findings).toMatchObject([
      { rule: "unpublished-top-entry", operation: "add", spaces: ["pid 1"] },
    ]);
  });

  it("reports an entry that leads to a frame which is no table of that level", () => {
    const { k, checker, run } = boot();
    run("add", () => addMemory(k, AT, BYTES));
    const pud = entryOf(k, k.layout.directPage(AT), 3) ?? { table: 0, index: 0 };
    run("corrupt", () => {
      k.tables.setTarget(pud.table, pud.index + 1, 3, 0x5000000, { hi: 0, lo: 0x67 });
      return 0;
    });
    expect(rules(checker)).toEqual([["link-to-non-table", "corrupt"]]);
  });

  it("reports a leaf of the memmap whose frame is free", () => {
    const { k, checker, run } = boot();
    run("add", () => addMemory(k, AT, BYTES));
    const pmd = entryOf(k, k.layout.vmemmapRange(AT, BYTES).from, 2) ?? { table: 0, index: 0 };
    run("free", () => Number(!k.frames.free(k.tables.target(pmd.table, pmd.index), 9)));
    expect(rules(checker)).toEqual([
      ["leaf-to-foreign-frame", "free"],
      ["frame-free-before-flush", "free"],
    ]);
  });

  it("counts tables that nothing leads to as leaked, on demand", () => {
    const { k, checker } = boot();
    const table = k.allocateTable(1);
    expect(checker.fullCheck()).toMatchObject([
      {
        rule: "leaked-table",
        message: `table 0x${table.toString(16)} is in use, and no entry leads to it`,
      },
    ]);
  });

  it("reports a table whose frame is free while a processor still knows the way to it", () => {
    const { k, checker, run } = boot({ tlb: () => new LazyTlb() });
    run("add", () => addMemory(k, AT, BYTES));
    k.processor.readKernel(k.layout.directAddress(AT));
    const pud = entryOf(k, k.layout.directPage(AT), 3) ?? { table: 0, index: 0 };
    const pmd = k.tables.target(pud.table, pud.index);
    run("free without a flush", () => {
      k.tables.clear(pud.table, pud.index, 3);
      return Number(!k.frames.free(pmd, 0));
    });
    expect(rules(checker)).toEqual([
      ["direct-map-mismatch", "free without a flush"],
      ["stale-translation", "free without a flush"],
      ["table-free-before-flush", "free without a flush"],
    ]);
  });

  it("forgets a process that ends", () => {
    const { k, checker, run } = boot();
    const [mm] = k.pgdList;
    const before = checker.tableCount;
    run("exit", () => {
      if (mm) destroyProcess(k, mm);
      return 0;
    });
    expect(checker.tableCount).toBe(before - 1);
    expect(checker.fullCheck()).toEqual([]);
  });
});
