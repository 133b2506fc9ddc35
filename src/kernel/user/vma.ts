/** Mapped ranges of a process: Linux's vm_area_struct, private and anonymous. */
import type { Mm } from "../mm.ts";

/** Rights and wishes of a range; `VM_READ | VM_WRITE` and so on, 0 for PROT_NONE. */
export const VM_READ = 1;
export const VM_WRITE = 2;
export const VM_EXEC = 4;
/** Faults map 2 MiB at once where the range holds all of them: MADV_HUGEPAGE. */
export const VM_HUGEPAGE = 8;
export const VM_RIGHTS = VM_READ | VM_WRITE | VM_EXEC;

export interface Vma {
  /** Pages [from, to). */
  readonly from: number;
  readonly to: number;
  readonly flags: number;
}

/** find_vma(): the first range that ends above `page`. */
export function findVma(mm: Mm, page: number): Vma | undefined {
  let low = 0;
  let high = mm.vmas.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((mm.vmas[middle] as Vma).to > page) high = middle;
    else low = middle + 1;
  }
  return mm.vmas[low];
}

/** vma_lookup(): the range that holds `page`. */
export function vmaAt(mm: Mm, page: number): Vma | undefined {
  const vma = findVma(mm, page);
  return vma && vma.from <= page ? vma : undefined;
}

/** The parts of the mapped ranges that lie in [from, to), in order. */
export function vmasWithin(mm: Mm, from: number, to: number): Vma[] {
  return mm.vmas
    .filter((vma) => vma.from < to && vma.to > from)
    .map((vma) => ({
      from: Math.max(vma.from, from),
      to: Math.min(vma.to, to),
      flags: vma.flags,
    }));
}

/**
 * Puts `parts`, which lie in [from, to), in place of whatever was there; neighbours with the same
 * flags become one (vma_merge()), and ranges that stick out are cut (split_vma()).
 */
export function replaceVmas(mm: Mm, from: number, to: number, parts: readonly Vma[]): void {
  const cut: Vma[] = [];
  for (const vma of mm.vmas) {
    if (vma.from < from) cut.push({ ...vma, to: Math.min(vma.to, from) });
  }
  cut.push(...parts);
  for (const vma of mm.vmas) {
    if (vma.to > to) cut.push({ ...vma, from: Math.max(vma.from, to) });
  }
  const merged: Vma[] = [];
  for (const vma of cut) {
    const last = merged.at(-1);
    if (last && last.to === vma.from && last.flags === vma.flags) {
      merged[merged.length - 1] = { ...last, to: vma.to };
    } else merged.push(vma);
  }
  mm.vmas = merged;
}
