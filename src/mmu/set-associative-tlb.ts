/**
 * The default TLB: one set-associative array for each page size, first in, first out within a
 * set, of the size of a present-day second-level data TLB. Deterministic.
 */
import { badArgument } from "../base/errors.ts";
import { emptyEntry, type TlbEntry, type TlbModel } from "./tlb-model.ts";

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
 * The moments before which entries are dead: dropping many at once only moves a floor. Every entry
 * has the moment when it came; a free way has 0.
 */
class Floors {
  clock = 1;
  readonly #byPcid = new Float64Array(4096);
  #everyPcid = 1;
  #globals = 1;

  isLive(stamp: number, info: number): boolean {
    if (info & INFO.GLOBAL) return stamp >= this.#globals;
    return stamp >= this.#everyPcid && stamp >= (this.#byPcid[info & INFO.PCID] as number);
  }

  raisePcid(pcid: number): void {
    this.#byPcid[pcid] = ++this.clock;
  }

  raiseAll(globals: boolean): void {
    this.#everyPcid = ++this.clock;
    if (globals) this.#globals = this.clock;
  }
}

/** What an entry holds beside its addresses, in one word. */
const INFO = {
  PCID: 0xfff,
  RIGHTS_SHIFT: 12,
  KEY_SHIFT: 15,
  PAT_SHIFT: 19,
  DIRTY: 1 << 22,
  GLOBAL: 1 << 23,
} as const;

function infoOf(entry: Readonly<TlbEntry>): number {
  return (
    entry.pcid |
    (entry.rights << INFO.RIGHTS_SHIFT) |
    (entry.protectionKey << INFO.KEY_SHIFT) |
    (entry.patIndex << INFO.PAT_SHIFT) |
    (entry.dirty ? INFO.DIRTY : 0) |
    (entry.global ? INFO.GLOBAL : 0)
  );
}

/** The tag of a way that has never been filled: no page begins there. */
const NO_PAGE = 1;

/**
 * The pages of one size. Everything lies in typed arrays: a lookup comes before every walk, and
 * mostly reads tags of other pages.
 */
class TlbArray {
  readonly #wayCount: number;
  readonly #tagHi: Int32Array;
  readonly #tagLo: Int32Array;
  /** The bits of `lo` that are the page's: the negative page size, as two sizes share an array. */
  readonly #mask: Int32Array;
  readonly #info: Int32Array;
  readonly #physical: Float64Array;
  readonly #ignored: Uint16Array;
  readonly #stamp: Float64Array;
  readonly #floors: Floors;
  readonly #setMask: number;
  readonly #next: Uint8Array;
  readonly #pageShift: number;

  constructor({ sets, ways }: TlbArraySize, pageShift: number, floors: Floors) {
    if (!Number.isInteger(sets) || sets < 1 || sets > 65536 || sets & (sets - 1)) {
      badArgument("sets", "a power of two in 1..65536", sets);
    }
    if (!Number.isInteger(ways) || ways < 1 || ways > 255) badArgument("ways", "1..255", ways);
    const count = sets * ways;
    this.#wayCount = ways;
    this.#tagHi = new Int32Array(count);
    this.#tagLo = new Int32Array(count).fill(NO_PAGE);
    this.#mask = new Int32Array(count).fill(-1);
    this.#info = new Int32Array(count);
    this.#physical = new Float64Array(count);
    this.#ignored = new Uint16Array(count);
    this.#stamp = new Float64Array(count);
    this.#floors = floors;
    this.#setMask = sets - 1;
    this.#next = new Uint8Array(sets);
    this.#pageShift = pageShift;
  }

  get count(): number {
    return this.#info.length;
  }

