/**
 * The paging-structure caches of the generated walk (SDM 3A, "Paging-Structure Caches"): one
 * direct-mapped cache for each level above the leaf, in the linear memory.
 *
 * An entry of 32 bytes says: for linear addresses with these upper bits, the table to read next
 * lies at this physical address (and at this host address), with these rights gathered so far:
 *
 *     0  tag: linear address bits 56 and down, shifted by the level's shift; above bit 36 the
 *        number that stands for the PCID now. 0 = empty.
 *     8  physical address of the table, gathered rights in bits 2:0
 *     16 host address of the table
 *     24 all entries on the way to it, ANDed, with XD inverted
 *
 * Dropping all entries of a PCID gives it a new number, so it takes no time; the numbers never
 * come back before a real wipe. Tables whose writes are watched are not kept here: setting an A
 * bit in one has to take the slow path.
 */
import { badArgument } from "../base/errors.ts";
import { numberOf, wordOf } from "../base/word64.ts";
import type { LinearMemory } from "../memory/layout.ts";
import { toCanonical } from "./canonical.ts";
import type { PagingMode } from "./paging-mode.ts";

/** How many entries the cache of each level has: powers of two, 1..65536. */
export interface UpperCacheSizes {
  readonly pde: number;
  readonly pdpte: number;
  readonly pml4e: number;
  readonly pml5e: number;
}

/**
 * Larger than a processor's, which the manual allows: 8 GiB of 4-KByte pages walk with one read.
 * Sizes above cost more arena for each `Mmu` than they gain.
 */
export const DEFAULT_UPPER_SIZES: UpperCacheSizes = {
  pde: 4096,
  pdpte: 256,
  pml4e: 64,
  pml5e: 16,
};

export const UPPER = {
  tag: 0,
  table: 8,
  host: 16,
  gathered: 24,
  shift: 5,
  numberShift: 36,
} as const;

/** The cache of entries at one level: where it lies and how large it is. */
export interface UpperCacheArea {
  readonly level: number;
  readonly base: number;
  readonly entries: number;
}

/** What a paging-structure cache knows, for a person or a checker. */
export interface UpperEntry {
  /** The level of the cached entry; it references a table of the level below. */
  readonly level: number;
  readonly pcid: number;
  readonly linear: bigint;
  /** Physical address of the table that the entry references. */
  readonly table: number;
  readonly rights: number;
}

const FIRST_LEVEL = 2;
const LAST_NUMBER = 2 ** (63 - UPPER.numberShift) - 1;
const PCIDS = 4096;

export class UpperCaches {
  /** By level 2 .. 5. */
  readonly areas: readonly UpperCacheArea[];
  readonly #linear: LinearMemory;
  readonly #base: number;
  readonly #bytes: number;
  /** The number that stands for a PCID; 0 = none given yet. */
  readonly #numbers = new Int32Array(PCIDS);
  #lastNumber = 0;

  constructor(linear: LinearMemory, sizes: UpperCacheSizes = DEFAULT_UPPER_SIZES) {
    const counts = [sizes.pde, sizes.pdpte, sizes.pml4e, sizes.pml5e];
    for (const count of counts) {
      if (!Number.isInteger(count) || count < 1 || count > 65536 || count & (count - 1)) {
        badArgument("paging-structure-cache size", "a power of two in 1..65536", count);
      }
    }
    this.#linear = linear;
    this.#bytes = counts.reduce((sum, count) => sum + count, 0) << UPPER.shift;
    this.#base = linear.reserve(this.#bytes);
    let base = this.#base;
    this.areas = counts.map((entries, i) => {
      const area = { level: FIRST_LEVEL + i, base, entries };
      base += entries << UPPER.shift;
      return area;
    });
  }

  /** The upper half of the tag that entries of `pcid` carry now: bits 63:36 of the tag. */
  tagHiOf(pcid: number): number {
    let number = this.#numbers[pcid] as number;
    if (number === 0) {
      if (this.#lastNumber === LAST_NUMBER) this.#wipe();
      number = ++this.#lastNumber;
      this.#numbers[pcid] = number;
    }
    return number << (UPPER.numberShift - 32);
  }

  /** Drops all entries of `pcid`; `tagHiOf` has to be asked again. */
  dropPcid(pcid: number): void {
    this.#numbers[pcid] = 0;
  }

  /** Drops everything. */
  dropAll(): void {
    this.#numbers.fill(0);
  }

  /** Drops the entries of `pcid` that a walk for this linear address could use. */
  dropAddress(pcid: number, hi: number, lo: number, mode: PagingMode): void {
    const number = this.#numbers[pcid] as number;
    if (number === 0) return;
    for (const { level, base, entries } of this.areas) {
      const format = mode.formats[level];
      if (level > mode.levels || format === undefined) break;
      const keyLo =
        format.shift < 32
          ? (lo >>> format.shift) | (hi << (32 - format.shift))
          : hi >>> (format.shift - 32);
      const slot = (base + ((keyLo & (entries - 1)) << UPPER.shift)) >>> 2;
      this.#linear.int32[slot] = 0;
      this.#linear.int32[slot + 1] = 0;
    }
  }

  /** Drops the entries that lead to the table at host address `table`. */
  dropTable(table: number): void {
    const { int32 } = this.#linear;
    for (let slot = this.#base >>> 2; slot < (this.#base + this.#bytes) >>> 2; slot += 8) {
      if ((int32[slot + 4] as number) >>> 0 !== table) continue;
      int32[slot] = 0;
      int32[slot + 1] = 0;
    }
  }

  /** The live entries of all PCIDs, for a mode in force. */
  *entries(mode: PagingMode): Iterable<UpperEntry> {
    const { int32 } = this.#linear;
    const pcidOfNumber = new Map<number, number>();
    this.#numbers.forEach((number, pcid) => {
      if (number !== 0) pcidOfNumber.set(number, pcid);
    });
    for (const { level, base, entries } of this.areas) {
      const format = mode.formats[level];
      if (level > mode.levels || format === undefined) break;
      for (let slot = base >>> 2; slot < (base >>> 2) + entries * 8; slot += 8) {
        const hi = int32[slot + 1] as number;
        const pcid = pcidOfNumber.get(hi >>> (UPPER.numberShift - 32));
        if (pcid === undefined) continue;
        const key = wordOf(hi & 15, int32[slot] as number);
        const tableLo = int32[slot + 2] as number;
        yield {
          level,
          pcid,
          linear: toCanonical(key << BigInt(format.shift), mode.linearBits),
          table: numberOf(int32[slot + 3] as number, tableLo & ~7),
          rights: tableLo & 7,
        };
      }
    }
  }

  /** Gives the caches' memory back; they are of no use afterwards. */
  dispose(): void {
    this.#linear.release(this.#base, this.#bytes);
  }

  #wipe(): void {
    this.#linear.bytes.fill(0, this.#base, this.#base + this.#bytes);
    this.dropAll();
    this.#lastNumber = 0;
  }
}
