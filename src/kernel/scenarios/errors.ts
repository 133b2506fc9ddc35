/** What a kernel does when it must say no: refusals, and errors in the middle. */
import { GIB, MIB } from "../../base/units.ts";
import { EBUSY, EEXIST, EINVAL, ENOMEM, ENXIO } from "../bug.ts";
import { entryOf } from "../direct-map.ts";
import { addMemory, plugDimm, removeMemory, unplugDimm } from "../hotplug.ts";
import type { Kernel } from "../kernel.ts";
import {
  EXPECTED_OOM_BLOCK,
  EXPECTED_OOM_MEMMAP,
  EXPECTED_OOM_TABLE,
  EXPECTED_REFUSALS,
} from "./expected-errors.ts";
import { addDimm, DIMM, type Range, removeDimm } from "./props.ts";
import type { Scenario } from "./scenario.ts";

/** Tables that the DIMM's direct map has to make: a PMD table, and a PUD table if there is none. */
function directMapTables(k: Kernel): number {
  return entryOf(k, k.layout.directPage(DIMM.start), 3) === undefined ? 2 : 1;
}

/** Adds the DIMM, the `nth` allocation failing. @returns an errno */
function addWithout(k: Kernel, nth: number): number {
  plugDimm(k, DIMM.start, DIMM.bytes);
  k.frames.failNth(nth);
  const errno = addMemory(k, DIMM.start, DIMM.bytes);
  k.frames.failNth(undefined);
  return errno;
}

const OOM_TABLE: Scenario = {
  name: "oom-table",
  title: "no frame for a table of the direct map",
  story:
    "alloc_low_page() hands on whatever the allocator returned, so the missing table is at " +
    "address 0, and is read there. Right is -ENOMEM, as if nothing had been asked for.",
  range: DIMM,
  expected: EXPECTED_OOM_TABLE,
  run: (stage) => {
    stage.refusal("add fails", ENOMEM, (k) => addWithout(k, 1));
    stage.step("unplug", (k) => unplugDimm(k, DIMM.start, DIMM.bytes));
    stage.step("add", (k) => addDimm(k, DIMM));
    stage.step("remove", (k) => removeDimm(k, DIMM));
  },
};

const OOM_MEMMAP: Scenario = {
  name: "oom-memmap",
  title: "no frame for a table of the memmap, after the direct map was made",
  story:
    "arch_add_memory() makes the direct map first. When the memmap then fails, x86 leaves the " +
    "direct map where it is: memory that nobody has added is mapped, and the DIMM cannot go.",
  range: DIMM,
  expected: EXPECTED_OOM_MEMMAP,
  run: (stage) => {
    stage.refusal("add fails", ENOMEM, (k) => addWithout(k, directMapTables(k) + 1));
    stage.step("unplug", (k) => unplugDimm(k, DIMM.start, DIMM.bytes));
  },
};

/** One memory block. */
const BLOCK: Range = { start: DIMM.start, bytes: 128 * MIB };
const OWN_MEMMAP = { memmapOnMemory: true };

/** Tables, the section's record, and a PMD table of the memmap: what is asked for before the block. */
function allocationsBeforeBlock(k: Kernel): number {
  const { from } = k.layout.vmemmapRange(BLOCK.start, BLOCK.bytes);
  return directMapTables(k) + 1 + (entryOf(k, from, 2) === undefined ? 1 : 0);
}

/** Somebody allocates 2 MiB and writes to them through the direct map. */
function use2M(k: Kernel): number {
  const physical = k.frames.allocate(9, "unmovable", { kind: "reserved" }, k.processor.id);
  if (physical < 0) return ENOMEM;
  k.processor.writeKernel(k.layout.directAddress(physical), 0x2017n);
  k.frames.free(physical, 9, k.processor.id);
  return 0;
}

const OOM_BLOCK: Scenario = {
  name: "oom-block",
  title:
    "memmap_on_memory, and no memory for the block's own record: frames of a DIMM that is gone",
  story:
    "The block's memmap lies in its own first frames (memmap_on_memory). When the record of the " +
    "memory block cannot be had, all is undone; whoever forgets whose frames these were gives them " +
    "to the page allocator, which hands them out after the DIMM was pulled.",
  range: BLOCK,
  expected: EXPECTED_OOM_BLOCK,
  run: (stage) => {
    stage.refusal("add fails", ENOMEM, (k) => {
      plugDimm(k, BLOCK.start, BLOCK.bytes);
      k.frames.failNth(allocationsBeforeBlock(k) + 1);
      const errno = addMemory(k, BLOCK.start, BLOCK.bytes, OWN_MEMMAP);
      k.frames.failNth(undefined);
      return errno;
    });
    stage.step("unplug", (k) => unplugDimm(k, BLOCK.start, BLOCK.bytes));
    stage.step("use 2 MiB", (k) => use2M(k));
    stage.step("add", (k) => {
      plugDimm(k, BLOCK.start, BLOCK.bytes);
      return addMemory(k, BLOCK.start, BLOCK.bytes, OWN_MEMMAP);
    });
    stage.step("remove", (k) => removeDimm(k, BLOCK));
  },
};

const REFUSALS: Scenario = {
  name: "refusals",
  title: "requests that cannot be are refused, and change nothing",
  story:
    "Unaligned, overlapping, absent, unknown ranges and boot memory: each is refused with its " +
    "errno before anything is touched.",
  range: DIMM,
  expected: EXPECTED_REFUSALS,
  run: (stage) => {
    stage.step("plug", (k) => {
      plugDimm(k, DIMM.start, DIMM.bytes);
      return 0;
    });
    stage.refusal("add unaligned", EINVAL, (k) => addMemory(k, DIMM.start + MIB, DIMM.bytes));
    stage.refusal("add over boot memory", EEXIST, (k) => addMemory(k, 0, 128 * MIB));
    stage.refusal("add nothing", ENXIO, (k) => addMemory(k, DIMM.start + GIB, DIMM.bytes));
    stage.refusal("remove boot memory", EBUSY, (k) => removeMemory(k, 0, 128 * MIB));
    stage.refusal("remove unknown", EINVAL, (k) => removeMemory(k, DIMM.start, DIMM.bytes));
    stage.step("unplug", (k) => unplugDimm(k, DIMM.start, DIMM.bytes));
  },
};

export const ERRORS = [OOM_TABLE, OOM_MEMMAP, OOM_BLOCK, REFUSALS];
