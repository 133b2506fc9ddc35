/** The Nth allocation fails, for every N, in every operation of hotplug. */
import { describe, expect, it } from "vitest";
import { GIB, MIB } from "../../src/base/units.ts";
import { Checker } from "../../src/check/checker.ts";
import { bootKernel } from "../../src/kernel/boot.ts";
import { ENOMEM } from "../../src/kernel/bug.ts";
import { memremapPages, memunmapPages } from "../../src/kernel/device-memory.ts";
import { addMemory, offlineAndRemoveMemory, plugDimm } from "../../src/kernel/hotplug.ts";
import type { Kernel, Mm } from "../../src/kernel/kernel.ts";
import { offlineBlock, onlineBlock } from "../../src/kernel/memory-block.ts";
import { createProcess, destroyProcess } from "../../src/kernel/process.ts";
import { emptyTables } from "../../src/kernel/reach.ts";
import type { Depth } from "../../src/kernel/record.ts";
import { KERNELS, kernelNamed } from "../../src/kernel/records.ts";
import { KernelView } from "../../src/kernel/view.ts";
import { explained } from "./explained.ts";

const AT = 512 * GIB;
const SECTION = 128 * MIB;
const ALL = process.env.PML5_TEST_ALL === "1";

type Step = (k: Kernel) => number;
const STEPS: Readonly<Record<string, { before: Step[]; step: Step }>> = {
  add: { before: [], step: (k) => addMemory(k, AT, 2 * SECTION) },
  "add with its own memmap": {
    before: [],
    step: (k) => addMemory(k, AT, 2 * SECTION, { memmapOnMemory: true }),
  },
  online: { before: [(k) => addMemory(k, AT, SECTION)], step: (k) => onlineBlock(k, AT) },
  "offline a used block": {
    before: [
      (k) => addMemory(k, AT, SECTION),
      (k) => onlineBlock(k, AT, "online_movable"),
      (k) => Number(k.frames.allocate(0, "movable", { kind: "user", owner: "pid 1" }) < 0),
    ],
    step: (k) => offlineBlock(k, AT),
  },
  "remove a part of a 1 GiB leaf": {
    before: [(k) => addMemory(k, AT, GIB)],
    step: (k) => offlineAndRemoveMemory(k, AT + SECTION, SECTION),
  },
  "map a device": {
    before: [],
    step: (k) => memremapPages(k, AT, 2 * SECTION, { vmemmapShift: 15 }),
  },
  "unmap a device": {
    before: [(k) => memremapPages(k, AT, SECTION)],
    step: (k) => memunmapPages(k, AT),
  },
};

function attempt(kernel: string, built: Depth, levels: Depth, name: string, nth: number) {
  const linearBytes = 256 * MIB;
  const k = bootKernel({ kernel, built, levels, linearBytes });
  createProcess(k);
  plugDimm(k, AT, GIB);
  const checker = new Checker(new KernelView(k));
  const { before = [], step = () => 0 } = STEPS[name] ?? {};
  for (const body of before) expect(k.operation("before", () => body(k)).errno).toBe(0);
  k.frames.drain();
  const free = k.frames.freeFrames;
  const asked = k.frames.allocations;
  k.frames.failNth(nth);
  const { errno, bug } = k.operation(name, () => step(k));
  k.frames.failNth(undefined);
  return { k, checker, free, errno, bug, step, reached: k.frames.allocations - asked >= nth };
}

/** Empty tables on the way to the range, which kernels may keep. */
function keptTables(k: Kernel): number {
  const { layout } = k;
  const memmap = layout.vmemmapRange(AT, GIB);
  return (
    emptyTables(k, layout.directPage(AT), layout.directPage(AT + GIB)).length +
    emptyTables(k, memmap.from, memmap.to).length
  );
}

