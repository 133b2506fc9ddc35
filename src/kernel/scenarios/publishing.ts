/** New top entries that the processes do not get, or get too late. */
import { memremapPages } from "../device-memory.ts";
import { addMemory, plugDimm } from "../hotplug.ts";
import type { Kernel } from "../kernel.ts";
import { EXPECTED_2010, EXPECTED_2025, EXPECTED_2025_DIMM } from "./expected-publish.ts";
import { addDimm, DIMM, FAR, touch, touchMemmap } from "./props.ts";
import type { Scenario, Stage } from "./scenario.ts";

const STORY_2010: Scenario = {
  name: "2010",
  title: "a new top entry that no process gets: oops in processes that are older than the DIMM",
  story:
    "Every process has a top table of its own, and copies the kernel's half when it is created. " +
    "A DIMM at 512 GiB needs a new top entry of the direct map with 4 levels; until 9b861528a801 " +
    "nobody copied it to the processes that existed. With 5 levels the new entry lies one level " +
    "down, in a table that all share.",
  range: DIMM,
  expected: EXPECTED_2010,
  run: (stage) => {
    stage.step("add", (k) => addDimm(k, DIMM));
    stage.step("touch", () => touch(stage, DIMM));
  },
};

/** Adds with the first process's table loaded: whoever adds memory runs on some table. */
function addAsProcess(k: Kernel, asDevice: boolean): number {
  const { processor } = k;
  processor.switchMm(k.pgdList[0] ?? k.initMm);
  plugDimm(k, FAR.start, FAR.bytes);
  const { start, bytes } = FAR;
  const errno = asDevice
    ? memremapPages(k, start, bytes, { vmemmapShift: 9 })
    : addMemory(k, start, bytes);
  processor.switchMm(k.initMm);
  return errno;
}

function play(stage: Stage, asDevice: boolean): void {
  stage.step("add", (k) => addAsProcess(k, asDevice));
  stage.step("touch memmap", () => touchMemmap(stage, FAR));
}

const STORY_2025: Scenario = {
  name: "2025",
  title: "device memory's struct pages written before their top entry is published",
  story:
    "256 MiB of device memory of compound pages at 32 TiB: their memmap starts a new top entry " +
    "with 4 levels, and the path that populates it (v5.19) has no sync_global_pgds(). The first " +
    "write, here the debugging kernel's poison, faults on the table of the process that runs.",
  boot: { debugVm: true },
  range: FAR,
  expected: EXPECTED_2025,
  run: (stage) => play(stage, true),
};

const STORY_2025_DIMM: Scenario = {
  name: "2025-dimm",
  title: "the same range as a plain DIMM: the sync at the end of populate comes in time",
  story:
    "The plain path of vmemmap_populate() ends with sync_global_pgds(), before anybody writes to " +
    "the struct pages.",
  boot: { debugVm: true },
  range: FAR,
  expected: EXPECTED_2025_DIMM,
  run: (stage) => play(stage, false),
};

export const PUBLISHING = [STORY_2010, STORY_2025, STORY_2025_DIMM];
