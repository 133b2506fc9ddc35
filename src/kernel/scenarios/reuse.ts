/** Frames that are somebody else's while entries or caches still lead to them. */
import { MIB } from "../../base/units.ts";
import { EFAULT, ENOMEM } from "../bug.ts";
import { PAGE_KERNEL_LARGE } from "../flags.ts";
import type { Kernel } from "../kernel.ts";
import { PAGE_BYTES } from "../layout.ts";
import {
  EXPECTED_FLUSH_MEMMAP,
  EXPECTED_FLUSH_TABLES,
  EXPECTED_STALE_WALK,
} from "./expected-reuse.ts";
import { addDimm, DIMM, removeDimm, touch, touchMemmap } from "./props.ts";
import type { Scenario, Stage } from "./scenario.ts";

/** Data whose every word looks like a leaf that maps the first 1 GiB or 2 MiB of memory. */
function fillWithEntries(k: Kernel, frame: number): void {
  for (let at = 0; at < PAGE_BYTES; at += 8)
    k.memory.write64(frame + at, BigInt(PAGE_KERNEL_LARGE));
}

/** Somebody allocates a page of kernel data (say, of a pipe) and fills it. @returns an errno */
function writeData(k: Kernel): number {
  const frame = k.frames.allocate(0, "unmovable", { kind: "reserved" }, k.processor.id);
  if (frame < 0) return ENOMEM;
  fillWithEntries(k, frame);
  return 0;
}

/** Every old process reads where the DIMM was; -EFAULT (said of the kernel) if one gets through. */
function readWhereItWas(stage: Stage): number {
  const k = stage.kernel;
  const read: string[] = [];
  stage.asEachProcess((mm) => {
    const fault = k.processor.mmu.load(k.layout.directAddress(DIMM.start), 8);
    if (fault === 0) read.push(mm.name);
  });
  if (read.length === 0) return 0;
  return k.fail(EFAULT, `expected a fault, ${read.join(", ")} read memory through the old entry`);
}

const STALE_WALK: Scenario = {
  name: "stale-walk",
  title: "an old process walks its stale entry into a page that is somebody else's by now",
  story:
    "After the removal the PUD table's frame is handed out again, as a page of data whose words " +
    "look like entries: Linux's free lists are last in, first out. A process that still has the " +
    "old top entry then reads, and could write, whatever the data says.",
  boot: { allocator: "pcp" },
  range: DIMM,
  expected: EXPECTED_STALE_WALK,
  run: (stage) => {
    stage.step("add", (k) => addDimm(k, DIMM));
    stage.step("touch", () => touch(stage, DIMM));
    stage.step("remove", (k) => removeDimm(k, DIMM) || stage.countKept(DIMM));
    stage.step("write data", (k) => writeData(k));
    stage.step("read where it was", () => readWhereItWas(stage));
  },
};

/** Where a removal gives a frame back: what the other processor then tries. */
type Race = (k: Kernel, freed: number) => boolean;

/** Removes the DIMM while processor 1, in a process, races with it. */
function removeWhileRacing(stage: Stage, race: Race): number {
  const k = stage.kernel;
  let got = 0;
  const end = k.tables.subscribe({
    frameFreed: (freed) => {
      got += race(k, freed) ? 1 : 0;
    },
  });
  const errno = removeDimm(k, DIMM) || stage.countKept(DIMM);
  end();
  if (errno !== 0 || got === 0) return errno;
  return k.fail(EFAULT, `expected faults, processor 1 read through freed frames, times: ${got}`);
}

/**
 * The freed frame is handed out and filled at once, and processor 1 reads an address of the DIMM
 * that it has not read before: the walk starts from whatever it keeps of the upper levels.
 */
const throughTable: Race = (k, freed) => {
  const frame = k.frames.allocate(0, "unmovable", { kind: "reserved" }, k.processor.id);
  if (frame !== freed) {
    if (frame >= 0) k.frames.free(frame, 0, k.processor.id);
    return false;
  }
  fillWithEntries(k, frame);
  const mmu = k.processors[1]?.mmu;
  const address = k.layout.directAddress(DIMM.start + 200 * MIB);
  // As long as the direct map is there it leads to the DIMM; the data would lead to low memory.
  const through = mmu?.load(address, 8) === 0 && mmu.physical < DIMM.start;
  k.memory.fill(frame, PAGE_BYTES, 0);
  return through;
};

/** Processor 1 reads the DIMM's first struct page, which it has read before. */
const throughMemmap: Race = (k, freed) => {
  const mmu = k.processors[1]?.mmu;
  const address = k.layout.structPageAddress(DIMM.start);
  if (mmu?.load(address, 8) !== 0) return false;
  return mmu.physical >= freed && mmu.physical < freed + 2 * MIB;
};

function playRace(stage: Stage, race: Race): void {
  stage.step("add", (k) => addDimm(k, DIMM));
  stage.step("read on processor 1", (k) => {
    k.runOn(1);
    touch(stage, DIMM);
    touchMemmap(stage, DIMM);
    k.processor.switchMm(k.pgdList[0] ?? k.initMm);
    k.processor.readKernel(k.layout.directAddress(DIMM.start));
    k.processor.readKernel(k.layout.structPageAddress(DIMM.start));
    k.runOn(0);
    return 0;
  });
  stage.step("remove", () => removeWhileRacing(stage, race));
}

const FLUSH_TABLES: Scenario = {
  name: "flush-tables",
  title: "page tables free before the flush: another processor walks one that is data by now",
  story:
    "Processor 1 keeps the way to the DIMM's tables in its paging-structure caches. Processor 0 " +
    "removes the DIMM; at the moment at which it gives a table back, the frame is handed out and " +
    "written, and processor 1 reads. Only unlink, flush, free in this order leaves it no way.",
  boot: { allocator: "pcp", processors: 2 },
  range: DIMM,
  expected: EXPECTED_FLUSH_TABLES,
  run: (stage) => playRace(stage, throughTable),
};

const FLUSH_MEMMAP: Scenario = {
  name: "flush-memmap",
  title: "memmap frames free before the flush: another processor still reads them",
  story:
    "The same with the frames that hold the struct pages, 2 MiB each: processor 1 has a " +
    "translation to them in its TLB until the flush.",
  boot: { allocator: "pcp", processors: 2 },
  range: DIMM,
  expected: EXPECTED_FLUSH_MEMMAP,
  run: (stage) => playRace(stage, throughMemmap),
};

export const REUSE = [STALE_WALK, FLUSH_TABLES, FLUSH_MEMMAP];
