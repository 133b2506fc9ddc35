/**
 * Reading and writing page-table entries in physical memory: the kernel's own way, without the
 * hardware walk, so that the two readings of a table check each other.
 *
 * A table is its physical address. Tables are touched through the host address of their page, so
 * an entry costs two int32 loads; a table that somebody watches takes the memory's slow path.
 */
import type { EntryChange, PageTableObserver } from "../check/view.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import { WordRuns } from "../memory/word-runs.ts";
import { entryAddress, isLeafEntry, PRESENT } from "./flags.ts";
import { ENTRIES, PAGE_BYTES } from "./layout.ts";

export class PageTables {
  readonly memory: PhysicalMemory;
  readonly #int32: Int32Array;
  readonly #runs: WordRuns;
  readonly #observers = new Set<PageTableObserver>();
  /** Writes of entries so far by level, upper halves of tables alone. */
  readonly #upperHalfWrites = new Uint32Array(6);

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
    this.#int32 = memory.linear.int32;
    this.#runs = new WordRuns(memory);
  }

  /** @returns ends the subscription */
  subscribe(observer: PageTableObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Tells every observer. */
  tell(what: (observer: PageTableObserver) => void): void {
    for (const observer of this.#observers) what(observer);
  }

  lo(table: number, index: number): number {
    return this.memory.readInt32(table + index * 8);
  }

  hi(table: number, index: number): number {
    return this.memory.readInt32(table + index * 8 + 4);
  }

  /** pXd_none(): the entry is zero. */
  isNone(table: number, index: number): boolean {
    return this.lo(table, index) === 0 && this.hi(table, index) === 0;
  }

  isPresent(table: number, index: number): boolean {
    return (this.lo(table, index) & PRESENT) !== 0;
  }

  isLeaf(table: number, index: number, level: number): boolean {
    return isLeafEntry(this.lo(table, index), level);
  }

  /** The physical address in the entry: of the next table, or of the page. */
  target(table: number, index: number): number {
    return entryAddress(this.hi(table, index), this.lo(table, index));
  }

  /** The entry as a 64-bit word, for messages. */
  word(table: number, index: number): bigint {
    return this.memory.read64(table + index * 8);
  }

  /**
   * A number that changes with every entry of this level that is written in the upper half of a
   * table, which for top tables is the kernel's.
   */
  upperHalfVersion(level: number): number {
    return this.#upperHalfWrites[level] as number;
  }

  /** Writes an entry and tells the observers. */
  set(table: number, index: number, level: number, hi: number, lo: number): void {
    const at = table + index * 8;
    if (index >= ENTRIES / 2)
      this.#upperHalfWrites[level] = (this.#upperHalfWrites[level] as number) + 1;
    if (this.#observers.size === 0) {
      this.memory.writePair(at, hi, lo);
      return;
    }
    const oldLo = this.memory.readInt32(at);
    const oldHi = this.memory.readInt32(at + 4);
    this.memory.writePair(at, hi, lo);
    const change: EntryChange = { table, index, level, oldHi, oldLo, newHi: hi, newLo: lo };
    this.tell((observer) => observer.entryChanged?.(change));
  }

  /** Writes an entry that leads to `physical`, with these flags. */
  setTarget(
    table: number,
    index: number,
    level: number,
    physical: number,
    flags: { hi: number; lo: number },
  ): void {
    const hi = (physical / 4294967296) | 0 | flags.hi;
    this.set(table, index, level, hi, physical | 0 | flags.lo);
  }

  clear(table: number, index: number, level: number): void {
    this.set(table, index, level, 0, 0);
  }

  /**
   * Whether all 512 entries are zero.
   * @param from the entry that is looked at first: where a range was just cleared, the one after
   *   it, which most probably is not zero
   */
  isEmpty(table: number, from = 0): boolean {
    return this.isNone(table, from & (ENTRIES - 1)) && this.#runs.isZero(table, ENTRIES);
  }

  /**
   * Writes `count` leaves that own no frame, for physically contiguous pages of `stepBytes`, into
   * entries that are empty or hold such leaves. Observers are not told.
   * @returns how many of the entries were empty before
   */
  fillLeaves(
    table: number,
    first: number,
    count: number,
    physical: number,
    stepBytes: number,
    flags: { hi: number; lo: number },
  ): number {
    const hi = (physical / 4294967296) | 0 | flags.hi;
    return this.#runs.fillZeros(table + first * 8, count, hi, physical | 0 | flags.lo, stepBytes);
  }

  /**
   * Empties `count` entries that are leaves owning no frame. Observers are not told.
   * @returns how many of them were present
   */
  clearLeaves(table: number, first: number, count: number): number {
    return this.#runs.clear(table + first * 8, count);
  }

  /**
   * The first of `count` present entries whose value, added to the address that it translates, is
   * less than 1 GiB in 64 bits, as its distance from `first`; -1 if there is none.
   * @param address what the first entry translates
   */
  firstLowSum(table: number, first: number, count: number, address: bigint): number {
    const words = this.#int32;
    const host = this.memory.hostForRead(table);
    const addressHi = Number(BigInt.asIntN(32, address >> 32n));
    const addressLo = Number(BigInt.asUintN(32, address));
    for (let i = 0; i < count; i++) {
      const word = (host >>> 2) + (first + i) * 2;
      const lo = host === 0 ? this.lo(table, first + i) : (words[word] as number);
      const hi = host === 0 ? this.hi(table, first + i) : (words[word + 1] as number);
      const sum = (lo >>> 0) + addressLo + i * PAGE_BYTES;
      const sumHi = (hi + addressHi + Math.floor(sum / 4294967296)) | 0;
      if (lo & PRESENT && sumHi === 0 && sum % 4294967296 < 0x40000000) return i;
    }
    return -1;
  }

  /** Zeroes the frame of a new table. */
  zero(table: number): void {
    this.memory.fill(table, PAGE_BYTES, 0);
  }
}
