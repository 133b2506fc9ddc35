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
 *
 * A kernel that waits for the flush with everything need not clear what it is about to unlink: its
 * direct-map tables that a removal covers whole are dropped as they are, their pages counted and
 * not read.
 */
import { flushTlbAll } from "./flush.ts";
import { Gather } from "./gather.ts";
import type { Altmap, Kernel } from "./kernel.ts";
import { ENTRIES, PAGE_BYTES, SPAN_PAGES } from "./layout.ts";
import { unuseSubPmd } from "./memmap-marker.ts";
import { freesPudTable } from "./record.ts";
import { clearRemovedTopEntries } from "./sync.ts";

/** What a removal is about: the direct map (its frames stay) or the memmap (its frames go). */
interface Removal {
  readonly k: Kernel;
  readonly direct: boolean;
  /** Whether tables that are covered whole go as they are: nothing in the range is unmapped. */
  readonly drops: boolean;
  readonly gather: Gather;
}

/**
 * Takes down the mappings of the pages [from, to).
 * @param direct the direct map, whose leaves own no frames
 * @param altmap where the memmap's frames came from, if not from the buddy system
 * @param allMapped whether every page of the range is known to be mapped
 */
export function removePagetable(
  k: Kernel,
  from: number,
  to: number,
  direct: boolean,
  altmap: Altmap | undefined = undefined,
  allMapped = false,
): void {
  k.call("remove_pagetable", () => {
    const drops = direct && allMapped && k.record.teardownOrder === "gather-all";
    const removal: Removal = { k, direct, drops, gather: new Gather(k, altmap) };
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
    const frees = freesPudTable(k.record, k.built, k.levels);
    if (removal.drops && frees && end - start === SPAN_PAGES[4]) {
      dropTable(removal, table, index, 4, pud);
      return;
    }
    removePudTable(removal, pud, start, end);
    if (frees && isEmptyBeyond(k, pud, 3, end)) {
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
    if (removal.drops && end - start === SPAN_PAGES[3]) {
      dropTable(removal, table, index, 3, pmd);
      return;
    }
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
      if (end - start !== SPAN_PAGES[2]) {
        const leaf = k.tables.target(table, index);
        if (!removal.direct && unuseSubPmd(k, leaf, start, end)) gather.leaf(table, index, 2);
        return;
      }
      if (removal.direct) {
        k.tables.clearLeaves(table, index, 1);
        k.directMapPages[2] -= 1;
      } else gather.leaf(table, index, 2);
      return;
    }
    const pte = k.tables.target(table, index);
    if (removal.drops && end - start === SPAN_PAGES[2]) {
      dropTable(removal, table, index, 2, pte);
      return;
    }
    removePteTable(removal, pte, start, end);
    if (isEmptyBeyond(k, pte, 1, end))
      k.call("free_pte_table", () => gather.table(table, index, 2, pte));
  });
}

/** remove_pte_table(). */
function removePteTable(removal: Removal, table: number, from: number, to: number): void {
  const { k, gather } = removal;
  const first = from % ENTRIES;
  const stop = k.record.lowPteQuirk ? lowPteAt(k, table, from, to) : to;
  const count = stop - from;
  if (removal.direct) k.directMapPages[1] -= k.tables.clearLeaves(table, first, count);
  else {
    for (let index = first; index < first + count; index++) {
      if (k.tables.isPresent(table, index)) gather.leaf(table, index, 1);
    }
  }
  if (stop === to && k.record.teardownOrder !== "gather-all") flushTlbAll(k);
}

/**
 * The page at which remove_pte_table() of Linux returns, because entry and address add up to less
 * than 1 GiB; `to` if it does not. Meant for identity tables of the boot; no kernel address gets
 * there unless the sum overflows.
 */
function lowPteAt(k: Kernel, table: number, from: number, to: number): number {
  const address = k.layout.addressOf(from);
  const found = k.tables.firstLowSum(table, from % ENTRIES, to - from, address);
  return found < 0 ? to : from + found;
}

/** Unlinks a direct-map table that is covered whole, and all below it, without clearing them. */
function dropTable(
  removal: Removal,
  parent: number,
  index: number,
  level: number,
  table: number,
): void {
  dropBelow(removal, table, level - 1);
  removal.gather.table(parent, index, level, table);
}

/** Counts the pages of a table of this level as gone, and gives the tables below it back. */
function dropBelow(removal: Removal, table: number, level: number): void {
  const { k, gather } = removal;
  if (level === 1) {
    k.directMapPages[1] -= ENTRIES;
    return;
  }
  for (let index = 0; index < ENTRIES; index++) {
    if (k.tables.isLeaf(table, index, level)) k.directMapPages[level as 2 | 3] -= 1;
    else {
      const lower = k.tables.target(table, index);
      dropBelow(removal, lower, level - 1);
      gather.below(lower);
    }
  }
}
