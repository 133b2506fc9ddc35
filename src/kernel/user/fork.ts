/** fork(): a copy of an address space that shares every page until one of both writes to it. */

import { NX_HI, RW } from "../flags.ts";
import { flushTlbMm } from "../flush.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm } from "../mm.ts";
import { createProcess, mmput } from "../process.ts";
import { forEachEntry } from "../teardown.ts";
import { isLargeEntry, makeEntryFor, mapsPage } from "./entries.ts";
import { depositTable, HUGE_PAGES } from "./huge.ts";
import { getPage } from "./pages.ts";
import { isZeroPage } from "./zero-page.ts";

/** Bits 11:0 of an entry. */
const ATTRIBUTES_LO = 0xfff;

/**
 * dup_mm(): the child has the parent's ranges, and its pages without the right to write.
 * @returns the child, or undefined when out of memory, with nothing left of it
 */
export function fork(k: Kernel, parent: Mm): Mm | undefined {
  return k.call("dup_mm", () => {
    const child = createProcess(k);
    if (child === undefined) return undefined;
    child.vmas = [...parent.vmas];
    const complete = parent.vmas.every(({ from, to }) =>
      copyRange(k, child, k.levels, parent.physical, from, to),
    );
    // Also after a failure: the parent has lost the right to write to what was copied.
    if (parent.vmas.length > 0 && k.record.userFlushes.fork) flushTlbMm(k, parent);
    if (complete) return child;
    mmput(k, child);
    return undefined;
  });
}

/** copy_page_range(). @returns false when out of memory */
function copyRange(
  k: Kernel,
  child: Mm,
  level: number,
  table: number,
  from: number,
  to: number,
): boolean {
  let complete = true;
  forEachEntry(level, from, to, (index, start, end) => {
    if (!complete || k.tables.isNone(table, index)) return;
    if (level === 1 || isLargeEntry(k, table, index, level)) {
      complete = copyEntry(k, child, level, table, index, start);
      return;
    }
    const lower = k.tables.target(table, index);
    complete = copyRange(k, child, level - 1, lower, start, end);
  });
  return complete;
}

/** copy_present_pte(), copy_huge_pmd(). */
function copyEntry(
  k: Kernel,
  child: Mm,
  level: number,
  table: number,
  index: number,
  page: number,
): boolean {
  const before = k.tables.lo(table, index);
  if (!mapsPage(before)) return true;
  const entry = makeEntryFor(k, child, page, level);
  if (entry === undefined) return false;
  if (level === 2 && !depositTable(k, child, page)) return false;
  const physical = k.tables.target(table, index);
  const flags = { hi: k.tables.hi(table, index) & NX_HI, lo: before & ATTRIBUTES_LO & ~RW };
  if (!isZeroPage(physical)) {
    getPage(k, physical);
    child.rssPages += level === 2 ? HUGE_PAGES : 1;
  }
  if (before & RW) k.tables.setTarget(table, index, level, physical, flags);
  k.tables.setTarget(entry.table, entry.index, level, physical, flags);
  return true;
}
