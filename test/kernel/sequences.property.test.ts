/**
 * Random sequences of add, online, offline, remove, fork and exit, allocations in between: the
 * checker finds nothing on `right`, and elsewhere only what the record explains; what it finds as
 * things happen and what a full check finds are the same.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GIB, MIB } from "../../src/base/units.ts";
import { Checker } from "../../src/check/checker.ts";
import { bootKernel } from "../../src/kernel/boot.ts";
import { addMemory, offlineAndRemoveMemory, plugDimm } from "../../src/kernel/hotplug.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import {
  blockAt,
  ONLINE_TYPES,
  type OnlineType,
  offlineBlock,
  onlineBlock,
} from "../../src/kernel/memory-block.ts";
import { createProcess, destroyProcess } from "../../src/kernel/process.ts";
import { emptyTables } from "../../src/kernel/reach.ts";
import { KERNELS, kernelNamed } from "../../src/kernel/records.ts";
import { KernelView } from "../../src/kernel/view.ts";
import { checkProperty, runsOf } from "../support/property.ts";
import { explained, provoked } from "./explained.ts";

const BLOCK = 128 * MIB;
/** Blocks of three DIMMs: two in one top entry of their own, one beside boot memory. */
const STARTS = [512 * GIB, 512 * GIB + BLOCK, 4 * GIB];

interface Step {
  readonly name: "add" | "online" | "offline" | "remove" | "fork" | "exit" | "use" | "touch";
  readonly which: number;
  readonly type: OnlineType;
  readonly ownMemmap: boolean;
}

const STEP: fc.Arbitrary<Step> = fc.record({
  name: fc.constantFrom("add", "online", "offline", "remove", "fork", "exit", "use", "touch"),
  which: fc.nat(STARTS.length - 1),
  type: fc.constantFrom(...ONLINE_TYPES),
  ownMemmap: fc.boolean(),
});

function perform(k: Kernel, { name, which, type, ownMemmap }: Step): number {
  const start = STARTS[which] as number;
  switch (name) {
    case "add":
      return addMemory(k, start, BLOCK, { memmapOnMemory: ownMemmap });
    case "online":
      return onlineBlock(k, start, type);
    case "offline":
      return offlineBlock(k, start);
    case "remove":
      return offlineAndRemoveMemory(k, start, BLOCK);
    case "fork":
      return Number(k.pgdList.length < 8 && createProcess(k) === undefined);
    case "exit": {
      const mm = k.pgdList[which];
      if (mm) destroyProcess(k, mm);
      return 0;
    }
    case "use":
      return Number(k.frames.allocate(which, "movable", { kind: "user", owner: "pid 1" }) < 0);
    case "touch":
      k.processor.switchMm(k.pgdList[which] ?? k.initMm);
      if (blockAt(k, start)) k.processor.readKernel(k.layout.directAddress(start));
      k.processor.switchMm(k.initMm);
      return 0;
  }
}

function boot(kernel: string, levels: 4 | 5) {
  const { fiveLevels } = kernelNamed(kernel);
  const built = fiveLevels ? 5 : 4;
  const k = bootKernel({ kernel, built, levels, linearBytes: 256 * MIB, allocator: "random" });
  createProcess(k);
  for (const start of STARTS) plugDimm(k, start, BLOCK);
  return { k, built, checker: new Checker(new KernelView(k)) } as const;
}

/**
 * Offlines and removes whatever is left, the users of pages gone. A block may hold another's memmap
 * and goes after that; one with a table that is kept never goes.
 * @returns whether nothing is left
 */
function removeAll(k: Kernel): boolean {
  for (const { physical, order, use } of [...k.frames.used()]) {
    if (use.kind === "user") k.frames.free(physical, order);
  }
  const left = () => STARTS.filter((start) => blockAt(k, start));
  for (let before = 0; before !== left().length; ) {
    before = left().length;
    for (const start of left()) offlineAndRemoveMemory(k, start, BLOCK);
  }
  for (const start of left()) {
    const uses = [...k.frames.usedWithin(start, BLOCK)].map(({ use }) => use.kind);
    expect(uses).toContain("table");
  }
  for (const mm of [...k.pgdList]) destroyProcess(k, mm);
  k.frames.drain();
  return left().length === 0;
}

function keptTables(k: Kernel): number {
  const { layout } = k;
  const paths = STARTS.map((start) => layout.vmemmapRange(start, BLOCK)).concat(
    STARTS.map((start) => ({
      from: layout.directPage(start),
      to: layout.directPage(start + BLOCK),
    })),
  );
  return new Set(paths.flatMap(({ from, to }) => emptyTables(k, from, to))).size;
}

const DEPTHS = [
  [4, 4],
  [5, 5],
  [5, 4],
] as const;

describe("One DIMM that comes and goes", () => {
  it.each(KERNELS)("breaks on $name exactly the rules that its record explains", (record) => {
    for (const [built, levels] of record.fiveLevels ? DEPTHS : DEPTHS.slice(0, 1)) {
      const k = bootKernel({ kernel: record, built, levels, linearBytes: 256 * MIB });
      createProcess(k);
      createProcess(k);
      const checker = new Checker(new KernelView(k));
      const dimm = 512 * GIB;
      plugDimm(k, dimm, 2 * BLOCK);
      expect(k.operation("add", () => addMemory(k, dimm, 2 * BLOCK)).errno).toBe(0);
      const remove = () => offlineAndRemoveMemory(k, dimm, 2 * BLOCK);
      expect(k.operation("remove", remove).errno).toBe(0);
      const rules = new Set(checker.findings.map(({ rule }) => rule));
      expect([...rules].sort()).toEqual(provoked(record, built, levels).sort());
    }
  });
});

describe("Random sequences of hotplug", () => {
  it.each([4, 5] as const)(
    "leave the right kernel clean, every frame back, %i levels",
    (levels) => {
      const property = fc.property(fc.array(STEP, { maxLength: 30 }), (steps) => {
        const { k, checker } = boot("right", levels);
        k.frames.drain();
        const free = k.frames.freeFrames + 1;
        for (const step of steps) {
          expect(k.operation(step.name, () => perform(k, step)).bug).toBeUndefined();
          expect(checker.findings).toEqual([]);
        }
        expect(checker.fullCheck()).toEqual([]);
        let gone = false;
        k.operation("remove all", () => {
          gone = removeAll(k);
          return 0;
        });
        expect(checker.fullCheck()).toEqual([]);
        if (gone) expect(k.frames.freeFrames).toBe(free - keptTables(k));
      });
      checkProperty(`sequences on right, ${levels} levels`, property, runsOf(12));
    },
  );

  it("break on other kernels only what their records explain, seen at once or by a full check", () => {
    const kernel = fc.constantFrom(...KERNELS.map(({ name }) => name));
    const levels = fc.constantFrom(4 as const, 5 as const);
    const steps = fc.array(STEP, { maxLength: 20 });
    const property = fc.property(kernel, levels, steps, (name, depth, sequence) => {
      const record = kernelNamed(name);
      const running = record.fiveLevels ? depth : 4;
      const { k, built, checker } = boot(name, running);
      for (const step of sequence) {
        k.operation(step.name, () => perform(k, step));
        if (k.bug) break;
      }
      const rules = explained(record, built, running);
      expect(checker.findings.filter(({ rule }) => !rules.has(rule))).toEqual([]);
      if (!k.bug) expect(checker.fullCheck()).toEqual([]);
    });
    checkProperty("sequences on every kernel", property, runsOf(25));
  });
});
