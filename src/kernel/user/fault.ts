/**
 * What is done about a fault in the user half: handle_mm_fault() of mm/memory.c. Demand zero,
 * copy on write, or nothing at all when the entry already allows the access.
 */

import { ACCESSED, DIRTY, PRESENT, RW } from "../flags.ts";
import { flushTlbMmRange } from "../flush.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm } from "../mm.ts";
import {
  type EntryAt,
  entryFor,
  isLargeEntry,
  large,
  makeEntryFor,
  userFlags,
  writableFlags,
} from "./entries.ts";
import { HUGE_PAGES, hugeFits, mapHugePage, splitHugePmd } from "./huge.ts";
import { allocateUserPage, copyUserPage, pageCount, putPage } from "./pages.ts";
import { VM_EXEC, VM_HUGEPAGE, VM_RIGHTS, VM_WRITE, type Vma, vmaAt } from "./vma.ts";
import { isZeroPage, ZERO_PAGE } from "./zero-page.ts";

/** What the access wanted, as the error code tells it. */
export type FaultKind = "read" | "write" | "fetch";

/** How a fault ends; the first four go on with the access. */
export type FaultOutcome =
  | "demand-zero"
  | "copy-on-write"
  | "reuse"
  | "spurious"
  /** No range there: SIGSEGV, SEGV_MAPERR. */
  | "not-mapped"
  /** The range does not allow it: SIGSEGV, SEGV_ACCERR. */
  | "not-allowed"
  | "out-of-memory";

/**
 * do_user_addr_fault(), handle_mm_fault(): repairs the entry for `page` if the access is lawful.
 * After the first four outcomes the access will succeed, or fault again in another way.
 */
export function handleUserFault(k: Kernel, mm: Mm, page: number, kind: FaultKind): FaultOutcome {
  return k.call("handle_mm_fault", () => {
    const vma = vmaAt(mm, page);
    if (vma === undefined) return "not-mapped";
    if (!allows(vma, kind)) return "not-allowed";
    const isWrite = kind === "write";
    const pmd = entryFor(k, mm, page, 2);
    if (pmd && isLargeEntry(k, pmd.table, pmd.index, 2)) {
      const done = hugeFault(k, mm, vma, pmd, page, isWrite);
      if (done) return done;
    } else if (wantsHuge(k, vma, pmd, page)) {
      if (mapHugePage(k, mm, vma, page, (vma.flags & VM_WRITE) !== 0)) return "demand-zero";
    }
    return pteFault(k, mm, vma, page, isWrite);
  });
}

/** access_error(): on x86 what can be written or executed can be read. */
function allows(vma: Vma, kind: FaultKind): boolean {
  if (kind === "write") return (vma.flags & VM_WRITE) !== 0;
  if (kind === "fetch") return (vma.flags & VM_EXEC) !== 0;
  return (vma.flags & VM_RIGHTS) !== 0;
}

/** Only where nothing is mapped yet, not even a table. */
function wantsHuge(k: Kernel, vma: Vma, pmd: EntryAt | undefined, page: number): boolean {
  const none = pmd === undefined || k.tables.isNone(pmd.table, pmd.index);
  return none && (vma.flags & VM_HUGEPAGE) !== 0 && hugeFits(vma, page);
}

/**
 * do_huge_pmd_wp_page().
 * @returns undefined after a split, for the small entry to be judged
 */
function hugeFault(
  k: Kernel,
  mm: Mm,
  vma: Vma,
  pmd: EntryAt,
  page: number,
  isWrite: boolean,
): FaultOutcome | undefined {
  const lo = k.tables.lo(pmd.table, pmd.index);
  if (!isWrite || lo & RW) return touched(k, pmd, 2, isWrite);
  const block = k.tables.target(pmd.table, pmd.index);
  if (pageCount(k, block) === 1) {
    k.tables.setTarget(pmd.table, pmd.index, 2, block, large(writableFlags(vma.flags)));
    return "reuse";
  }
  splitHugePmd(k, mm, pmd, page);
  const start = page - (page % HUGE_PAGES);
  if (k.record.userFlushes.copy) {
    flushTlbMmRange(k, mm, start, start + HUGE_PAGES, { stridePages: HUGE_PAGES });
  }
  return undefined;
}

/** handle_pte_fault(). */
function pteFault(k: Kernel, mm: Mm, vma: Vma, page: number, isWrite: boolean): FaultOutcome {
  const pte = makeEntryFor(k, mm, page, 1);
  if (pte === undefined) return "out-of-memory";
  const { table, index } = pte;
  if (k.tables.isNone(table, index)) return anonymousPage(k, mm, vma, pte, isWrite);
  if (isWrite && !(k.tables.lo(table, index) & RW)) return writeToShared(k, mm, vma, pte, page);
  return touched(k, pte, 1, isWrite);
}

/** do_anonymous_page(). */
function anonymousPage(
  k: Kernel,
  mm: Mm,
  vma: Vma,
  { table, index }: EntryAt,
  isWrite: boolean,
): FaultOutcome {
  if (!isWrite) {
    k.tables.setTarget(table, index, 1, ZERO_PAGE, userFlags(vma.flags));
    return "demand-zero";
  }
  const page = allocateUserPage(k, mm.name);
  if (page < 0) return "out-of-memory";
  mm.rssPages += 1;
  k.tables.setTarget(table, index, 1, page, writableFlags(vma.flags));
  return "demand-zero";
}

/** do_wp_page(): the last user keeps the page, any other gets a copy. */
function writeToShared(
  k: Kernel,
  mm: Mm,
  vma: Vma,
  { table, index }: EntryAt,
  page: number,
): FaultOutcome {
  const shared = k.tables.target(table, index);
  const zero = isZeroPage(shared);
  if (!zero && pageCount(k, shared) === 1) {
    k.tables.setTarget(table, index, 1, shared, writableFlags(vma.flags));
    return "reuse";
  }
  const copy = allocateUserPage(k, mm.name);
  if (copy < 0) return "out-of-memory";
  if (zero) mm.rssPages += 1;
  else copyUserPage(k, copy, shared);
  // ptep_clear_flush(): no processor may read the old page once another may write the new one.
  k.tables.clear(table, index, 1);
  if (k.record.userFlushes.copy) flushTlbMmRange(k, mm, page, page + 1);
  k.tables.setTarget(table, index, 1, copy, writableFlags(vma.flags));
  if (!zero) putPage(k, shared);
  return "copy-on-write";
}

/** pte_mkyoung(), pte_mkdirty(): the entry allowed it already, a processor did not know. */
function touched(k: Kernel, at: EntryAt, level: number, isWrite: boolean): FaultOutcome {
  const { table, index } = at;
  const lo = k.tables.lo(table, index);
  const wanted = lo | (lo & PRESENT ? ACCESSED | (isWrite ? DIRTY : 0) : 0);
  if (wanted !== lo) k.tables.set(table, index, level, k.tables.hi(table, index), wanted);
  return "spurious";
}
