/** What a kernel does when it must say no: refusals, and errors in the middle. */
import { GIB, MIB } from "../../base/units.ts";
import { EBUSY, EEXIST, EINVAL, ENOMEM, ENXIO } from "../bug.ts";
import { entryOf } from "../direct-map.ts";
import { addMemory, plugDimm, removeMemory, unplugDimm } from "../hotplug.ts";
import type { Kernel } from "../kernel.ts";
import { EXPECTED_OOM_MEMMAP, EXPECTED_OOM_TABLE, EXPECTED_REFUSALS } from "./expected-errors.ts";
import { addDimm, DIMM, removeDimm } from "./props.ts";
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

export const ERRORS = [OOM_TABLE, OOM_MEMMAP, REFUSALS];
