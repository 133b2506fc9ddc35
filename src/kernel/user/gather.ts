/**
 * mmu_gather: what an unmapping takes out of a process's tables waits here until the processors
 * have dropped it. Unlink, flush, free.
 */
import { flushTlbMm, flushTlbMmRange } from "../flush.ts";
import type { Kernel } from "../kernel.ts";
import { PAGE_BYTES } from "../layout.ts";
import type { Mm } from "../mm.ts";
import { putPage } from "./pages.ts";

export class UserGather {
  readonly kernel: Kernel;
  readonly mm: Mm;
  readonly #whole: boolean;
  readonly #pages: number[] = [];
  readonly #tables: number[] = [];
  #from = Number.POSITIVE_INFINITY;
  #to = 0;
  #stridePages = 512;

  /** @param whole the address space ends: one flush of all of it */
  constructor(kernel: Kernel, mm: Mm, whole = false) {
    this.kernel = kernel;
    this.mm = mm;
    this.#whole = whole;
  }

  /** An entry at `page` was cleared that mapped `pages` pages from there. */
  cleared(page: number, pages: number): void {
    this.#from = Math.min(this.#from, page);
    this.#to = Math.max(this.#to, page + pages);
    this.#stridePages = Math.min(this.#stridePages, pages);
  }

  /** Drops a reference to this physical page after the flush: tlb_remove_page(). */
  removePage(physical: number): void {
    this.#pages.push(physical);
  }

  /** The table that translated [page, page + pages) is unlinked: p?d_free_tlb(). */
  removeTable(table: number, page: number, pages: number): void {
    this.#from = Math.min(this.#from, page);
    this.#to = Math.max(this.#to, page + pages);
    this.#tables.push(table);
  }

  /** tlb_finish_mmu(): flushes what is left, then frees. */
  finish(): void {
    const { kernel: k, mm } = this;
    const freedTables = this.#tables.length > 0;
    if (this.#to > 0 && k.record.userFlushes.unmap) {
      if (this.#whole) flushTlbMm(k, mm, freedTables);
      else {
        flushTlbMmRange(k, mm, this.#from, this.#to, {
          stridePages: this.#stridePages,
          freedTables,
        });
      }
    }
    for (const page of this.#pages.splice(0)) putPage(k, page);
    for (const table of this.#tables.splice(0)) freeUserTable(k, mm, table);
    this.#from = Number.POSITIVE_INFINITY;
    this.#to = 0;
  }
}

/** pte_free() and its like. */
export function freeUserTable(k: Kernel, mm: Mm, table: number): void {
  mm.tableBytes -= PAGE_BYTES;
  k.frames.free(table, 0, k.processor.id);
}
