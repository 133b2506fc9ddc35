/**
 * Giving back the frames of a teardown: at once, as Linux does before it even clears the entry, or
 * after the flush. The order is the record's; the right one is unlink, flush, free.
 */

import { giveBackAltmap, isFromAltmap } from "./altmap.ts";
import { flushTlbAll } from "./flush.ts";
import type { Altmap, Kernel } from "./kernel.ts";
import { PAGE_BYTES } from "./layout.ts";

interface Waiting {
  readonly physical: number;
  readonly order: number;
  readonly altmap: Altmap | undefined;
}

export class Gather {
  readonly #kernel: Kernel;
  readonly #altmap: Altmap | undefined;
  readonly #waiting: Waiting[] = [];
  /** Pages of the memmap whose struct pages were looked at since the flush. */
  readonly #seenMemmap = new Set<number>();

  constructor(kernel: Kernel, altmap: Altmap | undefined) {
    this.#kernel = kernel;
    this.#altmap = altmap;
  }

  /** Unlinks the table below an entry (of `level`, at `index` of `parent`) and gives it back. */
  table(parent: number, index: number, level: number, table: number): void {
    const early = this.#kernel.record.teardownOrder === "free-clear-flush";
    this.#retire(parent, index, level, { physical: table, order: 0, altmap: undefined }, early);
  }

  /** Gives back a table whose parent goes as well, by `table()`, in the same gather. */
  below(table: number): void {
    this.#waiting.push({ physical: table, order: 0, altmap: undefined });
  }

  /** Clears the leaf at `index` of `table` and gives back the frames that it mapped. */
  leaf(table: number, index: number, level: number): void {
    const physical = this.#kernel.tables.target(table, index);
    const order = level === 2 ? 9 : 0;
    const early = this.#kernel.record.teardownOrder !== "gather-all";
    this.#retire(table, index, level, { physical, order, altmap: this.#altmap }, early);
  }

  /** flush_tlb_all(), then what waited for it. After it nothing may be added. */
  finish(): void {
    flushTlbAll(this.#kernel);
    this.#seenMemmap.clear();
    this.#kernel.call("free_pagetable", () => {
      for (const waiting of this.#waiting) this.#free(waiting);
    });
  }

  #retire(parent: number, index: number, level: number, what: Waiting, early: boolean): void {
    if (early) this.#freeEarly(what);
    else this.#waiting.push(what);
    this.#kernel.tables.clear(parent, index, level);
  }

  #freeEarly(what: Waiting): void {
    this.#seenMemmap.clear();
    this.#kernel.call("free_pagetable", () => this.#free(what));
  }

  /**
   * free_pagetable(), free_hugepage_table(): looks at the frame's struct page, through the memmap
   * as Linux does, and so oopses where the memmap is gone. A frame that nobody has allocated is
   * left alone: its count of references is not what makes a page free.
   *
   * Of the frames that waited for the flush, one in each page of the memmap is looked at: no table
   * changes in between.
   */
  #free({ altmap, physical, order }: Waiting): void {
    const k = this.#kernel;
    if (isFromAltmap(altmap, physical)) {
      giveBackAltmap(altmap, PAGE_BYTES * 2 ** order);
      k.frames.disclaim(physical);
      return;
    }
    const memmapPage = k.layout.memmapPageOf(physical);
    if (!this.#seenMemmap.has(memmapPage)) {
      k.processor.readKernel(k.layout.structPageAddress(physical));
      this.#seenMemmap.add(memmapPage);
    }
    k.frames.free(physical, order, k.processor.id);
  }
}
