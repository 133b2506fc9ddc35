/**
 * The direct map: init_memory_mapping() and the removal of what it mapped. A range is cut into
 * pieces by the page sizes that it allows, and each piece is entered from the top table down, a
 * lower table being complete before the entry above it is written.
 */
import { ENOMEM } from "./bug.ts";
import { NX_HI, PAGE_KERNEL_LARGE, PAGE_TABLE, PSE } from "./flags.ts";
import type { Kernel } from "./kernel.ts";
import { PAGE_BYTES, SPAN_BYTES } from "./layout.ts";
import { syncGlobalPgds } from "./sync.ts";
import { forEachEntry, removePagetable } from "./teardown.ts";

/** A piece of a range, and the largest page (by level) that may map it. */
export interface RangePiece {
  readonly start: number;
  readonly end: number;
  readonly largestLevel: 1 | 2 | 3;
}

const LEAF_LARGE = { hi: NX_HI, lo: PAGE_KERNEL_LARGE };
const TABLE = { hi: 0, lo: PAGE_TABLE };

/**
 * split_mem_range(): a head of 4K pages up to 2 MiB, of 2M pages up to 1 GiB, a middle of 1G pages,
 * and a tail likewise. Neighbours of one size merge. During boot a small piece gets larger pages
 * where everything around it is RAM.
 */
export function splitMemRange(k: Kernel, start: number, end: number): RangePiece[] {
  if (k.debugPagealloc) return end > start ? [{ start, end, largestLevel: 1 }] : [];
  const largest = k.gbPages ? 3 : 2;
  const pieces: RangePiece[] = [];
  const add = (to: number, level: 1 | 2 | 3) => {
    const from = pieces.at(-1)?.end ?? start;
    if (to <= from) return;
    const promoted = k.afterBoot ? level : promote(k, from, to, level, largest);
    const last = pieces.at(-1);
    if (last?.largestLevel === promoted) pieces.pop();
    const begin = last?.largestLevel === promoted ? last.start : from;
    pieces.push({ start: begin, end: to, largestLevel: promoted });
  };
  const up = (at: number, level: number) => roundUp(at, SPAN_BYTES[level] as number);
  const down = (at: number, level: number) => roundDown(at, SPAN_BYTES[level] as number);
  add(Math.min(up(start, 2), end), 1);
  if (largest === 3) {
    add(Math.min(up(start, 3), down(end, 2)), 2);
    add(down(end, 3), 3);
  }
  add(down(end, 2), 2);
  add(end, 1);
  return pieces;
}

/** adjust_range_page_size_mask(). */
function promote(k: Kernel, from: number, to: number, level: 1 | 2 | 3, largest: 2 | 3) {
  for (let wanted = largest; wanted > level; wanted--) {
    const bytes = SPAN_BYTES[wanted] as number;
    const start = roundDown(from, bytes);
    if (k.memory.isRam(start, roundUp(to, bytes) - start)) return wanted as 2 | 3;
  }
  return level;
}

/**
 * Maps [start, end) (physical, multiples of 4 KiB).
 * @returns 0, or -ENOMEM with everything undone if the record's kernel does that
 */
export function initMemoryMapping(k: Kernel, start: number, end: number): number {
  return k.call("init_memory_mapping", () => {
    const { layout } = k;
    const [from, to] = [layout.directPage(start), layout.directPage(end)];
    k.tables.tell((observer) => observer.coverageChanged?.(from, to));
    for (const piece of splitMemRange(k, start, end)) {
      if (kernelPhysicalMappingInit(k, piece)) continue;
      removePagetable(k, from, to, true);
      return k.fail(ENOMEM, "no frame for a page table of the direct map");
    }
    return 0;
  });
}

/** kernel_physical_mapping_init(). @returns false if a table could not be allocated */
function kernelPhysicalMappingInit(k: Kernel, piece: RangePiece): boolean {
  const body = () => {
    const { tables, layout } = k;
    const from = layout.directPage(piece.start);
    const to = layout.directPage(piece.end);
    const top = k.initMm.physical;
    let changed = false;
    let complete = true;
    forEachEntry(k.levels, from, to, (index, first, last) => {
      if (!complete) return;
      if (!tables.isNone(top, index)) {
        complete = physInit(k, k.levels - 1, tables.target(top, index), first, last, piece);
        return;
      }
      const table = allocLowPage(k, k.levels - 1);
      complete = table >= 0 && physInit(k, k.levels - 1, table, first, last, piece);
      if (table < 0) return;
      tables.setTarget(top, index, k.levels, table, TABLE);
      changed = true;
    });
    if (changed && k.afterBoot && k.record.publishesDirectMap) syncGlobalPgds(k, from, to - 1);
    return complete;
  };
  return k.call("kernel_physical_mapping_init", () =>
    k.call("__kernel_physical_mapping_init", body),
  );
}

