/**
 * The memmap: an array of struct page at vmemmap_base, mapped section by section with 2 MiB leaves
 * (or 4 KiB pages where there is no 2 MiB block), and its removal.
 */
import { invariant } from "../base/errors.ts";
import { MIB } from "../base/units.ts";
import { takeAltmap } from "./altmap.ts";
import { ENOMEM } from "./bug.ts";
import { entryOf } from "./direct-map.ts";
import { NX_HI, PAGE_KERNEL, PAGE_KERNEL_LARGE, PAGE_TABLE } from "./flags.ts";
import type { Altmap, Kernel } from "./kernel.ts";
import { PAGE_BYTES, SPAN_PAGES } from "./layout.ts";
import { useNewSubPmd, useSubPmd } from "./memmap-marker.ts";
import { clearRemovedTopEntries, syncGlobalPgds } from "./sync.ts";
import { forEachEntry, removePagetable } from "./teardown.ts";

const MEMMAP = { kind: "memmap" } as const;
const TABLE = { hi: 0, lo: PAGE_TABLE };
const LEAF_LARGE = { hi: NX_HI, lo: PAGE_KERNEL_LARGE };
const LEAF_4K = { hi: NX_HI, lo: PAGE_KERNEL };
const BLOCK_BYTES = 2 * MIB;

/** How the memmap of a range is made. */
export interface VmemmapOptions {
  readonly altmap?: Altmap | undefined;
  /**
   * Device memory of compound pages: frames of one compound page (2^vmemmap_shift). Its memmap is
   * of 4 KiB pages, and where a kernel has a path of its own for it (`compoundMemmap`) and there is
   * no altmap, all of a compound page's but the first two are the second again.
   */
  readonly compoundFrames?: number | undefined;
}

/**
 * vmemmap_populate(): maps the memmap's pages [from, to), at most a section's.
 * @returns 0 or -ENOMEM; what was mapped before the error stays for the caller to free
 */
export function vmemmapPopulate(
  k: Kernel,
  from: number,
  to: number,
  options: VmemmapOptions = {},
): number {
  if (isShared(k, options)) return populateCompound(k, from, to, options.compoundFrames ?? 1);
  return k.call("vmemmap_populate", () => {
    const section = k.layout.vmemmapRange(0, 128 * MIB);
    const large = to - from >= section.to - section.from;
    let errno = 0;
    forEachEntry(2, from, to, (_index, first, last) => {
      if (errno !== 0) return;
      const table = populateDown(k, first);
      errno = table < 0 ? ENOMEM : populatePmd(k, table, first, last, large, options.altmap);
    });
    if (errno !== 0) return k.fail(errno, "no frame for the memmap");
    if (k.afterBoot && k.record.publishesVmemmap.afterwards) syncGlobalPgds(k, from, to - 1);
    return 0;
  });
}

/** vmemmap_can_optimize(): whether tail pages share their struct pages. */
function isShared(k: Kernel, { altmap, compoundFrames = 1 }: VmemmapOptions): boolean {
  if (!k.record.compoundMemmap || altmap !== undefined || compoundFrames === 1) return false;
  const size = k.layout.structPageBytes;
  return (compoundFrames * size) / PAGE_BYTES > 2 && (size & (size - 1)) === 0;
}

/**
 * vmemmap_populate_compound_pages(): of each compound page's memmap two pages are its own, the
 * head's and the first tail's; the others are the second once more, which counts its references.
 * No synchronisation follows.
 */
function populateCompound(k: Kernel, from: number, to: number, frames: number): number {
  return k.call("vmemmap_populate_compound_pages", () => {
    const pages = (frames * k.layout.structPageBytes) / PAGE_BYTES;
    const origin = k.layout.vmemmapPage;
    for (let page = from; page < to; page++) {
      const offset = (page - origin) % pages;
      const shared = offset < 2 ? -1 : frameAt(k, page - offset + 1);
      const errno = populatePage(k, page, shared);
      if (errno !== 0) return k.fail(errno, "no frame for the memmap");
    }
    return 0;
  });
}

/** The frame that a 4 KiB page of the memmap is mapped to; -1 if it is not. */
function frameAt(k: Kernel, page: number): number {
  const found = entryOf(k, page, 1);
  if (found === undefined || !k.tables.isPresent(found.table, found.index)) return -1;
  return k.tables.target(found.table, found.index);
}

/** @param shared a page that is mapped elsewhere too; -1: one of its own */
function populatePage(k: Kernel, page: number, shared: number): number {
  const table = populateDown(k, page);
  if (table < 0) return ENOMEM;
  return populatePtes(k, table, page, page + 1, undefined, shared);
}

