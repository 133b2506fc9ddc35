/** vmalloc space: tables and frames that go while a processor still knows the way to them. */
import { MIB } from "../../base/units.ts";
import { LazyTlb } from "../../mmu/lazy-tlb.ts";
import { EFAULT, ENOMEM } from "../bug.ts";
import type { Kernel } from "../kernel.ts";
import { PAGE_BYTES } from "../layout.ts";
import { kernelRead, kernelWrite } from "../user/access.ts";
import { purgeVmapAreas, vfree, vmalloc, vmapPhysical } from "../vmalloc.ts";
import { EXPECTED_HUGE_VMAP, EXPECTED_VFREE } from "./expected-vmap.ts";
import type { Scenario } from "./scenario.ts";

/** Where the first area of vmalloc space lies. */
function firstArea(k: Kernel): bigint {
  return k.layout.addressOf(k.layout.vmallocPage);
}

/** Two pages that are somebody's, each read with another PCID, so both know the way to the table. */
function mapSmall(k: Kernel): number {
  const address = vmapPhysical(k, 0, 2 * PAGE_BYTES, 1);
  if (address === undefined) return ENOMEM;
  k.processor.switchMm(k.initMm);
  kernelRead(k, address);
  k.processor.switchMm(k.pgdList[0] ?? k.initMm);
  kernelRead(k, address + BigInt(PAGE_BYTES));
  return 0;
}

const HUGE_VMAP: Scenario = {
  name: "huge-vmap",
  title: "a large page mapped where small ones left their table: leaked, or freed too early",
  story:
    "Unmapping in vmalloc space keeps the tables. When a page of 2 MiB is mapped there later, the " +
    "empty PTE table has to go, and processors may still know the way to it. INVLPG, which came " +
    "with v4.18, makes them forget it in the current PCID alone.",
  // The TLB that keeps all that it lawfully may: a small one would evict by chance.
  boot: { pcid: true, tlb: () => new LazyTlb() },
  expected: EXPECTED_HUGE_VMAP,
  run: (stage) => {
    stage.step("map small", (k) => mapSmall(k));
    stage.step("unmap small", (k) => {
      const errno = vfree(k, firstArea(k));
      purgeVmapAreas(k);
      return errno;
    });
    stage.step("map large", (k) => (vmapPhysical(k, 0, 2 * MIB, 2) === firstArea(k) ? 0 : ENOMEM));
    stage.step("read", (k) => {
      kernelRead(k, firstArea(k));
      return 0;
    });
  },
};

/** A frame of data for somebody else; -EFAULT if processor 1 reads it by the old address. */
function reuse(k: Kernel): number {
  const frame = k.frames.allocate(0, "unmovable", { kind: "reserved" }, k.processor.id);
  if (frame < 0) return ENOMEM;
  const mmu = k.processors[1]?.mmu;
  if (mmu?.load(firstArea(k), 8) !== 0 || mmu.physical !== frame) return 0;
  return k.fail(
    EFAULT,
    "expected a page of nobody else's, processor 1 reads one by the old address",
  );
}

const VFREE: Scenario = {
  name: "vfree",
  title: "pages of vmalloc space handed out again before the lazy flush",
  story:
    "vfree() clears the entries and frees the pages; the flush waits until enough areas do. Until " +
    "then another processor reads the page by its old address, whosever it is by now. Linux lives " +
    "with it: whoever uses what was freed has a bug already. Right is to free after the flush.",
  boot: { allocator: "pcp", processors: 2 },
  expected: EXPECTED_VFREE,
  run: (stage) => {
    stage.step("vmalloc", (k) => (vmalloc(k, PAGE_BYTES) === firstArea(k) ? 0 : ENOMEM));
    stage.step("write on processor 1", (k) => {
      k.runOn(1);
      k.processor.switchMm(k.pgdList[0] ?? k.initMm);
      kernelWrite(k, firstArea(k), 0x2017n);
      k.runOn(0);
      return 0;
    });
    stage.step("vfree", (k) => vfree(k, firstArea(k)));
    stage.step("hand out again", (k) => reuse(k));
  },
};

export const VMAP = [HUGE_VMAP, VFREE];
