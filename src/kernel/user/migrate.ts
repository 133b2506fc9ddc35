/**
 * Moving a page of processes to another frame: migrate_pages() of mm/migrate.c for anonymous
 * memory. Linux finds the entries through rmap; here the tables of all processes are read.
 */
import { EBUSY, ENOMEM } from "../bug.ts";
import { NX_HI } from "../flags.ts";
import { flushTlbMmRange } from "../flush.ts";
import type { Kernel } from "../kernel.ts";
import { PAGE_BYTES, SPAN_PAGES } from "../layout.ts";
import type { Mm } from "../mm.ts";
import { forEachEntry } from "../teardown.ts";
import { type EntryAt, isLargeEntry, mapsPage } from "./entries.ts";
import { allocateUserPage, copyUserPage, getPage, pageCount, putPage } from "./pages.ts";

interface Mapping extends EntryAt {
  readonly mm: Mm;
  readonly level: number;
  /** The first virtual page that it translates. */
  readonly page: number;
  readonly hi: number;
  readonly lo: number;
  /** Bytes from the start of the block to what it maps. */
  readonly offset: number;
}

/**
 * Moves the 2^order frames at `physical`: entries cleared, flushed, content copied, entries set.
 * @returns 0, -EBUSY (somebody besides the entries holds it), -ENOMEM, or undefined if no process
 * maps it
 */
export function migrateUserPage(k: Kernel, physical: number, order: number): number | undefined {
  return k.call("migrate_pages", () => {
    const bytes = PAGE_BYTES * 2 ** order;
    const mappings = k.pgdList.flatMap((mm) => mappingsIn(k, mm, physical, bytes));
    const [first] = mappings;
    if (first === undefined) return undefined;
    if (pageCount(k, physical) !== mappings.length) return EBUSY;
    const to = allocateUserPage(k, first.mm.name, order);
    if (to < 0) return ENOMEM;
    for (const { mm, table, index, level, page } of mappings) {
      k.tables.clear(table, index, level);
      const stridePages = SPAN_PAGES[level] as number;
      flushTlbMmRange(k, mm, page, page + stridePages, { stridePages });
    }
    for (let at = 0; at < bytes; at += PAGE_BYTES) copyUserPage(k, to + at, physical + at);
    getPage(k, to, mappings.length - 1);
    for (const { table, index, level, hi, lo, offset } of mappings) {
      k.tables.setTarget(table, index, level, to + offset, { hi, lo });
    }
    for (let i = 0; i < mappings.length; i++) putPage(k, physical);
    return 0;
  });
}

/** rmap_walk(): the entries of a process that map some of [physical, physical + bytes). */
function mappingsIn(k: Kernel, mm: Mm, physical: number, bytes: number): Mapping[] {
  const found: Mapping[] = [];
  const visit = (level: number, table: number, from: number, to: number) => {
    forEachEntry(level, from, to, (index, start, end) => {
      if (k.tables.isNone(table, index)) return;
      if (level > 1 && !isLargeEntry(k, table, index, level)) {
        visit(level - 1, k.tables.target(table, index), start, end);
        return;
      }
      const lo = k.tables.lo(table, index);
      const offset = k.tables.target(table, index) - physical;
      if (!mapsPage(lo) || offset < 0 || offset >= bytes) return;
      const hi = k.tables.hi(table, index) & NX_HI;
      found.push({ mm, level, table, index, page: start, hi, lo: lo & 0xfff, offset });
    });
  };
  for (const { from, to } of mm.vmas) visit(k.levels, mm.physical, from, to);
  return found;
}
