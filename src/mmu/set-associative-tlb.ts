/**
 * The default TLB: one set-associative array for each page size, first in, first out within a
 * set, of the size of a present-day second-level data TLB. Deterministic.
 */
import { badArgument } from "../base/errors.ts";
import { copyEntry, covers, emptyEntry, type TlbEntry, type TlbModel } from "./tlb-model.ts";

export interface TlbArraySize {
  /** A power of two. */
  readonly sets: number;
  readonly ways: number;
}

export interface TlbSizes {
  readonly small: TlbArraySize;
  /** 2-MByte and 4-MByte pages. */
  readonly large: TlbArraySize;
  readonly huge: TlbArraySize;
}

/** 1,536 pages of 4 KiB, 1,024 of 2 MiB, 16 of 1 GiB. */
export const DEFAULT_TLB_SIZES: TlbSizes = {
  small: { sets: 128, ways: 12 },
  large: { sets: 128, ways: 8 },
  huge: { sets: 4, ways: 4 },
};

/**
 * An entry and when it came. Dropping many at once only moves a floor: what came before it is
 * dead. A free way has stamp 0.
 */
interface Way extends TlbEntry {
  stamp: number;
}

/** The moments before which entries are dead. */
class Floors {
  clock = 1;
  readonly #byPcid = new Float64Array(4096);
  #everyPcid = 1;
  #globals = 1;

  isLive(way: Way): boolean {
    if (way.global) return way.stamp >= this.#globals;
    return way.stamp >= this.#everyPcid && way.stamp >= (this.#byPcid[way.pcid] as number);
  }

  raisePcid(pcid: number): void {
    this.#byPcid[pcid] = ++this.clock;
  }

  raiseAll(globals: boolean): void {
    this.#everyPcid = ++this.clock;
    if (globals) this.#globals = this.clock;
  }
}

/** The pages of one size. */
class TlbArray {
  readonly ways: Way[];
  readonly #floors: Floors;
  readonly #wayCount: number;
  readonly #setMask: number;
  readonly #next: Uint8Array;
  readonly #pageShift: number;

  constructor({ sets, ways }: TlbArraySize, pageShift: number, floors: Floors) {
    if (!Number.isInteger(sets) || sets < 1 || sets > 65536 || sets & (sets - 1)) {
      badArgument("sets", "a power of two in 1..65536", sets);
    }
    if (!Number.isInteger(ways) || ways < 1 || ways > 255) badArgument("ways", "1..255", ways);
    this.ways = Array.from({ length: sets * ways }, () => ({ ...emptyEntry(), stamp: 0 }));
    this.#floors = floors;
    this.#wayCount = ways;
    this.#setMask = sets - 1;
    this.#next = new Uint8Array(sets);
    this.#pageShift = pageShift;
  }

  lookup(pcid: number, hi: number, lo: number): Way | undefined {
    const first = this.#firstWay(hi, lo);
    for (let i = first; i < first + this.#wayCount; i++) {
      const way = this.ways[i] as Way;
      if (covers(way, hi, lo) && (way.global || way.pcid === pcid) && this.#floors.isLive(way)) {
        return way;
      }
    }
    return undefined;
  }

  /** The way to fill: the same page's, a dead one, or the oldest. */
  victim(pcid: number, hi: number, lo: number): Way {
    const known = this.lookup(pcid, hi, lo);
    if (known) return known;
    const first = this.#firstWay(hi, lo);
    for (let i = first; i < first + this.#wayCount; i++) {
      const way = this.ways[i] as Way;
      if (!this.#floors.isLive(way)) return way;
    }
    const set = first / this.#wayCount;
    const way = this.#next[set] as number;
    this.#next[set] = (way + 1) % this.#wayCount;
    return this.ways[first + way] as Way;
  }

  /** Drops the page of `pcid`, and a global one if `globals`; both may be there. */
  drop(pcid: number, hi: number, lo: number, globals: boolean): number {
    const first = this.#firstWay(hi, lo);
    let dropped = 0;
    for (let i = first; i < first + this.#wayCount; i++) {
      const way = this.ways[i] as Way;
      if (!covers(way, hi, lo) || !(way.global ? globals : way.pcid === pcid)) continue;
      if (this.#floors.isLive(way)) dropped = way.pageBytes;
      way.stamp = 0;
    }
    return dropped;
  }

  #firstWay(hi: number, lo: number): number {
    const page = (lo >>> this.#pageShift) | (hi << (32 - this.#pageShift));
    return (page & this.#setMask) * this.#wayCount;
  }
}

export class SetAssociativeTlb implements TlbModel {
  readonly name = "default";
  readonly rewalksOnDenial = true;
  readonly allowsFastTable = true;
  readonly upper = "generated";
  onEvict: ((entry: Readonly<TlbEntry>) => void) | undefined;
  readonly #floors = new Floors();
  readonly #small: TlbArray;
  readonly #large: TlbArray;
  readonly #huge: TlbArray;
  readonly #arrays: readonly TlbArray[];

  /** @throws ArgumentError for sizes out of range */
  constructor(sizes: TlbSizes = DEFAULT_TLB_SIZES) {
    this.#small = new TlbArray(sizes.small, 12, this.#floors);
    // Indexed from bit 22 on, so that a 4-MByte page has one set as a 2-MByte page has.
    this.#large = new TlbArray(sizes.large, 22, this.#floors);
    this.#huge = new TlbArray(sizes.huge, 30, this.#floors);
    this.#arrays = [this.#small, this.#large, this.#huge];
  }

  lookup(pcid: number, hi: number, lo: number): TlbEntry | undefined {
    return (
      this.#small.lookup(pcid, hi, lo) ??
      this.#large.lookup(pcid, hi, lo) ??
      this.#huge.lookup(pcid, hi, lo)
    );
  }

  insert(entry: Readonly<TlbEntry>): void {
    const { pageBytes } = entry;
    const array = pageBytes === 4096 ? this.#small : pageBytes < 2 ** 30 ? this.#large : this.#huge;
    const way = array.victim(entry.pcid, entry.hi, entry.lo);
    if (this.#floors.isLive(way)) this.onEvict?.(way);
    copyEntry(way, entry);
    way.stamp = this.#floors.clock;
  }

  dropPage(pcid: number, hi: number, lo: number, globals: boolean): number {
    let largest = 0;
    for (const array of this.#arrays) {
      largest = Math.max(largest, array.drop(pcid, hi, lo, globals));
    }
    return largest;
  }

  dropPcid(pcid: number): void {
    this.#floors.raisePcid(pcid);
  }

  dropAll(globals: boolean): void {
    this.#floors.raiseAll(globals);
  }

  *entries(): Iterable<Readonly<TlbEntry>> {
    for (const array of this.#arrays) {
      for (const way of array.ways) if (this.#floors.isLive(way)) yield way;
    }
  }
}
