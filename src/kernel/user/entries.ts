/** Entries of a process's user half: values, the way to them, and the tables on that way. */
import { ACCESSED, DIRTY, GLOBAL, NX_HI, PAGE_TABLE, PRESENT, PSE, RW, USER } from "../flags.ts";
import type { Kernel } from "../kernel.ts";
import { PAGE_BYTES } from "../layout.ts";
import type { Mm } from "../mm.ts";
import { mirrorTopEntry } from "../pti.ts";
import { VM_EXEC, VM_RIGHTS } from "./vma.ts";

/**
 * _PAGE_PROTNONE: with P clear, bit 8 says that the entry maps a page to which nobody may go.
 * (The inversion of the address that Linux adds against L1TF is left out.)
 */
export const PROTNONE = GLOBAL;

export interface EntryFlags {
  readonly hi: number;
  readonly lo: number;
}

/** An entry of some level, by its table. */
export interface EntryAt {
  readonly table: number;
  readonly index: number;
}

/** pte_present(): the entry maps a page, be it that nobody may go there. */
export function mapsPage(lo: number): boolean {
  return (lo & (PRESENT | PROTNONE)) !== 0;
}

/**
 * vm_get_page_prot() for private memory, so without RW: the low bits and XD of an entry of a range
 * with these flags.
 */
export function userFlags(vmFlags: number): EntryFlags {
  const hi = vmFlags & VM_EXEC ? 0 : NX_HI;
  const present = vmFlags & VM_RIGHTS ? PRESENT | USER : PROTNONE;
  return { hi, lo: present | ACCESSED };
}

/** The same for a page that is the process's own and may be written. */
export function writableFlags(vmFlags: number): EntryFlags {
  const { hi, lo } = userFlags(vmFlags);
  return { hi, lo: lo | RW | DIRTY };
}

/** The same for a large page. */
export function large({ hi, lo }: EntryFlags): EntryFlags {
  return { hi, lo: lo | PSE };
}

/** The bits of an entry besides its address, that a change of rights keeps: A, D, PS. */
export const KEPT_LO = ACCESSED | DIRTY | PSE;

/** The entry of `level` for `page`; undefined if a table on the way is missing, or a large page. */
export function entryFor(k: Kernel, mm: Mm, page: number, level: number): EntryAt | undefined {
  let table = mm.physical;
  for (let at: number = k.levels; at > level; at--) {
    const index = k.layout.indexAt(page, at);
    if (k.tables.isNone(table, index) || isLargeEntry(k, table, index, at)) return undefined;
    table = k.tables.target(table, index);
  }
  return { table, index: k.layout.indexAt(page, level) };
}

/** pmd_trans_huge(): a large page, also one to which nobody may go. */
export function isLargeEntry(k: Kernel, table: number, index: number, level: number): boolean {
  return level === 2 && (k.tables.lo(table, index) & PSE) !== 0;
}

/**
 * p4d_alloc() to pte_alloc(): the entry of `level` for `page`, with the tables above it.
 * @returns undefined when out of memory; tables made on the way stay, empty, for free_pgtables()
 */
export function makeEntryFor(k: Kernel, mm: Mm, page: number, level: number): EntryAt | undefined {
  let table = mm.physical;
  for (let at: number = k.levels; at > level; at--) {
    const index = k.layout.indexAt(page, at);
    if (k.tables.isNone(table, index)) {
      const lower = k.allocateTable(at - 1, mm.name);
      if (lower < 0) return undefined;
      mm.tableBytes += PAGE_BYTES;
      k.tables.setTarget(table, index, at, lower, { hi: 0, lo: PAGE_TABLE });
      if (at === k.levels) mirrorTopEntry(k, table, index);
    }
    table = k.tables.target(table, index);
  }
  return { table, index: k.layout.indexAt(page, level) };
}