describe.each(Object.keys(STEPS))("On the right kernel, '%s'", (name) => {
  it.each([4, 5] as const)("undoes everything, whichever allocation fails, %i levels", (levels) => {
    for (let nth = 1; ; nth++) {
      const { k, checker, free, errno, bug, step, reached } = attempt(
        "right",
        5,
        levels,
        name,
        nth,
      );
      expect(bug).toBeUndefined();
      expect(checker.fullCheck()).toEqual([]);
      expect(checker.findings).toEqual([]);
      if (!reached) break;
      if (errno === 0) continue;
      if (!name.startsWith("offline")) expect(errno).toBe(ENOMEM);
      k.frames.drain();
      expect(k.frames.freeFrames).toBe(free - keptTables(k));
      expect(k.operation("again", () => step(k)).errno).toBe(0);
      expect(nth).toBeLessThan(200);
    }
  });
});

/** The 2017 scenario with onlining and fork, as operations that can be asked for again. */
const SCENARIO: readonly (readonly [string, Step])[] = [
  ["add", (k) => addMemory(k, AT, 2 * SECTION)],
  ["online", (k) => onlineBlock(k, AT, "online_movable")],
  ["fork", (k) => (createProcess(k) === undefined ? ENOMEM : 0)],
  ["remove", (k) => offlineAndRemoveMemory(k, AT, 2 * SECTION)],
  ["fork again", (k) => (createProcess(k) === undefined ? ENOMEM : 0)],
  ["add again", (k) => addMemory(k, AT, 2 * SECTION, { memmapOnMemory: true })],
  ["remove again", (k) => offlineAndRemoveMemory(k, AT, 2 * SECTION)],
];

describe("The 2017 scenario on the right kernel", () => {
  it.each([4, 5] as const)(
    "survives each of its allocations failing, and gives every frame back, %i levels",
    (levels) => {
      for (let nth = 1, reached = true; reached; nth++) {
        const k = bootKernel({ levels, linearBytes: 256 * MIB });
        createProcess(k);
        plugDimm(k, AT, GIB);
        const checker = new Checker(new KernelView(k));
        k.frames.drain();
        const free = k.frames.freeFrames;
        const asked = k.frames.allocations;
        k.frames.failNth(nth);
        let failures = 0;
        for (const [name, step] of SCENARIO) {
          const { errno, bug } = k.operation(name, () => step(k));
          expect([bug, errno === 0 || errno === ENOMEM]).toEqual([undefined, true]);
          if (errno === 0) continue;
          failures += 1;
          expect(k.operation(`${name}, once more`, () => step(k)).errno).toBe(0);
        }
        reached = k.frames.allocations - asked >= nth;
        k.frames.failNth(undefined);
        expect(failures).toBeLessThanOrEqual(1);
        for (const mm of k.pgdList.slice(1)) k.operation("exit", () => exitProcess(k, mm));
        k.frames.drain();
        expect(checker.fullCheck()).toEqual([]);
        expect(checker.findings).toEqual([]);
        expect(k.frames.freeFrames).toBe(free - keptTables(k));
        expect(nth).toBeLessThan(200);
      }
    },
  );
});

function exitProcess(k: Kernel, mm: Mm): number {
  destroyProcess(k, mm);
  return 0;
}

const NAMED = ["v2.6.35", "v4.12", "v4.17", "edgecombe-2021", "v6.17"];
const RECORDS = KERNELS.filter(({ name }) => name !== "right" && (ALL || NAMED.includes(name)));

describe.each(RECORDS.map(({ name }) => name))("On %s", (kernel) => {
  const record = kernelNamed(kernel);
  it.each(record.fiveLevels ? ([4, 5] as const) : ([4] as const))(
    "a failing allocation breaks no rule but those that the record explains, %i levels",
    (levels) => {
      const built = record.fiveLevels ? 5 : 4;
      const rules = explained(record, built, levels);
      // The direct map is made first, and stays when the memmap then fails.
      if (record.addPagesFailure === "leaves") rules.add("direct-map-mismatch");
      for (let nth = 1; ; nth++) {
        const { checker, errno, bug, reached } = attempt(kernel, built, levels, "add", nth);
        expect(checker.findings.filter(({ rule }) => !rules.has(rule))).toEqual([]);
        if (!reached) break;
        // Tables of the direct map are used as if they were there: an oops at address 0.
        if (bug) expect([bug.kind, bug.address]).toEqual(["oops", 0n]);
        else expect([0, ENOMEM]).toContain(errno);
      }
    },
  );
});
