import { describe, expect, it } from "vitest";
import { GIB, MIB, TIB } from "../../src/base/units.ts";
import { Checker } from "../../src/check/checker.ts";
import { type BootOptions, bootKernel } from "../../src/kernel/boot.ts";
import { E2BIG, EBUSY, EEXIST, EINVAL, ENOMEM, ENXIO } from "../../src/kernel/bug.ts";
import { addMemory, plugDimm, removeMemory, unplugDimm } from "../../src/kernel/hotplug.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { offlineBlock, onlineBlock } from "../../src/kernel/memory-block.ts";
import { createProcess } from "../../src/kernel/process.ts";
import { emptyTables } from "../../src/kernel/reach.ts";
import { KernelView } from "../../src/kernel/view.ts";

const AT = 512 * GIB;
const BYTES = 256 * MIB;

function boot(options: BootOptions = {}) {
  const k = bootKernel({ levels: 4, linearBytes: 512 * MIB, ...options });
  createProcess(k);
  plugDimm(k, AT, BYTES);
  return k;
}
const run = (k: Kernel, body: () => number) => k.operation("it", body);

describe("Adding memory", () => {
  it("refuses a range that is not whole blocks", () => {
    const k = boot();
    expect(run(k, () => addMemory(k, AT + MIB, BYTES))).toMatchObject({
      errno: EINVAL,
      message: "expected start and size in multiples of 0x8000000, got 0x8000100000-0x80100fffff",
    });
  });

  it("refuses a range that overlaps what is there", () => {
    const k = boot();
    run(k, () => addMemory(k, AT, BYTES));
    expect(run(k, () => addMemory(k, AT + 128 * MIB, 128 * MIB))).toMatchObject({
      errno: EEXIST,
      message:
        "expected a free range, got 0x8008000000-0x800fffffff " +
        "over System RAM 0x8000000000-0x800fffffff",
    });
    expect(run(k, () => addMemory(k, 0, 128 * MIB)).errno).toBe(EEXIST);
  });

  it("refuses a range where no memory answers", () => {
    const k = boot();
    expect(run(k, () => addMemory(k, 2 * AT, BYTES)).errno).toBe(ENXIO);
  });

  it("refuses a range above what the direct map reaches", () => {
    const k = bootKernel({
      levels: 4,
      linearBytes: 512 * MIB,
      kaslr: { directMapGib: 32 * 1024, vmallocGib: 0, vmemmapGib: 0 },
    });
    plugDimm(k, 40 * TIB, BYTES);
    expect(run(k, () => addMemory(k, 40 * TIB, BYTES))).toMatchObject({
      errno: E2BIG,
      message: "expected a range within 0x0-0x207fffffffff, got 0x280000000000-0x28000fffffff",
    });
  });

  it("leaves nothing behind after a refusal", () => {
    const k = boot();
    const free = k.frames.freeFrames;
    run(k, () => addMemory(k, AT + MIB, BYTES));
    run(k, () => addMemory(k, 2 * AT, BYTES));
    expect(k.frames.freeFrames).toBe(free);
    expect(run(k, () => addMemory(k, AT, BYTES)).errno).toBe(0);
  });
});

describe("Removing memory", () => {
  it("refuses boot memory, unknown memory and blocks that are online", () => {
    const k = boot();
    expect(run(k, () => removeMemory(k, 0, 128 * MIB)).errno).toBe(EBUSY);
    expect(run(k, () => removeMemory(k, AT, BYTES)).errno).toBe(EINVAL);
    run(k, () => addMemory(k, AT, BYTES));
    run(k, () => onlineBlock(k, AT));
    expect(run(k, () => removeMemory(k, AT, BYTES))).toMatchObject({
      errno: EBUSY,
      message: "expected offline blocks, got 0x8000000000-0x8007ffffff online in Normal",
    });
  });

  it("gives every frame back, but the empty tables that the kernel keeps", () => {
    for (const levels of [4, 5] as const) {
      const k = boot({ levels });
      k.frames.drain();
      const free = k.frames.freeFrames;
      run(k, () => addMemory(k, AT, BYTES));
      run(k, () => removeMemory(k, AT, BYTES));
      const { layout } = k;
      const kept = emptyTables(k, layout.directPage(AT), layout.directPage(AT + BYTES));
      expect(kept.length).toBe(levels === 4 ? 1 : 0);
      expect(k.frames.freeFrames).toBe(free - kept.length);
    }
  });
});