/**
 * vmemmap_pgd_populate() and its like for p4d and pud: the PMD table for `page`. Each table is
 * linked, empty, as soon as it is made.
 * @returns the table, or -1 when out of memory
 */
function populateDown(k: Kernel, page: number): number {
  let table = k.initMm.physical;
  for (let level: number = k.levels; level > 2; level--) {
    const index = k.layout.indexAt(page, level);
    if (k.tables.isNone(table, index)) {
      const lower = k.allocateTable(level - 1);
      if (lower < 0) return -1;
      k.tables.setTarget(table, index, level, lower, TABLE);
      const publishes = k.afterBoot && k.record.publishesVmemmap.atPopulate;
      if (publishes && level === k.levels) syncGlobalPgds(k, page, page);
    }
    table = k.tables.target(table, index);
  }
  return table;
}

/**
 * Up to 2 MiB of memmap: one leaf if the piece may have large pages and a block is to be had, else
 * 4 KiB pages. Only the altmap has no second choice.
 */
function populatePmd(
  k: Kernel,
  table: number,
  from: number,
  to: number,
  large: boolean,
  altmap: Altmap | undefined,
): number {
  const index = k.layout.indexAt(from, 2);
  const whole = to - from === SPAN_PAGES[2];
  if (k.tables.isPresent(table, index) && k.tables.isLeaf(table, index, 2)) {
    if (!whole) useSubPmd(k, from, to);
    return 0;
  }
  if (large && k.tables.isNone(table, index)) {
    const block = allocateBlock(k, altmap);
    if (block >= 0) {
      k.tables.setTarget(table, index, 2, block, LEAF_LARGE);
      if (!whole) k.call("vmemmap_set_pmd", () => useNewSubPmd(k, from, to));
      return 0;
    }
    if (altmap !== undefined) return ENOMEM;
  }
  return populatePtes(k, table, from, to, altmap, -1);
}

/** vmemmap_populate_basepages() below one PMD entry. */
function populatePtes(
  k: Kernel,
  table: number,
  from: number,
  to: number,
  altmap: Altmap | undefined,
  shared: number,
): number {
  const index = k.layout.indexAt(from, 2);
  if (k.tables.isNone(table, index)) {
    const lower = k.allocateTable(1);
    if (lower < 0) return ENOMEM;
    k.tables.setTarget(table, index, 2, lower, TABLE);
  }
  const ptes = k.tables.target(table, index);
  for (let page = from; page < to; page++) {
    const at = k.layout.indexAt(page, 1);
    if (!k.tables.isNone(ptes, at)) continue;
    const frame = shared >= 0 ? shared : allocatePage(k, altmap);
    if (frame < 0) return ENOMEM;
    if (shared >= 0) k.frames.reference(frame);
    k.tables.setTarget(ptes, at, 1, frame, LEAF_4K);
  }
  return 0;
}

function allocatePage(k: Kernel, altmap: Altmap | undefined): number {
  if (altmap === undefined) return allocateFrames(k, 0);
  const frame = takeAltmap(altmap, PAGE_BYTES);
  if (frame >= 0) k.frames.claim(frame, 0, MEMMAP);
  return frame;
}

/** A 2 MiB block: from the altmap, from boot memory, or from the buddy system; -1 if there is none. */
function allocateBlock(k: Kernel, altmap: Altmap | undefined): number {
  if (altmap === undefined) return allocateFrames(k, 9);
  const block = takeAltmap(altmap, BLOCK_BYTES);
  if (block >= 0) k.frames.claim(block, 9, MEMMAP);
  return block;
}

function allocateFrames(k: Kernel, order: number): number {
  if (k.afterBoot) return k.frames.allocate(order, "unmovable", MEMMAP, k.processor.id);
  const bytes = PAGE_BYTES * 2 ** order;
  k.bootMemory.high = Math.floor((k.bootMemory.high - bytes) / bytes) * bytes;
  invariant(k.bootMemory.high >= k.bootMemory.low, "boot memory is used up");
  k.frames.claim(k.bootMemory.high, order, MEMMAP);
  return k.bootMemory.high;
}

/** vmemmap_free(). */
export function vmemmapFree(k: Kernel, from: number, to: number, altmap?: Altmap): void {
  k.call("vmemmap_free", () => {
    removePagetable(k, from, to, false, altmap);
    if (k.record.clearsOtherPgds === "vmemmap") clearRemovedTopEntries(k, from, to - 1);
  });
}
