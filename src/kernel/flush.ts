/** TLB flushes on every processor that they concern, and what they cost. */
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import type { Processor } from "./processor.ts";

/** tlb_single_page_flush_ceiling. */
export const FLUSH_CEILING_PAGES = 33;

/** flush_tlb_all(): every processor drops everything, global entries and paging structures too. */
export function flushTlbAll(k: Kernel): void {
  for (const processor of k.processors) processor.mmu.flushAll();
  k.counts.tlbFlushes += 1;
  k.counts.ipis += k.processors.length - 1;
  k.tables.tell((observer) => observer.flushedAll?.());
}

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
  k.tables.tell((observer) => observer.flushedRange?.("", from, to));
}

export interface FlushOptions {
  /** Pages from one entry to the next: 512 where only large pages are concerned. */
  readonly stridePages?: number;
  /** Tables are about to be freed, so processors in lazy TLB mode must not keep them. */
  readonly freedTables?: boolean;
}

/**
 * flush_tlb_mm_range(): the processors that have `mm` loaded drop its pages [from, to), or all of
 * it above the ceiling. The others see its new generation when they load it again.
 */
export function flushTlbMmRange(
  k: Kernel,
  mm: Mm,
  from: number,
  to: number,
  options: FlushOptions = {},
): void {
  const stridePages = options.stridePages ?? 1;
  const whole = (to - from) / stridePages > FLUSH_CEILING_PAGES;
  mm.tlbGen += 1;
  const info = {
    mm,
    range: whole ? undefined : { from, to },
    stridePages,
    generation: mm.tlbGen,
  };
  k.counts.tlbFlushes += 1;
  for (const processor of k.processors) {
    if (!mm.cpus.has(processor.id)) continue;
    if (!reaches(k, processor, options.freedTables ?? false)) {
      k.counts.ipisSpared += 1;
      continue;
    }
    if (processor !== k.processor) k.counts.ipis += 1;
    processor.flush(info);
  }
  k.tables.tell((observer) => {
    if (whole) observer.flushedSpace?.(mm.name);
    else observer.flushedRange?.(mm.name, from, to);
  });
}

/** flush_tlb_mm(): all of the user half. */
export function flushTlbMm(k: Kernel, mm: Mm, freedTables = false): void {
  flushTlbMmRange(k, mm, 0, k.layout.kernelHalfPage, { freedTables });
}

/** Whether a flush is meant for a processor in lazy TLB mode. */
function reaches(k: Kernel, processor: Processor, freedTables: boolean): boolean {
  if (!processor.lazy || k.record.lazyTlb === "leaves-on-flush") return true;
  return k.record.lazyTlb === "leaves-when-tables-freed" && freedTables;
}