describe("Onlining and offlining", () => {
  it("makes the block's frames allocatable, and takes them out again", () => {
    const k = boot();
    run(k, () => addMemory(k, AT, BYTES));
    const free = k.frames.freeFrames;
    expect(run(k, () => onlineBlock(k, AT, "online_movable")).errno).toBe(0);
    expect(k.frames.freeFrames).toBe(free + 32768);
    expect(run(k, () => onlineBlock(k, AT, "online_movable")).errno).toBe(EINVAL);
    expect(run(k, () => offlineBlock(k, AT)).errno).toBe(0);
    expect(k.frames.freeFrames).toBe(free);
    expect(run(k, () => offlineBlock(k, AT)).errno).toBe(EINVAL);
    expect(run(k, () => removeMemory(k, AT, BYTES)).errno).toBe(0);
  });

  it("refuses to offline a block with a page that cannot be moved", () => {
    const k = boot();
    run(k, () => addMemory(k, AT, BYTES));
    run(k, () => onlineBlock(k, AT));
    k.frames.allocate(10, "unmovable", { kind: "reserved" });
    expect(run(k, () => offlineBlock(k, AT)).errno).toBe(EBUSY);
  });

  it("keeps a self-hosted memmap out of the zone", () => {
    const k = boot();
    const free = k.frames.freeFrames;
    run(k, () => addMemory(k, AT, 128 * MIB, { memmapOnMemory: true }));
    expect(k.frames.useOf(AT)).toEqual({ kind: "memmap" });
    run(k, () => onlineBlock(k, AT));
    run(k, () => offlineBlock(k, AT));
    expect(run(k, () => removeMemory(k, AT, 128 * MIB)).errno).toBe(0);
    // The PUD table of the direct map is kept; the memmap's frames were the range's own.
    expect(k.frames.freeFrames).toBe(free - 1);
  });
});

describe("The DIMM slot", () => {
  it("does not let go of memory that the kernel has", () => {
    const k = boot();
    run(k, () => addMemory(k, AT, BYTES));
    expect(run(k, () => unplugDimm(k, AT, BYTES))).toMatchObject({
      errno: EBUSY,
      message: "expected removed memory, 0x8000000000-0x800fffffff is in use",
    });
    run(k, () => removeMemory(k, AT, BYTES));
    expect(run(k, () => unplugDimm(k, AT, BYTES)).errno).toBe(0);
    expect(k.memory.isPresent(AT)).toBe(false);
  });

  it("does not let go of memory that is still mapped", () => {
    const k = boot({ kernel: "v2.6.35" });
    run(k, () => addMemory(k, AT, BYTES));
    run(k, () => removeMemory(k, AT, BYTES));
    expect(run(k, () => unplugDimm(k, AT, BYTES)).errno).toBe(EBUSY);
  });
});

describe("Adding memory on the right kernel when an allocation fails", () => {
  it.each([4, 5] as const)("undoes everything, whichever it is, %i levels", (levels) => {
    let failures = 0;
    for (let nth = 1; nth < 100; nth++) {
      const k = boot({ levels, gbPages: false });
      k.frames.drain();
      const checker = new Checker(new KernelView(k));
      const free = k.frames.freeFrames;
      const before = k.frames.allocations;
      k.frames.failNth(nth);
      const { errno } = run(k, () => addMemory(k, AT, BYTES));
      k.frames.failNth(undefined);
      if (k.frames.allocations - before < nth) break;
      checker.fullCheck();
      expect(checker.findings).toEqual([]);
      if (errno === ENOMEM) {
        failures += 1;
        const { layout } = k;
        const kept = emptyTables(k, layout.directPage(AT), layout.directPage(AT + BYTES));
        expect(k.frames.freeFrames).toBe(free - kept.length);
        expect(run(k, () => addMemory(k, AT, BYTES)).errno).toBe(0);
      } else expect(errno).toBe(0);
    }
    expect(failures).toBeGreaterThan(2);
  });
});
