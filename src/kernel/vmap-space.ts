/** Which parts of vmalloc space are taken: vmap_area of mm/vmalloc.c. */

/** Frames that an area owns: 2^order of them from `physical`. */
export interface AreaFrames {
  readonly physical: number;
  readonly order: number;
}

export interface VmapArea {
  /** Pages [from, to), without the guard page that follows. */
  readonly from: number;
  readonly to: number;
  /** Frames that go with it; none for a mapping of what others own. */
  frames: AreaFrames[];
}

export class VmapSpace {
  /** In use, in order of addresses. */
  readonly #areas: VmapArea[] = [];
  /** Unmapped, and not to be used again before the purge has flushed. */
  #lazy: VmapArea[] = [];
  #lazyPages = 0;

  /** Pages of areas that wait for the purge. */
  get lazyPages(): number {
    return this.#lazyPages;
  }

  /** The areas in use. */
  get areas(): readonly VmapArea[] {
    return this.#areas;
  }

  /**
   * alloc_vmap_area(): the lowest free place in pages [first, end), with a page free behind it.
   * @param align in pages
   * @returns undefined if there is none
   */
  take(first: number, end: number, pages: number, align: number): VmapArea | undefined {
    const taken = [...this.#areas, ...this.#lazy].sort((a, b) => a.from - b.from);
    let from = Math.ceil(first / align) * align;
    for (const area of taken) {
      if (from + pages + 1 <= area.from) break;
      from = Math.max(from, Math.ceil((area.to + 1) / align) * align);
    }
    if (from + pages + 1 > end) return undefined;
    const area: VmapArea = { from, to: from + pages, frames: [] };
    this.#areas.push(area);
    this.#areas.sort((a, b) => a.from - b.from);
    return area;
  }

  /** The area in use that begins at this page. */
  at(page: number): VmapArea | undefined {
    return this.#areas.find((area) => area.from === page);
  }

  /** free_vmap_area_noflush(): the area waits for the purge from now on. */
  retire(area: VmapArea): void {
    this.#areas.splice(this.#areas.indexOf(area), 1);
    this.#lazy.push(area);
    this.#lazyPages += area.to - area.from;
  }

  /** Takes out all that waits. */
  takeLazy(): VmapArea[] {
    const lazy = this.#lazy;
    this.#lazy = [];
    this.#lazyPages = 0;
    return lazy;
  }
}
