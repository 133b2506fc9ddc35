/**
 * Reads paging structures a table at a time, and says what their entries mean in two int32: fast
 * enough to go through all tables of a large dump, from the same formats that the walk uses. One
 * pass at a time: a level's buffer is used again.
 */
import { hiOf, loOf, numberOf, wordOf } from "../base/word64.ts";
import type { PagingRegisters } from "../mmu/control-bits.ts";
import { addressOf, ENTRY_HI, ENTRY_LO } from "../mmu/entry.ts";
import type { LevelFormat, PagingMode } from "../mmu/paging-mode.ts";
import { ALL_RIGHTS, RIGHT } from "../mmu/rights.ts";

/** Memory that tables lie in: a `PhysicalMemory`, or a `CoreFile`. */
export interface TableMemory {
  isPresent(physical: number): boolean;
  readBytes(physical: number, into: Uint8Array): void;
}

/** A mask or an entry in halves. */
interface Pair {
  readonly hi: number;
  readonly lo: number;
}

/** One level's format in halves. */
export interface Level {
  readonly level: number;
  readonly format: LevelFormat;
  readonly entries: number;
  /** What one entry spans, in units of 4 KiB: linear addresses are counted so, to stay exact. */
  readonly spanFrames: number;
  readonly reserved: Pair;
  readonly reservedLarge: Pair;
}

/** The top of the tree. */
export interface TopTable {
  readonly level: number;
  readonly address: number;
}

/**
 * What a leaf gives, in one int32, so that neighbours are compared at once. Rights are those of the
 * whole walk; the rest is the leaf's own. Never 0.
 */
export const LEAF = {
  NO_EXECUTE: RIGHT.NO_EXECUTE,
  WRITE: RIGHT.WRITE,
  USER: RIGHT.USER,
  PWT: 1 << 3,
  PCD: 1 << 4,
  PAT: 1 << 5,
  GLOBAL: 1 << 6,
  /** A reserved bit is set in the leaf or above it: every access faults. */
  RESERVED: 1 << 7,
  LEVEL_SHIFT: 8,
  LEVEL_MASK: 7 << 8,
  /** No leaf: the table that would say more is not in memory. */
  MISSING: 1 << 11,
  KEY_SHIFT: 12,
} as const;

/** What is inherited from level to level: rights, and whether a reserved bit was set. */
export const INHERITED_MASK = LEAF.NO_EXECUTE | LEAF.WRITE | LEAF.USER | LEAF.RESERVED;

export class TableReader {
  readonly mode: PagingMode;
  readonly top: TopTable;
  /** By level; index 0 is unused. */
  readonly levels: readonly Level[];
  /** How many tables were read, one counted as often as it was read. */
  tablesRead = 0;
  /** Called after every 4,096th table. */
  onProgress: ((tablesRead: number) => void) | undefined;
  readonly #memory: TableMemory;
  readonly #pdptes: readonly bigint[];
  readonly #address: Pair;
  readonly #bytes: readonly Uint8Array[];
  readonly #words: readonly Int32Array[];

  constructor(memory: TableMemory, mode: PagingMode, registers: PagingRegisters) {
    this.#memory = memory;
    this.mode = mode;
    this.#pdptes = registers.pdptes;
    this.#address = pairOf(mode.address);
    this.top = { level: mode.levels, address: Number(registers.cr3 & mode.rootAddress) };
    this.levels = mode.formats.map((format) => levelOf(format));
    // A buffer for each level: a table that references itself is read at several.
    this.#words = this.levels.map(() => new Int32Array(1024));
    this.#bytes = this.#words.map((words) => new Uint8Array(words.buffer));
  }

  /** What is inherited at the top: no right denied yet. */
  get allRights(): number {
    return ALL_RIGHTS;
  }

  isPresent(table: number): boolean {
    return this.#memory.isPresent(table);
  }

