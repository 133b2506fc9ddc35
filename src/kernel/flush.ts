/** TLB flushes on every processor, and what they cost. */
import type { Kernel } from "./kernel.ts";

/** flush_tlb_all(): every processor drops everything, global entries and paging structures too. */
export function flushTlbAll(k: Kernel): void {
  for (const processor of k.processors) processor.mmu.flushAll();
  k.counts.tlbFlushes += 1;
  k.counts.ipis += k.processors.length - 1;
  k.tables.tell((observer) => observer.flushedAll?.());
}

/** tlb_single_page_flush_ceiling. */
export const FLUSH_CEILING_PAGES = 33;

/** flush_tlb_kernel_range(): page by page up to the ceiling, else everything. Pages, exclusive. */
export function flushTlbKernelRange(k: Kernel, from: number, to: number): void {
  if (to - from > FLUSH_CEILING_PAGES) {
    flushTlbAll(k);
    return;
  }
  for (const processor of k.processors) {
    for (let page = from; page < to; page++) processor.mmu.invlpg(k.layout.addressOf(page));
  }
  k.counts.tlbFlushes += 1;
  k.counts.ipis += k.processors.length - 1;
}