/**
 * phys_p4d_init(), phys_pud_init(), phys_pmd_init() and phys_pte_init(), which differ in nothing
 * but the level. Entries that hold what is wanted stay; a leaf that is larger than the piece
 * allows is replaced by a table with its attributes.
 * @returns false if a table could not be allocated
 */
function physInit(
  k: Kernel,
  level: number,
  table: number,
  from: number,
  to: number,
  piece: RangePiece,
  flags = LEAF_LARGE,
): boolean {
  if (level === 1) {
    const leaf = { hi: flags.hi, lo: flags.lo & ~PSE };
    const physical = physicalOf(k, from);
    const first = k.layout.indexAt(from, 1);
    k.directMapPages[1] += k.tables.fillLeaves(table, first, to - from, physical, PAGE_BYTES, leaf);
    return true;
  }
  let complete = true;
  forEachEntry(level, from, to, (index, first, last) => {
    if (complete) complete = physEntryInit(k, level, table, index, first, last, piece, flags);
  });
  return complete;
}

function physEntryInit(
  k: Kernel,
  level: number,
  table: number,
  index: number,
  from: number,
  to: number,
  piece: RangePiece,
  flags: typeof LEAF_LARGE,
): boolean {
  const { tables } = k;
  const mayMap = level <= piece.largestLevel;
  let below = flags;
  if (!tables.isNone(table, index)) {
    if (!tables.isLeaf(table, index, level)) {
      return physInit(k, level - 1, tables.target(table, index), from, to, piece, flags);
    }
    if (mayMap) return true;
    below = { hi: tables.hi(table, index) & NX_HI, lo: tables.lo(table, index) & 0x1ff };
    k.directMapPages[level as 2 | 3] -= 1;
  } else if (mayMap) {
    const physical = roundDown(physicalOf(k, from), SPAN_BYTES[level] as number);
    k.directMapPages[level as 2 | 3] += tables.fillLeaves(table, index, 1, physical, 0, flags);
    return true;
  }
  const lower = allocLowPage(k, level - 1);
  if (lower < 0) return false;
  const complete = physInit(k, level - 1, lower, from, to, piece, below);
  tables.setTarget(table, index, level, lower, TABLE);
  return complete;
}

/**
 * alloc_low_page(): Linux goes on with whatever the allocator returned, and reads at address 0.
 * @returns -1 when out of memory, if the record's kernel looks
 */
function allocLowPage(k: Kernel, level: number): number {
  const table = k.allocateTable(level);
  if (table >= 0 || k.record.directMapOutOfMemory === "rolls-back") return table;
  return k.call("alloc_low_page", () => k.oops(0n, NULL_READ));
}

/** #PF, supervisor read, not present: the first entry of the table that is not there. */
const NULL_READ = 14 << 16;

/**
 * Replaces the 1 GiB leaf that an end of [start, end) cuts by 512 leaves of 2 MiB, so that a part
 * can go. Kernels that take such a leaf for a table do not call this.
 * @returns 0 or -ENOMEM; what was split stays split
 */
export function splitPartialLeaves(k: Kernel, start: number, end: number): number {
  const gib = SPAN_BYTES[3] as number;
  for (const cut of [start, end]) {
    if (cut % gib === 0) continue;
    const found = entryOf(k, k.layout.directPage(cut), 3);
    if (found === undefined || !k.tables.isLeaf(found.table, found.index, 3)) continue;
    const lower = k.allocateTable(2);
    if (lower < 0) return k.fail(ENOMEM, "no frame to split a 1 GiB leaf");
    const physical = roundDown(cut, gib);
    const flags = {
      hi: k.tables.hi(found.table, found.index) & NX_HI,
      lo: k.tables.lo(found.table, found.index) & 0x1ff,
    };
    k.tables.fillLeaves(lower, 0, 512, physical, SPAN_BYTES[2] as number, flags);
    k.tables.setTarget(found.table, found.index, 3, lower, TABLE);
    k.directMapPages[3] -= 1;
    k.directMapPages[2] += 512;
  }
  return 0;
}

/** The table and index of init_mm's entry at `level` for `page`; undefined if it has no such table. */
export function entryOf(
  k: Kernel,
  page: number,
  level: number,
): { table: number; index: number } | undefined {
  let table = k.initMm.physical;
  for (let at: number = k.levels; at > level; at--) {
    const index = k.layout.indexAt(page, at);
    if (!k.tables.isPresent(table, index) || k.tables.isLeaf(table, index, at)) return undefined;
    table = k.tables.target(table, index);
  }
  return { table, index: k.layout.indexAt(page, level) };
}

function physicalOf(k: Kernel, page: number): number {
  return (page - k.layout.directMapPage) * PAGE_BYTES;
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}
