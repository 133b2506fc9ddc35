/**
 * Parts of a 2 MiB leaf of the memmap. Where the memmap of a piece does not fill whole leaves
 * (struct page of another size than 64 bytes, sub-sections), bytes of 0xFD mark what is unused, and
 * a leaf that consists of nothing else is given back. The tail of the newest leaf is marked late,
 * because the next section most probably begins in it (Linux's unused_pmd_start).
 *
 * Pieces are pages of the memmap's region, from (inclusive) and to (exclusive), within one leaf.
 */
import type { Kernel } from "./kernel.ts";
import { PAGE_BYTES, SPAN_PAGES } from "./layout.ts";
import { fillKernel } from "./struct-pages.ts";

/** PAGE_UNUSED. */
const UNUSED = 0xfd;
const UNUSED_WORD = 0xfdfdfdfd | 0;
const LEAF_PAGES = SPAN_PAGES[2] as number;

/** vmemmap_use_sub_pmd(): a piece of a leaf that is there. Before v5.13 nothing was marked then. */
export function useSubPmd(k: Kernel, from: number, to: number): void {
  if (k.record.memmapMarker === "on-free") return;
  if (from === k.unusedPmdStart) {
    k.unusedPmdStart = to % LEAF_PAGES === 0 ? 0 : to;
    return;
  }
  flushUnusedTail(k);
  markUsed(k, from);
}

/** vmemmap_use_new_sub_pmd(): a piece of a leaf that was just made. */
export function useNewSubPmd(k: Kernel, from: number, to: number): void {
  if (k.record.memmapMarker === "on-free") return;
  flushUnusedTail(k);
  markUsed(k, from);
  const before = from % LEAF_PAGES;
  if (before !== 0) {
    // Until 280abe14b6e0 (v5.18) as many bytes were filled from the piece on, not before it.
    mark(k, k.record.memmapMarker === "from-piece" ? from : from - before, before);
  }
  if (to % LEAF_PAGES !== 0) k.unusedPmdStart = to;
}

/** vmemmap_unuse_sub_pmd(). @returns whether no part of the leaf is in use any more */
export function unuseSubPmd(k: Kernel, leafFrame: number, from: number, to: number): boolean {
  flushUnusedTail(k);
  mark(k, from, to - from);
  for (let at = leafFrame; at < leafFrame + LEAF_PAGES * PAGE_BYTES; at += PAGE_BYTES) {
    if (!isMarked(k, at)) return false;
  }
  return true;
}

/** A struct page of zeros at the start of a piece, so that it does not look unused. */
function markUsed(k: Kernel, from: number): void {
  k.call("vmemmap_use_sub_pmd", () => {
    fillKernel(k, k.layout.addressOf(from), k.layout.structPageBytes, 0);
  });
}

/** vmemmap_flush_unused_pmd(). */
function flushUnusedTail(k: Kernel): void {
  const from = k.unusedPmdStart;
  if (from === 0) return;
  k.unusedPmdStart = 0;
  mark(k, from, LEAF_PAGES - (from % LEAF_PAGES));
}

function mark(k: Kernel, from: number, pages: number): void {
  fillKernel(k, k.layout.addressOf(from), pages * PAGE_BYTES, UNUSED);
}

/** Whether a page is all 0xFD: memchr_inv(). */
function isMarked(k: Kernel, physical: number): boolean {
  for (let at = physical; at < physical + PAGE_BYTES; at += 4) {
    if (k.memory.readInt32(at) !== UNUSED_WORD) return false;
  }
  return true;
}
