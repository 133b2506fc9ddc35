/**
 * Who leads to which frame: the checker's own count of the entries that reference tables, and of
 * the leaves that own the frame they map. Kept from events, so it costs what changes; made anew by
 * a scan of everything on demand.
 */
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import type { AddressSpaceView } from "./view.ts";

const ENTRIES = 512;
const PRESENT = 1;
const PSE = 0x80;

/** Where a table stands: the level of its entries, and the first page that it translates. */
export interface KnownTable {
  readonly level: number;
  readonly page: number;
}

/** An entry by where it lies and what it translates. */
export interface EntryPlace {
  readonly table: number;
  readonly index: number;
  readonly level: number;
  readonly page: number;
}

/** A frame that was a table of this level (0: a page), and the first page that it translated. */
export interface Unlinked {
  readonly frame: number;
  readonly level: number;
  readonly page: number;
}

/** The physical address in an entry. */
export function targetOf(hi: number, lo: number): number {
  return (hi & 0x000fffff) * 4294967296 + ((lo & ~0xfff) >>> 0);
}

/** Whether a present entry maps a page at this level. */
export function mapsPage(lo: number, level: number): boolean {
  return level === 1 || (level <= 3 && (lo & PSE) !== 0);
}

export class Links {
  readonly #view: AddressSpaceView;
  readonly #memory: PhysicalMemory;
  readonly #tables = new Map<number, KnownTable>();
  /** Entries by the frame that they lead to, as addresses of entries. */
  readonly #entries = new Map<number, Map<number, EntryPlace>>();

  constructor(view: AddressSpaceView) {
    this.#view = view;
    this.#memory = view.memory;
  }

  /** Every table that can be reached. */
  get tables(): ReadonlyMap<number, KnownTable> {
    return this.#tables;
  }

  tableAt(physical: number): KnownTable | undefined {
    return this.#tables.get(physical);
  }

  /** The entries that lead to this frame. */
  to(physical: number): EntryPlace[] {
    return [...(this.#entries.get(physical)?.values() ?? [])];
  }

  leadTo(physical: number): boolean {
    return this.#entries.has(physical);
  }

  /** Every frame that an entry leads to. */
  targets(): IterableIterator<number> {
    return this.#entries.keys();
  }

  /** Enters a table and all that it leads to, if it is not known. */
  addTable(physical: number, level: number, page: number): void {
    if (this.#tables.has(physical)) return;
    this.#tables.set(physical, { level, page });
    const span = 512 ** (level - 1);
    for (let index = 0; index < ENTRIES; index++) {
      const lo = this.#memory.readInt32(physical + index * 8);
      if (!(lo & PRESENT)) continue;
      const hi = this.#memory.readInt32(physical + index * 8 + 4);
      this.link({ table: physical, index, level, page: page + index * span }, hi, lo);
    }
  }

  /**
   * Forgets a table and what it leads to.
   * @returns the frames that no entry leads to any more
   */
  dropTable(physical: number): Unlinked[] {
    const known = this.#tables.get(physical);
    if (known === undefined) return [];
    this.#tables.delete(physical);
    const unlinked: Unlinked[] = [];
    for (let index = 0; index < ENTRIES; index++) {
      const lo = this.#memory.readInt32(physical + index * 8);
      if (!(lo & PRESENT)) continue;
      const hi = this.#memory.readInt32(physical + index * 8 + 4);
      unlinked.push(...this.unlink(physical + index * 8, targetOf(hi, lo)));
    }
    return unlinked;
  }

  /**
   * A present entry leads somewhere.
   * @returns whether it is one of those that are counted
   */
  link(place: EntryPlace, hi: number, lo: number): boolean {
    const leaf = mapsPage(lo, place.level);
    if (leaf && !this.#view.ownsLeaves(place.page)) return false;
    const target = targetOf(hi, lo);
    const key = place.table + place.index * 8;
    const entries = this.#entries.get(target);
    if (entries) entries.set(key, place);
    else this.#entries.set(target, new Map([[key, place]]));
    if (!leaf) this.addTable(target, place.level - 1, place.page);
    return true;
  }

  /**
   * An entry leads to its frame no longer.
   * @returns the frames that no entry leads to now: this one, and all below it
   */
  unlink(entryAddress: number, target: number): Unlinked[] {
    const entries = this.#entries.get(target);
    const place = entries?.get(entryAddress);
    if (!place || !entries?.delete(entryAddress) || entries.size > 0) return [];
    this.#entries.delete(target);
    const level = this.#tables.get(target)?.level ?? 0;
    return [{ frame: target, level, page: place.page }, ...this.dropTable(target)];
  }
}
