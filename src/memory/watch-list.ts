/** Which 4 KiB pages are watched, and by whom. */
import { CHUNK_BYTES, PAGE_BYTES } from "./layout.ts";
import type { WriteWatcher } from "./listeners.ts";

export class WatchList {
  readonly #watchers = new Map<number, Set<WriteWatcher>>();

  /** @returns whether `page` was unwatched before */
  add(page: number, watcher: WriteWatcher): boolean {
    const known = this.#watchers.get(page);
    if (known) known.add(watcher);
    else this.#watchers.set(page, new Set([watcher]));
    return known === undefined;
  }

  /** @returns whether `page` is unwatched now and was not before */
  remove(page: number, watcher: WriteWatcher): boolean {
    const known = this.#watchers.get(page);
    if (!known?.delete(watcher) || known.size > 0) return false;
    return this.#watchers.delete(page);
  }

  has(physical: number): boolean {
    return this.#watchers.has(physical - (physical % PAGE_BYTES));
  }

  /** Bit n for the n-th page of the chunk at `chunk`. */
  maskOf(chunk: number): number {
    if (this.#watchers.size === 0) return 0;
    let mask = 0;
    for (let page = 0; page < CHUNK_BYTES / PAGE_BYTES; page++) {
      if (this.#watchers.has(chunk + page * PAGE_BYTES)) mask |= 1 << page;
    }
    return mask;
  }

  /** Tells everybody who watches the page that holds the written bytes. */
  written(physical: number, bytes: number): void {
    const watchers = this.#watchers.get(physical - (physical % PAGE_BYTES));
    if (!watchers) return;
    for (const watcher of [...watchers]) watcher(physical, bytes);
  }
}
