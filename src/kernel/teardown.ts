/**
 * remove_pagetable(): taking kernel mappings down, level by level, by the rules of Linux's
 * arch/x86/mm/init_64.c. Only init_mm is walked; entries that are not present are skipped.
 *
 * | level | a leaf                                        | after its children              |
 * |-------|-----------------------------------------------|---------------------------------|
 * | pte   | cleared; memmap: frame freed                  | a flush for each table visited  |
 * | pmd   | both ends aligned: as pte. Else memmap only   | empty PTE table freed           |
 * | pud   | both ends aligned: cleared. Else the record's | empty PMD table freed           |
 * | p4d   | -                                             | empty PUD table: as the record says |
 * | pgd   | -                                             | never cleared                   |
 */
import { flushTlbAll } from "./flush.ts";
import { Gather } from "./gather.ts";
import type { Altmap, Kernel } from "./kernel.ts";
import { ENTRIES, PAGE_BYTES, SPAN_PAGES } from "./layout.ts";
import { freesPudTable } from "./record.ts";
import { clearRemovedTopEntries } from "./sync.ts";

/** What a removal is about: the direct map (its frames stay) or the memmap (its frames go). */
interface Removal {
  readonly k: Kernel;
  readonly direct: boolean;
  readonly gather: Gather;
}

/**
 * Takes down the mappings of the pages [from, to).
 * @param direct the direct map, whose leaves own no frames
 * @param altmap where the memmap's frames came from, if not from the buddy system
 */
export function removePagetable(
  k: Kernel,
  from: number,
  to: number,
  direct: boolean,
  altmap: Altmap | undefined = undefined,
): void {
  k.call("remove_pagetable", () => {
    const removal: Removal = { k, direct, gather: new Gather(k, altmap) };
    const top = k.initMm.physical;
    if (k.levels === 4) removeP4dTable(removal, top, from, to);
    else {
      forEachEntry(5, from, to, (index, start, end) => {
        if (!k.tables.isPresent(top, index)) return;
        removeP4dTable(removal, k.tables.target(top, index), start, end);
      });
    }
    if (k.record.clearsOtherPgds === "always") clearRemovedTopEntries(k, from, to - 1);
    removal.gather.finish();
  });
}

/** Calls `each` for every entry of `level` that [from, to) touches, with the pages it concerns. */
export function forEachEntry(
  level: number,
  from: number,
  to: number,
  each: (index: number, from: number, to: number) => void,
): void {
  const span = SPAN_PAGES[level] as number;
  for (let page = from; page < to; ) {
    const entry = Math.floor(page / span);
    const end = Math.min(to, (entry + 1) * span);
    each(entry % ENTRIES, page, end);
    page = end;
  }
}

/** remove_p4d_table(). With 4 levels the p4d entries are the top table's. */
function removeP4dTable(removal: Removal, table: number, from: number, to: number): void {
  const { k, gather } = removal;
  forEachEntry(4, from, to, (index, start, end) => {
    if (!k.tables.isPresent(table, index)) return;
    const pud = k.tables.target(table, index);
    removePudTable(removal, pud, start, end);
    if (freesPudTable(k.record, k.built, k.levels) && isEmptyBeyond(k, pud, 3, end)) {
      k.call("free_pud_table", () => gather.table(table, index, 4, pud));
    }
  });
}

/** Whether a table of `level` has no entries left, its pages before `page` just removed. */
function isEmptyBeyond(k: Kernel, table: number, level: number, page: number): boolean {
  return k.tables.isEmpty(table, k.layout.indexAt(page, level));
}

/** remove_pud_table(). */
function removePudTable(removal: Removal, table: number, from: number, to: number): void {
  const { k, gather } = removal;
  forEachEntry(3, from, to, (index, start, end) => {
    if (!k.tables.isPresent(table, index)) return;
    if (k.tables.isLeaf(table, index, 3) && end - start === SPAN_PAGES[3]) {
      k.tables.clear(table, index, 3);
      if (removal.direct) k.directMapPages[3] -= 1;
      return;
    }
    if (k.tables.isLeaf(table, index, 3) && k.record.partialPudLeaf === "marked") {
      markUnused(k, start, end);
      return;
    }
    // A 1 GiB leaf of which only a part goes falls through here, and its page is read as a table:
    // so it is in Linux since 5.13. Kernels that split it have done so before (splitPartialLeaves).
    const pmd = k.tables.target(table, index);
    removePmdTable(removal, pmd, start, end);
    if (isEmptyBeyond(k, pmd, 2, end))
      k.call("free_pmd_table", () => gather.table(table, index, 3, pmd));
  });
}

/**
 * What remove_pud_table() did until 69ccfe74e16b with a part of a 1 GiB leaf, as if it were memmap:
 * memset() it with 0xFD and keep the leaf. One page of each 2 MiB stands for all of them here.
 */
function markUnused(k: Kernel, from: number, to: number): void {
  for (let page = from; page < to; page += SPAN_PAGES[2] as number) {
    const at = k.layout.addressOf(page);
    for (let byte = 0; byte < PAGE_BYTES; byte += 8) {
      k.processor.writeKernel(at + BigInt(byte), 0xfdfdfdfdfdfdfdfdn);
    }
  }
}

/** remove_pmd_table(). */
function removePmdTable(removal: Removal, table: number, from: number, to: number): void {
  const { k, gather } = removal;
  forEachEntry(2, from, to, (index, start, end) => {
    if (!k.tables.isPresent(table, index)) return;
    if (k.tables.isLeaf(table, index, 2)) {
      if (end - start !== SPAN_PAGES[2]) return;
      if (removal.direct) {
        k.tables.clearLeaves(table, index, 1);
        k.directMapPages[2] -= 1;
      } else gather.leaf(table, index, 2);
      return;
    }
    const pte = k.tables.target(table, index);
    removePteTable(removal, pte, start, end);
    if (isEmptyBeyond(k, pte, 1, end))
      k.call("free_pte_table", () => gather.table(table, index, 2, pte));
  });
}

/** remove_pte_table(). */
function removePteTable(removal: Removal, table: number, from: number, to: number): void {
  const { k, gather } = removal;
  const first = from % ENTRIES;
  const count = to - from;
  if (removal.direct) k.directMapPages[1] -= k.tables.clearLeaves(table, first, count);
  else {
    for (let index = first; index < first + count; index++) {
      if (k.tables.isPresent(table, index)) gather.leaf(table, index, 1);
    }
  }
  if (k.record.teardownOrder !== "gather-all") flushTlbAll(k);
}
