/**
 * The memmap: an array of struct page at vmemmap_base, mapped section by section with 2 MiB leaves
 * (or 4 KiB pages where there is no 2 MiB block), and its removal.
 */
import { invariant } from "../base/errors.ts";
import { MIB } from "../base/units.ts";
import { ENOMEM } from "./bug.ts";
import { NX_HI, PAGE_KERNEL, PAGE_KERNEL_LARGE, PAGE_TABLE } from "./flags.ts";
import type { Altmap, Kernel } from "./kernel.ts";
import { PAGE_BYTES, SPAN_PAGES } from "./layout.ts";
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
   * Compound pages of device memory (vmemmap_shift): 4 KiB pages, and none of the synchronisation
   * that follows the plain path.
   */
  readonly compound?: boolean;
}

/**
 * vmemmap_populate(): maps the memmap's pages [from, to).
 * @returns 0 or -ENOMEM; what was mapped before the error stays for the caller to free
 */
export function vmemmapPopulate(
  k: Kernel,
  from: number,
  to: number,
  options: VmemmapOptions = {},
): number {
  return k.call("vmemmap_populate", () => {
    let errno = 0;
    forEachEntry(2, from, to, (index, first, last) => {
      if (errno !== 0) return;
      const table = populateDown(k, first);
      errno = table < 0 ? ENOMEM : populatePmd(k, table, index, first, last, options);
    });
    if (errno !== 0) return k.fail(errno, "no frame for the memmap");
    const publishes = k.afterBoot && k.record.publishesVmemmap.afterwards;
    if (publishes && !options.compound) syncGlobalPgds(k, from, to - 1);
    return 0;
  });
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

/** Up to 2 MiB of memmap: one leaf if it is all of it and a block is to be had, else 4 KiB pages. */
function populatePmd(
  k: Kernel,
  table: number,
  index: number,
  from: number,
  to: number,
  options: VmemmapOptions,
): number {
  if (k.tables.isPresent(table, index) && k.tables.isLeaf(table, index, 2)) return 0;
  const whole = to - from === SPAN_PAGES[2] && !options.compound;
  if (whole && k.tables.isNone(table, index)) {
    const block = allocateBlock(k, options.altmap);
    if (block >= 0) {
      k.tables.setTarget(table, index, 2, block, LEAF_LARGE);
      return 0;
    }
    if (options.altmap !== undefined) return ENOMEM;
  }
  return populatePtes(k, table, index, from, to, options.altmap);
}

/** vmemmap_populate_basepages() below one PMD entry. */
function populatePtes(
  k: Kernel,
  table: number,
  index: number,
  from: number,
  to: number,
  altmap: Altmap | undefined,
): number {
  if (k.tables.isNone(table, index)) {
    const lower = k.allocateTable(1);
    if (lower < 0) return ENOMEM;
    k.tables.setTarget(table, index, 2, lower, TABLE);
  }
  const ptes = k.tables.target(table, index);
  for (let page = from; page < to; page++) {
    const at = k.layout.indexAt(page, 1);
    if (!k.tables.isNone(ptes, at)) continue;
    const frame = altmap ? takeAltmap(altmap, PAGE_BYTES) : allocateFrames(k, 0);
    if (frame < 0) return ENOMEM;
    if (altmap) k.frames.claim(frame, 0, MEMMAP);
    k.tables.setTarget(ptes, at, 1, frame, LEAF_4K);
  }
  return 0;
}

/** A 2 MiB block: from the altmap, from boot memory, or from the buddy system; -1 if there is none. */
function allocateBlock(k: Kernel, altmap: Altmap | undefined): number {
  if (altmap !== undefined) {
    const block = takeAltmap(altmap, BLOCK_BYTES);
    if (block >= 0) k.frames.claim(block, 9, MEMMAP);
    return block;
  }
  return allocateFrames(k, 9);
}

function allocateFrames(k: Kernel, order: number): number {
  if (k.afterBoot) return k.frames.allocate(order, "unmovable", MEMMAP, k.processor.id);
  const bytes = PAGE_BYTES * 2 ** order;
  k.bootMemory.high = Math.floor((k.bootMemory.high - bytes) / bytes) * bytes;
  invariant(k.bootMemory.high >= k.bootMemory.low, "boot memory is used up");
  k.frames.claim(k.bootMemory.high, order, MEMMAP);
  return k.bootMemory.high;
}

/** The altmap's next frames, naturally aligned; -1 when it is used up. */
function takeAltmap(altmap: Altmap, bytes: number): number {
  const at = Math.ceil((altmap.base + altmap.used) / bytes) * bytes;
  if (at + bytes > altmap.base + altmap.bytes) return -1;
  altmap.used += bytes;
  return at;
}

/** vmemmap_free(). */
export function vmemmapFree(k: Kernel, from: number, to: number, altmap?: Altmap): void {
  k.call("vmemmap_free", () => {
    removePagetable(k, from, to, false, altmap);
    if (k.record.clearsOtherPgds === "vmemmap") clearRemovedTopEntries(k, from, to - 1);
  });
}
