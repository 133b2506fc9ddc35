/** The bug of June 2017, and the run in which it does not show. */
import { GIB, MIB } from "../../base/units.ts";
import { addMemory, plugDimm, removeMemory, unplugDimm } from "../hotplug.ts";
import type { Kernel } from "../kernel.ts";
import { EXPECTED_2017 } from "./expected-2017.ts";
import type { Scenario, Stage } from "./scenario.ts";

/** Where the DIMM goes: the first byte of a 512 GiB entry of its own. */
export const DIMM_BASE = 512 * GIB;
export const DIMM_BYTES = 256 * MIB;

/** Plugs the DIMM and adds it. @returns an errno */
export function addDimm(k: Kernel, start = DIMM_BASE, bytes = DIMM_BYTES): number {
  plugDimm(k, start, bytes);
  return addMemory(k, start, bytes);
}

/** Removes the DIMM and unplugs it. @returns an errno */
export function removeDimm(k: Kernel, start = DIMM_BASE, bytes = DIMM_BYTES): number {
  const errno = removeMemory(k, start, bytes);
  return errno !== 0 ? errno : unplugDimm(k, start, bytes);
}

/** Every process writes the first and reads the last word of the range through the direct map. */
export function touchFromEveryProcess(stage: Stage, start = DIMM_BASE, bytes = DIMM_BYTES): 0 {
  const { layout, processor } = stage.kernel;
  stage.asEachProcess(() => {
    processor.writeKernel(layout.directAddress(start), 0x2017n);
    processor.readKernel(layout.directAddress(start + bytes - 8));
  });
  return 0;
}

function play(stage: Stage, between: (stage: Stage) => void): void {
  stage.step("add", (k) => addDimm(k));
  stage.step("touch", () => touchFromEveryProcess(stage));
  stage.step("remove", (k) => {
    const errno = removeDimm(k);
    if (errno === 0) stage.countKept(DIMM_BASE, DIMM_BYTES);
    return errno;
  });
  between(stage);
  stage.step("add again", (k) => addDimm(k));
  stage.step("touch again", () => touchFromEveryProcess(stage));
}

export const STORY_2017: Scenario = {
  name: "2017",
  title: "BUG_ON after hot-remove: the PUD table freed under the other processes' top entries",
  story:
    "A DIMM at 512 GiB is added, removed and added again, with a process forked in between. " +
    "A kernel that frees the emptied PUD table with 4 levels leaves the old pointer in every " +
    "process that exists; the second add makes another table, and sync_global_pgds() finds the " +
    "two differ. The checker reports the stale pointers when they come about: at the removal.",
  boot: { allocator: "quarantine" },
  expected: EXPECTED_2017,
  run: (stage) => play(stage, (s) => s.step("fork", () => s.fork(1))),
};

export const STORY_2017_LUCKY: Scenario = {
  name: "2017-lucky",
  title: "the same with nothing allocated in between: the freed frame comes back, nothing fires",
  story:
    "Linux's per-CPU lists are last in, first out. If nothing is allocated between the removal " +
    "and the second add, the new PUD table is the very frame that was freed, so the stale " +
    "pointers are right again by luck. In between they lead to a free frame all the while.",
  boot: { allocator: "pcp" },
  run: (stage) => play(stage, () => {}),
};
