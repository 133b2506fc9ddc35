/**
 * Large pages of processes (Linux's mm/huge_memory.c in small): a table is set aside for each, so
 * that it can be split at any time without memory.
 */
import { invariant } from "../../base/errors.ts";
import { NX_HI, PAGE_TABLE, PSE } from "../flags.ts";
import type { Kernel } from "../kernel.ts";
import { ENTRIES, PAGE_BYTES } from "../layout.ts";
import type { Mm } from "../mm.ts";
import { type EntryAt, large, makeEntryFor, writableFlags } from "./entries.ts";
import { freeUserTable } from "./gather.ts";
import { allocateUserPage, getPage, HUGE_ORDER, putPage } from "./pages.ts";
import type { Vma } from "./vma.ts";

/** HPAGE_PMD_NR. */
export const HUGE_PAGES = 512;

/** The low bits of an entry that a split hands down to each of the 512. */
const ATTRIBUTES_LO = 0xfff & ~PSE;

/**
 * pgtable_trans_huge_deposit(): sets a table aside for the large page at `page`.
 * @returns false when out of memory
 */
export function depositTable(k: Kernel, mm: Mm, page: number): boolean {
  const use = { kind: "reserved" } as const;
  const table = k.frames.allocate(0, "unmovable", use, k.processor.id);
  if (table < 0) return false;
  mm.tableBytes += PAGE_BYTES;
  mm.deposits.set(page, table);
  return true;
}

/** zap_deposited_table(): the large page goes, and with it its table. */
export function dropDeposit(k: Kernel, mm: Mm, page: number): void {
  freeUserTable(k, mm, withdraw(mm, page));
}

function withdraw(mm: Mm, page: number): number {
  const table = mm.deposits.get(page);
  invariant(table !== undefined, `no table is set aside for page ${page.toString(16)}`);
  mm.deposits.delete(page);
  return table;
}

/** Whether the whole of the aligned 2 MiB around `page` lies in the range. */
export function hugeFits(vma: Vma, page: number): boolean {
  const start = page - (page % HUGE_PAGES);
  return start >= vma.from && start + HUGE_PAGES <= vma.to;
}

/**
 * do_huge_pmd_anonymous_page(), without the huge zero page: a read, too, gets 2 MiB of its own.
 * @returns false when there is no block or no table, for small pages to be tried
 */
export function mapHugePage(k: Kernel, mm: Mm, vma: Vma, page: number, writable: boolean): boolean {
  const start = page - (page % HUGE_PAGES);
  const entry = makeEntryFor(k, mm, start, 2);
  if (entry === undefined || !k.tables.isNone(entry.table, entry.index)) return false;
  const block = allocateUserPage(k, mm.name, HUGE_ORDER);
  if (block < 0) return false;
  if (!depositTable(k, mm, start)) {
    putPage(k, block);
    return false;
  }
  const flags = writableFlags(vma.flags);
  const lo = writable ? flags.lo : flags.lo & ~2;
  k.tables.setTarget(entry.table, entry.index, 2, block, large({ hi: flags.hi, lo }));
  mm.rssPages += HUGE_PAGES;
  return true;
}

/**
 * __split_huge_pmd(): 512 entries in the table that was set aside take the place of the large one.
 * The pages stay one block: each of the 512 holds a reference to it.
 */
export function splitHugePmd(k: Kernel, mm: Mm, at: EntryAt, page: number): void {
  k.call("__split_huge_pmd", () => {
    const start = page - (page % HUGE_PAGES);
    const block = k.tables.target(at.table, at.index);
    const hi = k.tables.hi(at.table, at.index) & NX_HI;
    const lo = k.tables.lo(at.table, at.index) & ATTRIBUTES_LO;
    const table = withdraw(mm, start);
    k.frames.claim(table, 0, { kind: "table", level: 1, owner: mm.name });
    k.tables.zero(table);
    getPage(k, block, HUGE_PAGES - 1);
    for (let index = 0; index < ENTRIES; index++) {
      k.tables.setTarget(table, index, 1, block + index * PAGE_BYTES, { hi, lo });
    }
    k.tables.setTarget(at.table, at.index, 2, table, { hi: 0, lo: PAGE_TABLE });
  });
}
