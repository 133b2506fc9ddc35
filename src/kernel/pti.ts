/**
 * Page-table isolation: top tables in pairs (arch/x86/mm/pti.c in small). The second table, one
 * page behind the first, has the user half alone and is what user mode runs on. Where Linux also
 * maps the entry code and the processors' entry areas there is nothing here, for no code runs; and
 * the kernel's leaves stay global, which on a real processor would defeat the purpose.
 */
import { NX_HI, PRESENT, USER } from "./flags.ts";
import type { Kernel } from "./kernel.ts";
import { ENTRIES, PAGE_BYTES } from "./layout.ts";

/** kernel_to_user_pgdp(): the second table of the pair. */
export function userTopOf(top: number): number {
  return top + PAGE_BYTES;
}

/** A zeroed top table, or pair of them; -1 when out of memory. */
export function allocateTop(k: Kernel, owner: string): number {
  if (!k.pti) return k.allocateTable(k.levels, owner);
  const use = { kind: "table", level: k.levels, owner } as const;
  const top = k.frames.allocate(1, "unmovable", use, k.processor.id);
  if (top < 0) return -1;
  k.tables.zero(top);
  k.tables.zero(userTopOf(top));
  return top;
}

/**
 * pti_set_user_pgtbl(): what set_pgd() (set_p4d() with 4 levels) does besides, for an entry of the
 * user half that was just written. The kernel's copy loses the right to execute.
 */
export function mirrorTopEntry(k: Kernel, top: number, index: number): void {
  if (!k.pti || index >= ENTRIES / 2) return;
  const { tables, levels } = k;
  const lo = tables.lo(top, index);
  const hi = tables.hi(top, index);
  tables.set(userTopOf(top), index, levels, hi & ~NX_HI, lo);
  if ((lo & (PRESENT | USER)) !== (PRESENT | USER)) return;
  tables.set(top, index, levels, hi | NX_HI, lo);
}
