/**
 * The TLB that keeps everything it lawfully may: unbounded, tagged by PCID, every level, dropped
 * only by the events that the manual names. The oldest translation of a page answers, and one that
 * denies an access faults at once. A kernel's missing flush shows at the next access.
 */
import {
  copyEntry,
  emptyEntry,
  type TlbEntry,
  type TlbModel,
  type UpperModel,
} from "./tlb-model.ts";
import type { WalkStart } from "./walk.ts";

const PAGE_SIZES = [4096, 2 ** 21, 2 ** 22, 2 ** 30] as const;

export class LazyTlb implements TlbModel {
  readonly name = "lazy";
  readonly rewalksOnDenial = false;
  readonly allowsFastTable = true;
  readonly upper: UpperModel = new LazyUpperCaches();
  onEvict: ((entry: Readonly<TlbEntry>) => void) | undefined;
  /** By page size, then by page number, PCID and globality. */
  readonly #maps = new Map<number, Map<string, TlbEntry>>(
    PAGE_SIZES.map((bytes) => [bytes, new Map()]),
  );

  lookup(pcid: number, hi: number, lo: number): TlbEntry | undefined {
    for (const [bytes, map] of this.#maps) {
      if (map.size === 0) continue;
      const base = lo & -bytes;
      const found = map.get(key(pcid, false, hi, base)) ?? map.get(key(0, true, hi, base));
      if (found) return found;
    }
    return undefined;
  }

  insert(entry: Readonly<TlbEntry>): void {
    const map = this.#maps.get(entry.pageBytes) as Map<string, TlbEntry>;
    const name = key(entry.global ? 0 : entry.pcid, entry.global, entry.hi, entry.lo);
    const slot = map.get(name) ?? emptyEntry();
    if (slot.pageBytes !== 0) this.onEvict?.(slot);
    copyEntry(slot, entry);
    map.set(name, slot);
  }

  dropPage(pcid: number, hi: number, lo: number, globals: boolean): number {
    let largest = 0;
    for (const [bytes, map] of this.#maps) {
      const base = lo & -bytes;
      const own = map.delete(key(pcid, false, hi, base));
      const global = globals && map.delete(key(0, true, hi, base));
      if (own || global) largest = Math.max(largest, bytes);
    }
    return largest;
  }

  dropPcid(pcid: number): void {
    this.#dropWhere((entry) => entry.pcid === pcid && !entry.global);
  }

  dropAll(globals: boolean): void {
    this.#dropWhere((entry) => globals || !entry.global);
  }

  *entries(): Iterable<Readonly<TlbEntry>> {
    for (const map of this.#maps.values()) yield* map.values();
  }

  #dropWhere(goes: (entry: TlbEntry) => boolean): void {
    for (const map of this.#maps.values()) {
      for (const [name, entry] of map) if (goes(entry)) map.delete(name);
    }
  }
}

function key(pcid: number, global: boolean, hi: number, lo: number): string {
  return `${global ? "g" : pcid} ${hi} ${lo}`;
}

interface LazyUpperEntry {
  readonly level: number;
  readonly pcid: number;
  readonly linear: bigint;
  readonly table: number;
  readonly rights: number;
}

/** Every upper entry that was ever lawfully cacheable; the lowest level answers. */
class LazyUpperCaches implements UpperModel {
  /** By level, then by PCID and upper address bits. */
  readonly #byLevel = new Map<number, { shift: number; map: Map<string, LazyUpperEntry> }>();

  lookup(pcid: number, linear: bigint): WalkStart | undefined {
    for (let level = 2; level <= 5; level++) {
      const at = this.#byLevel.get(level);
      const found = at?.map.get(`${pcid} ${linear >> BigInt(at.shift)}`);
      if (found) return { level: level - 1, table: found.table, rights: found.rights };
    }
    return undefined;
  }

  insert(
    pcid: number,
    level: number,
    shift: number,
    linear: bigint,
    table: number,
    rights: number,
  ): void {
    let at = this.#byLevel.get(level);
    if (at?.shift !== shift) {
      at = { shift, map: new Map() };
      this.#byLevel.set(level, at);
    }
    const upper = linear >> BigInt(shift);
    const name = `${pcid} ${upper}`;
    if (at.map.has(name)) return;
    at.map.set(name, { level, pcid, linear: upper << BigInt(shift), table, rights });
  }

  dropAddress(pcid: number, linear: bigint): void {
    for (const { shift, map } of this.#byLevel.values()) {
      map.delete(`${pcid} ${linear >> BigInt(shift)}`);
    }
  }

  dropPcid(pcid: number): void {
    for (const { map } of this.#byLevel.values()) {
      for (const [name, entry] of map) if (entry.pcid === pcid) map.delete(name);
    }
  }

  dropAll(): void {
    this.#byLevel.clear();
  }

  *entries(): Iterable<LazyUpperEntry> {
    for (const { map } of this.#byLevel.values()) yield* map.values();
  }
}
