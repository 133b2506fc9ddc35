/**
 * Entries of vmalloc space: vmap_range(), vunmap_range() of mm/vmalloc.c. Unmapping clears leaves
 * and never frees a table; only a large page that takes the place of an empty table does.
 */
import { badArgument } from "../base/errors.ts";
import { NX_HI, PAGE_KERNEL, PAGE_KERNEL_LARGE, PAGE_TABLE } from "./flags.ts";
import { flushTlbAll, flushTlbKernelRange } from "./flush.ts";
import type { Kernel } from "./kernel.ts";
import { ENTRIES, SPAN_BYTES, SPAN_PAGES } from "./layout.ts";
import { syncGlobalPgds } from "./sync.ts";
import { forEachEntry } from "./teardown.ts";

const TABLE = { hi: 0, lo: PAGE_TABLE };
const LEAF_4K = { hi: NX_HI, lo: PAGE_KERNEL };
const LEAF_LARGE = { hi: NX_HI, lo: PAGE_KERNEL_LARGE };

/** What is mapped: the physical address of each page, and how large its pages may be. */
export interface VmapSource {
  /** Of the page that lies `index` pages behind the start of the range. */
  physicalAt(index: number): number;
  /** Level of the largest page; the memory is contiguous as far as one of those reaches. */
  readonly largestLevel: 1 | 2 | 3;
}

/**
 * Maps the pages [from, to), which must be unmapped. Top entries that are new reach all processes
 * at the end, where the kernel does that (ARCH_PAGE_TABLE_SYNC_MASK).
 * @returns false when out of memory; what was mapped stays for the caller to unmap
 */
export function vmapRange(k: Kernel, from: number, to: number, source: VmapSource): boolean {
  return k.call("vmap_range", () => {
    const state = { k, from, source, topChanged: false };
    const complete = mapBelow(state, k.levels, k.initMm.physical, from, to);
    if (state.topChanged && k.record.vmallocTops === "published") {
      k.call("arch_sync_kernel_mappings", () => syncGlobalPgds(k, from, to - 1));
    }
    return complete;
  });
}

interface Mapping {
  readonly k: Kernel;
  readonly from: number;
  readonly source: VmapSource;
  topChanged: boolean;
}

function mapBelow(state: Mapping, level: number, table: number, from: number, to: number): boolean {
  const { k, source } = state;
  const { tables } = k;
  let complete = true;
  forEachEntry(level, from, to, (index, start, end) => {
    if (!complete) return;
    const physical = source.physicalAt(start - state.from);
    if (level === 1) {
      tables.setTarget(table, index, 1, physical, LEAF_4K);
      return;
    }
    const whole = end - start === SPAN_PAGES[level];
    const aligned = physical % (SPAN_BYTES[level] as number) === 0;
    if (level <= source.largestLevel && whole && aligned) {
      if (!tables.isNone(table, index)) freeEmptyTables(k, table, index, level, start);
      tables.setTarget(table, index, level, physical, LEAF_LARGE);
      return;
    }
    if (tables.isNone(table, index)) {
      const lower = k.allocateTable(level - 1);
      complete = lower >= 0;
      if (!complete) return;
      tables.setTarget(table, index, level, lower, TABLE);
      if (level === k.levels) state.topChanged = true;
    }
    complete = mapBelow(state, level - 1, tables.target(table, index), start, end);
  });
  return complete;
}

/**
 * pud_free_pmd_page(), pmd_free_pte_page(): the empty tables below an entry make room for a large
 * page. A processor may still know the way to them, so they are to be flushed before they are free.
 * INVLPG forgets paging structures in the current PCID only (SDM 3A, "Operations that Invalidate
 * TLBs and Paging-Structure Caches"): where others are in use, it takes a flush of everything.
 */
function freeEmptyTables(k: Kernel, table: number, index: number, level: number, page: number) {
  const rule = k.record.hugeVmapOverTable;
  if (rule === "leaks") return;
  k.call(level === 3 ? "pud_free_pmd_page" : "pmd_free_pte_page", () => {
    const lower = k.tables.target(table, index);
    const gone = [lower];
    for (let i = 0; level === 3 && i < ENTRIES; i++) {
      if (k.tables.isNone(lower, i)) continue;
      gone.push(k.tables.target(lower, i));
      k.tables.clear(lower, i, 2);
    }
    k.tables.clear(table, index, level);
    if (rule === "flushes-page") flushTlbKernelRange(k, page, page + 1);
    else if (rule === "flushes-all") flushTlbAll(k);
    for (const physical of gone) k.frames.free(physical, 0, k.processor.id);
  });
}

/** vunmap_range_noflush(): clears the leaves of the pages [from, to). */
export function vunmapRange(k: Kernel, from: number, to: number): void {
  k.call("vunmap_range", () => clearBelow(k, k.levels, k.initMm.physical, from, to));
}

function clearBelow(k: Kernel, level: number, table: number, from: number, to: number): void {
  forEachEntry(level, from, to, (index, start, end) => {
    if (k.tables.isNone(table, index)) return;
    if (k.tables.isLeaf(table, index, level)) {
      if (end - start !== SPAN_PAGES[level]) badArgument("range", "whole areas only", end - start);
      k.tables.clear(table, index, level);
    } else clearBelow(k, level - 1, k.tables.target(table, index), start, end);
  });
}
