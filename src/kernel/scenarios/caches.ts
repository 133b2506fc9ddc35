/** Lazy TLB mode, and memmap that fills its leaves in part. */
import { MIB } from "../../base/units.ts";
import { EFAULT } from "../bug.ts";
import { entryOf } from "../direct-map.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../user/access.ts";
import { mmap, munmap } from "../user/mmap.ts";
import { EXPECTED_LAZY, EXPECTED_SUB_PMD, EXPECTED_SUB_PMD_MIDDLE } from "./expected-caches.ts";
import { addDimm, DIMM, type Range, removeDimm } from "./props.ts";
import type { Scenario, Stage } from "./scenario.ts";

const USER_ADDRESS = 0x4000_0000n;
const USER_BYTES = 64 * 1024;

/** The first process writes its new memory on processor 1, which then runs a kernel thread. */
function useOnProcessor1(k: Kernel): number {
  const mm = k.pgdList[0] ?? k.initMm;
  const errno = mmap(k, mm, USER_ADDRESS, USER_BYTES, "rw-");
  k.runOn(1);
  k.processor.switchMm(mm);
  userWrite(k, USER_ADDRESS, 0x1a2bn);
  k.processor.runKernelThread();
  k.runOn(0);
  return errno;
}

/** Another thread of it, on processor 0, unmaps all of it: the tables below the top go. */
function unmapOnProcessor0(k: Kernel): number {
  const mm = k.pgdList[0] ?? k.initMm;
  k.processor.switchMm(mm);
  return munmap(k, mm, USER_ADDRESS, USER_BYTES);
}

/** What a speculative access of the kernel thread would find; right is nothing. */
function readOnProcessor1(k: Kernel): number {
  const fault = k.processors[1]?.mmu.load(USER_ADDRESS, 8);
  return fault !== 0 ? 0 : k.fail(EFAULT, "expected a fault, processor 1 read an unmapped page");
}

const LAZY_TLB: Scenario = {
  name: "lazy-tlb",
  title: "a kernel thread keeps the CR3 of a process that frees its tables",
  story:
    "A kernel thread borrows the address space that is loaded (lazy TLB mode). If a flush leaves " +
    "its processor alone while tables are freed, whatever it walks, be it by speculation, leads " +
    "through frames that are free. Kernels interrupt it at every flush, or when tables go.",
  boot: { processors: 2 },
  processes: 2,
  expected: EXPECTED_LAZY,
  run: (stage) => {
    stage.step("use on processor 1", (k) => useOnProcessor1(k));
    stage.step("unmap", (k) => unmapOnProcessor0(k));
    stage.step("read on processor 1", (k) => readOnProcessor1(k));
  },
};

/** -EFAULT while leaves of the range's memmap are mapped. */
function memmapIsGone(k: Kernel, { start, bytes }: Range): number {
  const { from, to } = k.layout.vmemmapRange(start, bytes);
  let leaves = 0;
  for (let page = from - (from % 512); page < to; page += 512) {
    const found = entryOf(k, page, 2);
    if (found !== undefined && k.tables.isPresent(found.table, found.index)) leaves += 1;
  }
  if (leaves === 0) return 0;
  return k.fail(EFAULT, `expected no memmap of removed memory, leaves of 2 MiB left: ${leaves}`);
}

function playSubPmd(stage: Stage, range: Range): void {
  stage.step("add", (k) => addDimm(k, range));
  stage.step("remove", (k) => removeDimm(k, range) || stage.countKept(range));
  stage.step("look for memmap", (k) => memmapIsGone(k, range));
}

const SUB_PMD_STORY =
  "With struct pages of 56 bytes a section's memmap is 1.75 MiB and shares its leaves of 2 MiB with " +
  "its neighbours'. Bytes of 0xFD mark what is unused, and a leaf of nothing else is freed. ";

const SUB_PMD: Scenario = {
  name: "sub-pmd",
  title: "memmap that fills its last leaf in part: the leaf leaks",
  story: `${SUB_PMD_STORY}Until v5.13 nobody marked the part that was never used.`,
  boot: { structPageBytes: 56 },
  range: DIMM,
  expected: EXPECTED_SUB_PMD,
  run: (stage) => playSubPmd(stage, DIMM),
};

const MIDDLE: Range = { start: DIMM.start + 128 * MIB, bytes: DIMM.bytes };

const SUB_PMD_MIDDLE: Scenario = {
  name: "sub-pmd-middle",
  title: "memmap that begins within a new leaf: the wrong part is marked unused",
  story:
    `${SUB_PMD_STORY}From v5.13 to v5.17 the part before the piece was filled from the piece's ` +
    "start on.",
  boot: { structPageBytes: 56 },
  range: MIDDLE,
  expected: EXPECTED_SUB_PMD_MIDDLE,
  run: (stage) => playSubPmd(stage, MIDDLE),
};

export const CACHES = [LAZY_TLB];
export const SUB_PMDS = [SUB_PMD, SUB_PMD_MIDDLE];
