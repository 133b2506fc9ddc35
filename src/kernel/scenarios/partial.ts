/** Removing a part of what was added, where one leaf maps more than the part. */
import { GIB, MIB } from "../../base/units.ts";
import { EFAULT } from "../bug.ts";
import { addMemory, plugDimm, removeMemory } from "../hotplug.ts";
import type { Kernel } from "../kernel.ts";
import {
  EXPECTED_PARTIAL_2M,
  EXPECTED_PARTIAL_FIRST,
  EXPECTED_PARTIAL_LATER,
} from "./expected-partial.ts";
import { DIMM, look, type Range } from "./props.ts";
import type { Scenario, Stage } from "./scenario.ts";

const WHOLE: Range = { start: DIMM.start, bytes: GIB };
const FIRST: Range = { start: DIMM.start, bytes: 128 * MIB };
const LATER: Range = { start: DIMM.start + 512 * MIB, bytes: 128 * MIB };

/** Everything of the GiB but the part: one range before it, if there is one, and one after it. */
function restOf(part: Range): Range[] {
  const after = part.start + part.bytes;
  return [
    { start: WHOLE.start, bytes: part.start - WHOLE.start },
    { start: after, bytes: WHOLE.start + WHOLE.bytes - after },
  ].filter(({ bytes }) => bytes > 0);
}

/** -EFAULT is what is not wanted: a read of removed memory has to fault. */
function isGone(k: Kernel, part: Range): number {
  const fault = k.processor.mmu.load(k.layout.directAddress(part.start), 8);
  return fault !== 0 ? 0 : k.fail(EFAULT, "expected a fault, the removed part is still mapped");
}

function play(stage: Stage, part: Range): void {
  stage.step("add", (k) => {
    plugDimm(k, WHOLE.start, WHOLE.bytes);
    return addMemory(k, WHOLE.start, WHOLE.bytes);
  });
  stage.step("read", () => look(stage, WHOLE));
  stage.step(
    "remove part",
    (k) => removeMemory(k, part.start, part.bytes) || stage.countKept(part),
  );
  stage.step("read the part", (k) => isGone(k, part));
  stage.step("read the rest", () => {
    for (const range of restOf(part)) look(stage, range);
    return 0;
  });
}

const STORY =
  "A DIMM of 1 GiB is mapped by one leaf. A part of it is removed. Linux up to 5.12 fills the part " +
  "with 0xFD, as if it were memmap, and keeps the leaf; since 5.13 it falls through and reads the " +
  "DIMM's first page as a PMD table. ";

const PARTIAL_FIRST: Scenario = {
  name: "partial-first",
  title: "the first 128 MiB of a 1 GiB leaf removed: RAM is taken for a page table",
  story: `${STORY}Zeroed, that page is an empty table to be freed, and its struct page is gone.`,
  range: WHOLE,
  expected: EXPECTED_PARTIAL_FIRST,
  run: (stage) => play(stage, FIRST),
};

const PARTIAL_LATER: Scenario = {
  name: "partial-later",
  title: "a later 128 MiB of a 1 GiB leaf removed: the whole GiB is unmapped",
  story: `${STORY}Its struct page is there, the leaf is cleared, and the other 896 MiB go with it.`,
  range: WHOLE,
  expected: EXPECTED_PARTIAL_LATER,
  run: (stage) => play(stage, LATER),
};

const PARTIAL_2M: Scenario = {
  name: "partial-2m",
  title: "the first 128 MiB removed where there are no 1 GiB leaves: nothing happens",
  story: "Without 1 GiB pages the DIMM has 512 leaves of 2 MiB, and no part cuts one.",
  boot: { gbPages: false },
  range: WHOLE,
  expected: EXPECTED_PARTIAL_2M,
  run: (stage) => play(stage, FIRST),
};

export const PARTIAL = [PARTIAL_FIRST, PARTIAL_LATER, PARTIAL_2M];
