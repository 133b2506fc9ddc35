/** New rights in the entries of a range: change_protection() of mm/mprotect.c. */
import { RW } from "../flags.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm } from "../mm.ts";
import { forEachEntry } from "../teardown.ts";
import { isLargeEntry, KEPT_LO, mapsPage, userFlags } from "./entries.ts";
import { HUGE_PAGES, splitHugePmd } from "./huge.ts";
import { VM_WRITE, type Vma } from "./vma.ts";

/**
 * Gives the entries of the range the rights of its flags; RW stays only where it was, for a fault
 * must judge whether the page is the process's own. No flush.
 * @returns whether an entry changed
 */
export function changeProtection(k: Kernel, mm: Mm, vma: Vma): boolean {
  return k.call("change_protection", () => change(k, mm, vma, k.levels, mm.physical, vma));
}

function change(
  k: Kernel,
  mm: Mm,
  vma: Vma,
  level: number,
  table: number,
  { from, to }: { readonly from: number; readonly to: number },
): boolean {
  let changed = false;
  forEachEntry(level, from, to, (index, start, end) => {
    if (k.tables.isNone(table, index)) return;
    const isLarge = isLargeEntry(k, table, index, level);
    if (level === 1 || (isLarge && end - start === HUGE_PAGES)) {
      changed = changeEntry(k, vma, level, table, index) || changed;
      return;
    }
    if (isLarge) splitHugePmd(k, mm, { table, index }, start);
    const lower = k.tables.target(table, index);
    changed = change(k, mm, vma, level - 1, lower, { from: start, to: end }) || changed;
  });
  return changed;
}

/** pte_modify(). */
function changeEntry(k: Kernel, vma: Vma, level: number, table: number, index: number): boolean {
  const before = k.tables.lo(table, index);
  if (!mapsPage(before)) return false;
  const flags = userFlags(vma.flags);
  const write = vma.flags & VM_WRITE ? before & RW : 0;
  const lo = flags.lo | (before & KEPT_LO) | write;
  k.tables.setTarget(table, index, level, k.tables.target(table, index), { hi: flags.hi, lo });
  return true;
}
