/** Which 4 KiB pages are watched, and by whom. */
import { CHUNK_BYTES, PAGE_BYTES } from "./layout.ts";
import type { WriteWatcher } from "./listeners.ts";

/** One call of `watch`; two watches by the same function are two. */
export interface Watch {
  readonly notify: WriteWatcher;
}

export class WatchList {
  readonly #pages = new Map<number, Set<Watch>>();

  /** @returns whether `page` was unwatched before */
  add(page: number, watch: Watch): boolean {
    const known = this.#pages.get(page);
    if (known) known.add(watch);
    else this.#pages.set(page, new Set([watch]));
    return known === undefined;
  }

  /** @returns whether `page` is unwatched now and was not before */
  remove(page: number, watch: Watch): boolean {
    const known = this.#pages.get(page);
    if (!known?.delete(watch) || known.size > 0) return false;
    return this.#pages.delete(page);
  }

  has(physical: number): boolean {
    return this.#pages.has(physical - (physical % PAGE_BYTES));
  }

  /** Bit n for the n-th page of the chunk at `chunk`. */
  maskOf(chunk: number): number {
    if (this.#pages.size === 0) return 0;
    let mask = 0;
    for (let page = 0; page < CHUNK_BYTES / PAGE_BYTES; page++) {
      if (this.#pages.has(chunk + page * PAGE_BYTES)) mask |= 1 << page;
    }
    return mask;
  }

  /** Tells everybody who watches the page that holds the written bytes. */
  written(physical: number, bytes: number): void {
    const watches = this.#pages.get(physical - (physical % PAGE_BYTES));
    if (!watches) return;
    for (const watch of [...watches]) watch.notify(physical, bytes);
  }
}
