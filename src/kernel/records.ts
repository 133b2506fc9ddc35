/**
 * The kernels of the history, each as what it changed of the one before. Dates are of the release,
 * the commit or the mail; where a source gives no day, the month's first stands for it.
 */
import { badArgument } from "../base/errors.ts";
import type { KernelRecord } from "./record.ts";

const V2_6_35: KernelRecord = {
  name: "v2.6.35",
  date: "2010-08-01",
  title: "hot-add without publishing new top entries",
  source: "before 9b861528a801",
  fiveLevels: false,
  folding: "build",
  tearsDown: false,
  freesPudTable: "never",
  clearsOtherPgds: "never",
  teardownOrder: "free-clear-flush",
  partialPudLeaf: "marked",
  publishesDirectMap: false,
  publishesVmemmap: { atPopulate: false, afterwards: false },
  compoundMemmap: false,
  memmapMarker: "on-free",
  memmapOnMemory: "none",
  blockDevicesFailure: "rolls-back",
  lowPteQuirk: true,
  differingEntry: "bug",
  preallocatesTop: false,
  preallocatesVmalloc: false,
  lazyTlb: "leaves-on-flush",
  userFlushes: { unmap: true, protect: true, fork: true, copy: true },
  vfreeOrder: "frees-at-once",
  vmallocTops: "filled-on-fault",
  hugeVmapOverTable: "leaks",
  directMapOutOfMemory: "oops",
  addPagesFailure: "leaves",
};

const V3_9: KernelRecord = {
  ...V2_6_35,
  name: "v3.9",
  date: "2013-04-28",
  title: "page tables removed, top entries cleared in init_mm only",
  source: "ae9aae9eda2d and its series (common APIs to support page tables hot-remove)",
  tearsDown: true,
  freesPudTable: "always",
  publishesDirectMap: true,
  publishesVmemmap: { atPopulate: false, afterwards: true },
};

const V3_18: KernelRecord = {
  ...V3_9,
  name: "v3.18",
  date: "2014-12-07",
  title: "removal clears the top entries of every PGD",
  source: "9661d5bcd058, 5255e0a79fcc (Ishimatsu, 18 June 2014)",
  clearsOtherPgds: "always",
};

const NEVER_FREES: KernelRecord = {
  ...V3_9,
  name: "af2cf278ef4f",
  date: "2016-07-15",
  title: "Don't remove PGD entries in remove_pagetable()",
  source: "af2cf278ef4f (Molnar; carried by Lutomirski), in v4.8",
  freesPudTable: "never",
};

const V4_12: KernelRecord = {
  ...NEVER_FREES,
  name: "v4.12",
  date: "2017-07-02",
  title: "the conversion to p4d frees PUD tables again",
  source: "f2a6a7050109",
  fiveLevels: true,
  freesPudTable: "always",
};

const GLISSE_V3: KernelRecord = {
  ...V4_12,
  name: "glisse-v3",
  date: "2017-06-24",
  title: "if (CONFIG_PGTABLE_LEVELS == 5) at the call, as merged",
  source: "Glisse, 24 June 2017, v3; 98fe3633c5a4",
  freesPudTable: "CONFIG_PGTABLE_LEVELS == 5",
};

const V4_17: KernelRecord = {
  ...GLISSE_V3,
  name: "v4.17",
  date: "2018-06-03",
  title: "the depth is asked when running",
  source: "the series of 14 February 2018 (run-time checks for 5-level paging)",
  folding: "run",
  freesPudTable: "pgtable_l5_enabled()",
  // 28ee90fe6048, in v4.16; the flush came with 5e0fb5df2ee8, in v4.18.
  hugeVmapOverTable: "frees",
};

const V6_16: KernelRecord = {
  ...V4_17,
  name: "v6.16",
  date: "2025-07-27",
  title: "device memory's compound memmap is not published",
  source: "4917f55b4ef9 (v5.19); 69ccfe74e16b (v5.13) for partial 1 GiB leaves",
  partialPudLeaf: "taken-for-table",
  compoundMemmap: true,
  memmapMarker: "from-leaf",
  memmapOnMemory: "per-block",
  preallocatesVmalloc: true,
  lazyTlb: "leaves-when-tables-freed",
  vmallocTops: "published",
  hugeVmapOverTable: "flushes-page",
};