  /** The way that translates this address, or -1. */
  find(pcid: number, hi: number, lo: number): number {
    const first = this.#firstWay(hi, lo);
    for (let i = first; i < first + this.#wayCount; i++) {
      if (this.#covers(i, hi, lo) && this.#isOf(i, pcid, true) && this.isLive(i)) return i;
    }
    return -1;
  }

  isLive(index: number): boolean {
    return this.#floors.isLive(this.#stamp[index] as number, this.#info[index] as number);
  }

  read(index: number, into: TlbEntry): TlbEntry {
    const info = this.#info[index] as number;
    into.hi = this.#tagHi[index] as number;
    into.lo = this.#tagLo[index] as number;
    into.pageBytes = -(this.#mask[index] as number);
    into.pcid = info & INFO.PCID;
    into.global = (info & INFO.GLOBAL) !== 0;
    into.physical = this.#physical[index] as number;
    into.rights = (info >>> INFO.RIGHTS_SHIFT) & 7;
    into.protectionKey = (info >>> INFO.KEY_SHIFT) & 15;
    into.dirty = (info & INFO.DIRTY) !== 0;
    into.patIndex = (info >>> INFO.PAT_SHIFT) & 7;
    into.ignored = this.#ignored[index] as number;
    return into;
  }

  write(index: number, entry: Readonly<TlbEntry>): void {
    this.#tagHi[index] = entry.hi;
    this.#tagLo[index] = entry.lo;
    this.#mask[index] = -entry.pageBytes;
    this.#info[index] = infoOf(entry);
    this.#physical[index] = entry.physical;
    this.#ignored[index] = entry.ignored;
    this.#stamp[index] = this.#floors.clock;
  }

  /** The way to fill: the same page's, a dead one, or the oldest. */
  victim(pcid: number, hi: number, lo: number): number {
    const known = this.find(pcid, hi, lo);
    if (known >= 0) return known;
    const first = this.#firstWay(hi, lo);
    for (let i = first; i < first + this.#wayCount; i++) if (!this.isLive(i)) return i;
    const set = first / this.#wayCount;
    const way = this.#next[set] as number;
    this.#next[set] = (way + 1) % this.#wayCount;
    return first + way;
  }

  /** Drops the page of `pcid`, and a global one if `globals`; both may be there. */
  drop(pcid: number, hi: number, lo: number, globals: boolean): number {
    const first = this.#firstWay(hi, lo);
    let dropped = 0;
    for (let i = first; i < first + this.#wayCount; i++) {
      if (!this.#covers(i, hi, lo) || !this.#isOf(i, pcid, globals)) continue;
      if (this.isLive(i)) dropped = -(this.#mask[i] as number);
      this.#stamp[i] = 0;
    }
    return dropped;
  }

  #covers(index: number, hi: number, lo: number): boolean {
    const inPage = this.#tagLo[index] === (lo & (this.#mask[index] as number));
    return inPage && this.#tagHi[index] === hi;
  }

  /** Whether the way belongs to `pcid`; a global one is everybody's if `globals`, else nobody's. */
  #isOf(index: number, pcid: number, globals: boolean): boolean {
    const info = this.#info[index] as number;
    return info & INFO.GLOBAL ? globals : (info & INFO.PCID) === pcid;
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
  readonly #found = emptyEntry();

  /** @throws ArgumentError for sizes out of range */
  constructor(sizes: TlbSizes = DEFAULT_TLB_SIZES) {
    this.#small = new TlbArray(sizes.small, 12, this.#floors);
    // Indexed from bit 22 on, so that a 4-MByte page has one set as a 2-MByte page has.
    this.#large = new TlbArray(sizes.large, 22, this.#floors);
    this.#huge = new TlbArray(sizes.huge, 30, this.#floors);
    this.#arrays = [this.#small, this.#large, this.#huge];
  }

  /** The entry is good until the next call. */
  lookup(pcid: number, hi: number, lo: number): TlbEntry | undefined {
    for (const array of this.#arrays) {
      const index = array.find(pcid, hi, lo);
      if (index >= 0) return array.read(index, this.#found);
    }
    return undefined;
  }

  insert(entry: Readonly<TlbEntry>): void {
    const { pageBytes } = entry;
    const array = pageBytes === 4096 ? this.#small : pageBytes < 2 ** 30 ? this.#large : this.#huge;
    const index = array.victim(entry.pcid, entry.hi, entry.lo);
    if (this.onEvict && array.isLive(index)) this.onEvict(array.read(index, this.#found));
    array.write(index, entry);
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
      for (let i = 0; i < array.count; i++) {
        if (array.isLive(i)) yield array.read(i, emptyEntry());
      }
    }
  }
}
