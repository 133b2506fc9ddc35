/** The bug of June 2017, and the runs in which it does not show. */
import { GIB } from "../../base/units.ts";
import { EXPECTED_2017 } from "./expected-2017.ts";
import { EXPECTED_LOW, EXPECTED_LUCKY, EXPECTED_VMEMMAP } from "./expected-reuse.ts";
import {
  addDevice,
  addDimm,
  DIMM,
  FAR,
  type Range,
  removeDevice,
  removeDimm,
  touch,
  touchMemmap,
} from "./props.ts";
import type { Scenario, Stage } from "./scenario.ts";

/** Adds, removes and adds again, every process touching it; `between` comes before the last add. */
function dimmTwice(stage: Stage, range: Range, between: (stage: Stage) => void): void {
  stage.step("add", (k) => addDimm(k, range));
  stage.step("touch", () => touch(stage, range));
  stage.step("remove", (k) => removeDimm(k, range) || stage.countKept(range));
  between(stage);
  stage.step("add again", (k) => addDimm(k, range));
  stage.step("touch again", () => touch(stage, range));
}

const fork = (stage: Stage) => stage.step("fork", () => stage.fork(1));

export const STORY_2017: Scenario = {
  name: "2017",
  title: "BUG_ON after hot-remove: the PUD table freed under the other processes' top entries",
  story:
    "A DIMM at 512 GiB is added, removed and added again, with a process forked in between. " +
    "A kernel that frees the emptied PUD table with 4 levels leaves the old pointer in every " +
    "process that exists; the second add makes another table, and sync_global_pgds() finds the " +
    "two differ. The checker reports the stale pointers when they come about: at the removal.",
  boot: { allocator: "quarantine" },
  range: DIMM,
  expected: EXPECTED_2017,
  run: (stage) => dimmTwice(stage, DIMM, fork),
};

const STORY_2017_LUCKY: Scenario = {
  name: "2017-lucky",
  title: "the same with nothing allocated in between: the freed frame comes back, nothing fires",
  story:
    "Linux's per-CPU lists are last in, first out. If nothing is allocated between the removal " +
    "and the second add, the new PUD table is the very frame that was freed, so the stale " +
    "pointers are right again by luck. In between they lead to a free frame all the while.",
  boot: { allocator: "pcp" },
  range: DIMM,
  expected: EXPECTED_LUCKY,
  run: (stage) => dimmTwice(stage, DIMM, () => {}),
};

const STORY_2017_VMEMMAP: Scenario = {
  name: "2017-vmemmap",
  title: "as Glisse met it: device memory at 32 TiB, whose memmap has a top entry of its own",
  story:
    "HMM's private device memory has struct pages and no direct map. At 32 TiB they start a new " +
    "top entry of vmemmap with 4 levels, so it is the memmap's PUD table that empties when the " +
    "device goes, and vmemmap_populate() in which the BUG shows when it comes again.",
  boot: { allocator: "quarantine" },
  range: FAR,
  expected: EXPECTED_VMEMMAP,
  run: (stage) => {
    stage.step("add", (k) => addDevice(k, FAR));
    stage.step("touch", () => touchMemmap(stage, FAR));
    stage.step("remove", (k) => removeDevice(k, FAR) || stage.countKept(FAR));
    fork(stage);
    stage.step("add again", (k) => addDevice(k, FAR));
    stage.step("touch again", () => touchMemmap(stage, FAR));
  },
};

const LOW: Range = { start: 4 * GIB, bytes: DIMM.bytes };

const STORY_2017_LOW: Scenario = {
  name: "2017-low",
  title: "a DIMM at 4 GiB shares its PUD table with boot memory: why few machines saw the bug",
  story:
    "The PUD table of the first 512 GiB also maps boot memory, so it never empties, whatever the " +
    "kernel would do with an empty one.",
  boot: { allocator: "quarantine" },
  range: LOW,
  expected: EXPECTED_LOW,
  run: (stage) => dimmTwice(stage, LOW, fork),
};

export const STORIES_2017 = [STORY_2017, STORY_2017_LUCKY, STORY_2017_VMEMMAP, STORY_2017_LOW];