const V6_17: KernelRecord = {
  ...V6_16,
  name: "v6.17",
  date: "2025-09-28",
  title: "top entries of the memmap published where they are made",
  source:
    "Yoo, 18 August 2025: pgd_populate_kernel(), p4d_populate_kernel(), ARCH_PAGE_TABLE_SYNC_MASK",
  publishesVmemmap: { atPopulate: true, afterwards: true },
};

/** In order of time; the proposals of 2017 are variations of v4.12. */
export const KERNELS: readonly KernelRecord[] = [
  V2_6_35,
  V3_9,
  V3_18,
  NEVER_FREES,
  V4_12,
  {
    ...V4_12,
    name: "glisse-may19",
    date: "2017-05-19",
    title: "synchronise the PGDs in vmemmap_free()",
    source: "Glisse, 19 May 2017: x86/mm: synchronize pgd in vmemmap_free()",
    clearsOtherPgds: "vmemmap",
  },
  {
    ...V4_12,
    name: "glisse-may31",
    date: "2017-05-31",
    title: "no BUG_ON: overwrite an entry that differs",
    source: "Glisse, 31 May 2017; Lutomirski: it only hides the problem",
    differingEntry: "overwrite",
  },
  {
    ...V4_12,
    name: "lutomirski",
    date: "2017-06-01",
    title: "tables below the top allocated once, for ever",
    source: "Lutomirski, 1 June 2017, in reply to the patch of 31 May",
    freesPudTable: "pgtable_l5_enabled()",
    preallocatesTop: true,
  },
  {
    ...V4_12,
    name: "glisse-v1",
    date: "2017-06-06",
    title: "the call of free_pud_table() is gone",
    source: "Glisse, 6 June 2017: x86/mm/hotplug: fix BUG_ON() after hotremove",
    freesPudTable: "never",
  },
  {
    ...V4_12,
    name: "glisse-v2",
    date: "2017-06-07",
    title: "free_pud_table() is empty when built with 4 levels",
    source: "Glisse, 7 June 2017, v2: ... by not freeing pud v2",
    freesPudTable: "unless CONFIG_PGTABLE_LEVELS == 4",
  },
  {
    ...V4_12,
    name: "shutemov-gt4",
    date: "2017-06-07",
    title: "if (CONFIG_PGTABLE_LEVELS > 4) before the call",
    source: "Shutemov, 7 June 2017, first reply to v2",
    freesPudTable: "CONFIG_PGTABLE_LEVELS > 4",
  },
  {
    ...V4_12,
    name: "shutemov-eq4",
    date: "2017-06-07",
    title: "if (CONFIG_PGTABLE_LEVELS == 4), the correction that is none",
    source: "Shutemov, 7 June 2017, second reply to v2; taken up by Molnar, 24 June",
    freesPudTable: "CONFIG_PGTABLE_LEVELS == 4",
  },
  GLISSE_V3,
  {
    ...GLISSE_V3,
    name: "94b1b03b519b",
    date: "2017-07-05",
    title: "processors in lazy TLB mode are spared flushes, of freed tables too",
    source: "94b1b03b519b (Lutomirski), in v4.14-rc1, until b956575bed91",
    lazyTlb: "skipped",
  },
  V4_17,
  {
    ...V4_17,
    name: "edgecombe-2021",
    date: "2021-08-18",
    title: "tables wait for the flush before they are freed",
    source: "Edgecombe: x86/mm: Flush before free in remove_pagetable()",
    teardownOrder: "gather-tables",
    partialPudLeaf: "taken-for-table",
    memmapMarker: "from-piece",
    memmapOnMemory: "one-block",
    blockDevicesFailure: "forgets-altmap",
    preallocatesVmalloc: true,
    lazyTlb: "leaves-when-tables-freed",
    vmallocTops: "published",
    hugeVmapOverTable: "flushes-page",
  },
  V6_16,
  V6_17,
  {
    ...V6_17,
    name: "right",
    date: "2026-01-01",
    title: "ours: unlink, flush, free; every error undone",
    source: "this project",
    teardownOrder: "gather-all",
    partialPudLeaf: "split",
    vfreeOrder: "after-purge",
    hugeVmapOverTable: "flushes-all",
    lowPteQuirk: false,
    directMapOutOfMemory: "rolls-back",
    addPagesFailure: "rolls-back",
  },
];

/** @throws ArgumentError naming the kernels that there are */
export function kernelNamed(name: string): KernelRecord {
  const found = KERNELS.find((kernel) => kernel.name === name);
  return found ?? badArgument("kernel", KERNELS.map((kernel) => kernel.name).join(", "), name);
}
