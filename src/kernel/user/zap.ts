/** Taking a process's pages and tables away: unmap_vmas(), free_pgtables() of mm/memory.c. */
import { SPAN_PAGES } from "../layout.ts";
import { mirrorTopEntry } from "../pti.ts";
import { forEachEntry } from "../teardown.ts";
import { isLargeEntry, mapsPage } from "./entries.ts";
import type { UserGather } from "./gather.ts";
import { dropDeposit, HUGE_PAGES, splitHugePmd } from "./huge.ts";
import type { Vma } from "./vma.ts";
import { isZeroPage } from "./zero-page.ts";

/** unmap_page_range(): clears the entries of the pages [from, to). Tables stay. */
export function unmapPageRange(gather: UserGather, from: number, to: number): void {
  const { kernel: k, mm } = gather;
  k.call("unmap_page_range", () => zapRange(gather, k.levels, mm.physical, from, to));
}

function zapRange(
  gather: UserGather,
  level: number,
  table: number,
  from: number,
  to: number,
): void {
  const { kernel: k, mm } = gather;
  forEachEntry(level, from, to, (index, start, end) => {
    if (k.tables.isNone(table, index)) return;
    if (level === 1) {
      zapPte(gather, table, index, start);
      return;
    }
    if (isLargeEntry(k, table, index, level)) {
      if (end - start === HUGE_PAGES) {
        zapHugePmd(gather, table, index, start);
        return;
      }
      splitHugePmd(k, mm, { table, index }, start);
    }
    zapRange(gather, level - 1, k.tables.target(table, index), start, end);
  });
}

function zapPte(gather: UserGather, table: number, index: number, page: number): void {
  const { kernel: k, mm } = gather;
  if (!mapsPage(k.tables.lo(table, index))) return;
  const physical = k.tables.target(table, index);
  k.tables.clear(table, index, 1);
  gather.cleared(page, 1);
  if (isZeroPage(physical)) return;
  mm.rssPages -= 1;
  gather.removePage(physical);
}

/** zap_huge_pmd(). */
function zapHugePmd(gather: UserGather, table: number, index: number, page: number): void {
  const { kernel: k, mm } = gather;
  const physical = k.tables.target(table, index);
  k.tables.clear(table, index, 2);
  gather.cleared(page, HUGE_PAGES);
  mm.rssPages -= HUGE_PAGES;
  gather.removePage(physical);
  dropDeposit(k, mm, page);
}

/**
 * free_pgtables(): the tables that translated these ranges, which nothing maps any more. A table
 * goes only if all that it translates lies in [floor, ceiling), where no other range begins or
 * ends. Ranges less than 2 MiB apart are taken together, so that a table they share goes too.
 * @param vmas in order, unlinked from the process
 */
export function freePgtables(
  gather: UserGather,
  vmas: readonly Vma[],
  floor: number,
  ceiling: number,
): void {
  gather.kernel.call("free_pgtables", () => {
    for (let i = 0; i < vmas.length; i++) {
      const { from } = vmas[i] as Vma;
      let { to } = vmas[i] as Vma;
      for (let next = vmas[i + 1]; next && next.from <= to + HUGE_PAGES; next = vmas[i + 1]) {
        to = next.to;
        i += 1;
      }
      freePgdRange(gather, from, to, floor, vmas[i + 1]?.from ?? ceiling);
    }
  });
}

/** free_pgd_range(). */
function freePgdRange(
  gather: UserGather,
  from: number,
  to: number,
  floor: number,
  ceiling: number,
): void {
  const { kernel: k, mm } = gather;
  freeBelow(gather, k.levels, mm.physical, from, to, floor, ceiling);
}

/** free_p4d_range() to free_pte_range(), which differ in nothing but the level. */
function freeBelow(
  gather: UserGather,
  level: number,
  table: number,
  from: number,
  to: number,
  floor: number,
  ceiling: number,
): void {
  const { kernel: k } = gather;
  const { tables } = k;
  const span = SPAN_PAGES[level] as number;
  forEachEntry(level, from, to, (index, start, end) => {
    if (tables.isNone(table, index)) return;
    const lower = tables.target(table, index);
    if (level > 2) freeBelow(gather, level - 1, lower, start, end, floor, ceiling);
    const first = start - (start % span);
    if (first < floor || first + span > ceiling) return;
    tables.clear(table, index, level);
    if (level === k.levels) mirrorTopEntry(k, table, index);
    gather.removeTable(lower, first, span);
  });
}