  /**
   * Reads the table into its level's buffer: entry i is at words 2i (low half) and 2i + 1, or at
   * word i in 32-bit paging. Valid until the next table of this level is read.
   * @returns undefined if the table's frame is not in memory
   */
  read(table: number, level: number): Int32Array | undefined {
    const words = this.#words[level] as Int32Array;
    if (this.mode.kind === "pae" && level === 3) {
      this.#pdptes.forEach((entry, i) => {
        words[2 * i] = loOf(entry);
        words[2 * i + 1] = hiOf(entry);
      });
      return words;
    }
    if (!this.#memory.isPresent(table)) return undefined;
    this.#memory.readBytes(table, this.#bytes[level] as Uint8Array);
    this.tablesRead += 1;
    if (this.onProgress && this.tablesRead % 4096 === 0) this.onProgress(this.tablesRead);
    return words;
  }

  /** Where an entry lies; -1 for a PDPTE register. */
  entryAddress(table: number, index: number, level: number): number {
    const register = this.mode.kind === "pae" && level === 3;
    return register ? -1 : table + index * this.mode.entryBytes;
  }

  /** Index of the low half of entry `index`; the high half follows (there is none in 32-bit paging). */
  lowIndex(index: number): number {
    return this.mode.entryBytes === 8 ? 2 * index : index;
  }

  /** The upper half of the entry whose low half is at `at`. */
  high(words: Int32Array, at: number): number {
    return this.mode.entryBytes === 8 ? (words[at + 1] as number) : 0;
  }

  isLeaf(lo: number, { level, format }: Level): boolean {
    return level === 1 || (format.mayBeLarge && (lo & ENTRY_LO.PS) !== 0);
  }

  hasReserved(hi: number, lo: number, level: Level): boolean {
    const large = level.level > 1 && this.isLeaf(lo, level);
    const mask = large ? level.reservedLarge : level.reserved;
    return ((hi & mask.hi) | (lo & mask.lo)) !== 0;
  }

  /** Where an entry that is no leaf leads. */
  tableAddress(hi: number, lo: number): number {
    return numberOf(hi & this.#address.hi, lo & this.#address.lo);
  }

  /** The first byte of the page that a leaf maps. */
  pageAddress(hi: number, lo: number, { level, format }: Level): number {
    if (level === 1) return this.tableAddress(hi, lo);
    return addressOf(wordOf(hi, lo), format, this.mode);
  }

  /** What the levels below inherit from an entry, with what it inherited itself. */
  inherit(inherited: number, hi: number, lo: number, level: Level): number {
    const reserved = this.hasReserved(hi, lo, level) ? LEAF.RESERVED : 0;
    if (this.mode.kind === "pae" && level.level === 3) return inherited | reserved;
    const denied = this.mode.executeDisable && hi & ENTRY_HI.XD ? LEAF.NO_EXECUTE : 0;
    const kept = inherited & (lo | ~(LEAF.WRITE | LEAF.USER));
    return kept | denied | reserved;
  }

  /** A leaf's attributes, see `LEAF`. */
  leafAttributes(inherited: number, hi: number, lo: number, level: Level): number {
    const pat = level.level === 1 ? ENTRY_LO.PAT_4K : ENTRY_LO.PAT_LARGE;
    const global = this.mode.global && lo & ENTRY_LO.G ? LEAF.GLOBAL : 0;
    const key = this.mode.levels >= 4 ? (hi >>> ENTRY_HI.KEY_SHIFT) & 15 : 0;
    return (
      this.inherit(inherited, hi, lo, level) |
      (lo & (LEAF.PWT | LEAF.PCD)) |
      (lo & pat ? LEAF.PAT : 0) |
      global |
      (level.level << LEAF.LEVEL_SHIFT) |
      (key << LEAF.KEY_SHIFT)
    );
  }
}

function levelOf(format: LevelFormat): Level {
  return {
    level: format.level,
    format,
    entries: 2 ** format.indexBits,
    spanFrames: 2 ** (format.shift - 12),
    reserved: pairOf(format.reserved),
    reservedLarge: pairOf(format.reservedLarge),
  };
}

function pairOf(mask: bigint): Pair {
  return { hi: hiOf(mask), lo: loOf(mask) };
}
