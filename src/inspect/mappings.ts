/**
 * All mappings of an address space in order of linear address: leaf by leaf, or merged to ranges.
 *
 * Tables may reference each other in any way, and lawful kernels use that: a shadow memory of
 * petabytes is a handful of tables, each referenced 512 times. So a table that looks the same
 * throughout is looked at once and then answered from memory, at every place where it hangs;
 * what remains to be done is in proportion to the tables and to the ranges that are found. Leaves
 * can be counted in the same way before anybody sets out to list 2^48 of them.
 */
import { toCanonical } from "../mmu/canonical.ts";
import { ENTRY_LO } from "../mmu/entry.ts";
import { TableMemo } from "./table-memo.ts";
import { INHERITED_MASK, LEAF, type Level, type TableReader } from "./table-reader.ts";

/** An entry that maps a page. */
export interface Leaf {
  readonly linear: bigint;
  readonly level: number;
  /** int32 halves of the raw entry. */
  readonly hi: number;
  readonly lo: number;
  readonly attributes: number;
}

/** [start, end) of linear addresses that are mapped alike: same rights, page size and type. */
export interface MappedRange {
  /** Counted in units of 4 KiB from 0, not canonical: see `linearOf`. */
  readonly startFrame: number;
  readonly endFrame: number;
  /** See `LEAF`; 0 where nothing is mapped. */
  readonly attributes: number;
}

/** The canonical linear address of a frame number. */
export function linearOf(frame: number, linearBits: number): bigint {
  return toCanonical(BigInt(frame) << 12n, linearBits);
}

/** The last byte before a frame, as a canonical linear address. */
export function lastByteBefore(frame: number, linearBits: number): bigint {
  return toCanonical((BigInt(frame) << 12n) - 1n, linearBits);
}

/**
 * Every leaf, in order of linear address. Tables that are not in memory are passed over, and so are
 * reserved bits: what a monitor lists. Count them first where the tables are not trusted.
 */
export function* leaves(reader: TableReader): Generator<Leaf> {
  const { top, allRights } = reader;
  if (top.level > 0) yield* leavesOf(reader, top.address, top.level, 0, allRights);
}

function* leavesOf(
  reader: TableReader,
  table: number,
  levelNumber: number,
  startFrame: number,
  inherited: number,
): Generator<Leaf> {
  const words = reader.read(table, levelNumber);
  if (words === undefined) return;
  const level = reader.levels[levelNumber] as Level;
  for (let index = 0; index < level.entries; index++) {
    const at = reader.lowIndex(index);
    const lo = words[at] as number;
    if (!(lo & ENTRY_LO.P)) continue;
    const hi = reader.high(words, at);
    const frame = startFrame + index * level.spanFrames;
    if (reader.isLeaf(lo, level)) {
      const attributes = reader.leafAttributes(inherited, hi, lo, level);
      const linear = linearOf(frame, reader.mode.linearBits);
      yield { linear, level: levelNumber, hi, lo, attributes };
    } else {
      const below = reader.inherit(inherited, hi, lo, level);
      yield* leavesOf(reader, reader.tableAddress(hi, lo), levelNumber - 1, frame, below);
    }
  }
}

/** What a listing of all leaves would find. */
export interface LeafCount {
  /**
   * Leaves by level; index 0 is unused. Exact: even five levels of full tables have no more
   * than 2^45.
   */
  readonly byLevel: readonly number[];
  /** References, in distinct tables, to tables that are not in memory. */
  readonly missingTables: number;
  /** Entries, in distinct tables, with a reserved bit set. */
  readonly reserved: number;
}

/** Counts without listing, each table being read once. */
export function countLeaves(reader: TableReader): LeafCount {
  const counter = new LeafCounter(reader);
  const { top } = reader;
  const byLevel = top.level === 0 ? [0] : counter.count(top.address, top.level);
  return { byLevel, missingTables: counter.missingTables, reserved: counter.reserved };
}

class LeafCounter {
  missingTables = 0;
  reserved = 0;
  readonly #reader: TableReader;
  readonly #known = new TableMemo<readonly number[]>();
  readonly #none: readonly number[];

  constructor(reader: TableReader) {
    this.#reader = reader;
    this.#none = reader.levels.map(() => 0);
  }

  count(table: number, levelNumber: number): readonly number[] {
    const seen = this.#known.get(table, levelNumber);
    if (seen) return seen;
    const words = this.#reader.read(table, levelNumber);
    if (words === undefined) {
      this.missingTables += 1;
      return this.#none;
    }
    const level = this.#reader.levels[levelNumber] as Level;
    const counts = [...this.#none];
    for (let index = 0; index < level.entries; index++) {
      const at = this.#reader.lowIndex(index);
      const lo = words[at] as number;
      if (!(lo & ENTRY_LO.P)) continue;
      const hi = this.#reader.high(words, at);
      if (this.#reader.hasReserved(hi, lo, level)) this.reserved += 1;
      if (this.#reader.isLeaf(lo, level)) counts[levelNumber] = (counts[levelNumber] ?? 0) + 1;
      else {
        const below = this.count(this.#reader.tableAddress(hi, lo), levelNumber - 1);
        for (let i = 1; i < levelNumber; i++) counts[i] = (counts[i] ?? 0) + (below[i] ?? 0);
      }
    }
    return this.#known.set(table, levelNumber, counts);
  }
}

/**
 * Neighbouring leaves of the same attributes, merged; with the holes between them (attributes 0),
 * from the first linear address to the last. A range does not reach across the middle of the
 * canonical space, where the upper half begins.
 */
export function* mappedRanges(reader: TableReader): Generator<MappedRange> {
  const middle = reader.mode.linearBits === 32 ? -1 : 2 ** (reader.mode.linearBits - 13);
  let open: { startFrame: number; endFrame: number; attributes: number } | undefined;
  for (const range of new RangeFinder(reader).ranges()) {
    if (
      open &&
      open.attributes === range.attributes &&
      open.endFrame === range.startFrame &&
      range.startFrame !== middle
    ) {
      open.endFrame = range.endFrame;
      continue;
    }
    if (open) yield open;
    open = { ...range };
  }
  if (open) yield open;
}

const NOTHING = 0;
const MIXED = -1;

class RangeFinder {
  readonly #reader: TableReader;
  /** By table, level and what the table inherits: its attributes if they are uniform, or MIXED. */
  readonly #known = new TableMemo<number>();

  constructor(reader: TableReader) {
    this.#reader = reader;
  }

  *ranges(): Generator<MappedRange> {
    const { top, allRights } = this.#reader;
    if (top.level > 0) yield* this.#rangesOf(top.address, top.level, 0, allRights);
  }

  *#rangesOf(
    table: number,
    levelNumber: number,
    startFrame: number,
    inherited: number,
  ): Generator<MappedRange> {
    const level = this.#reader.levels[levelNumber] as Level;
    const words = this.#reader.read(table, levelNumber);
    for (let index = 0; index < level.entries; index++) {
      const frame = startFrame + index * level.spanFrames;
      const at = this.#reader.lowIndex(index);
      const lo = words?.[at] ?? 0;
      const hi = words ? this.#reader.high(words, at) : 0;
      const attributes = words ? this.#ofEntry(hi, lo, level, inherited) : missing(levelNumber);
      if (attributes !== MIXED) {
        yield { startFrame: frame, endFrame: frame + level.spanFrames, attributes };
      } else {
        const below = this.#reader.inherit(inherited, hi, lo, level);
        yield* this.#rangesOf(this.#reader.tableAddress(hi, lo), levelNumber - 1, frame, below);
      }
    }
  }

  /** The attributes of all that an entry maps, NOTHING, or MIXED. */
  #ofEntry(hi: number, lo: number, level: Level, inherited: number): number {
    const reader = this.#reader;
    if (!(lo & ENTRY_LO.P)) return NOTHING;
    if (reader.isLeaf(lo, level)) return reader.leafAttributes(inherited, hi, lo, level);
    const below = reader.inherit(inherited, hi, lo, level);
    return this.#ofTable(reader.tableAddress(hi, lo), level.level - 1, below);
  }

  #ofTable(table: number, levelNumber: number, inherited: number): number {
    const seen = this.#known.get(table, levelNumber, compact(inherited));
    if (seen !== undefined) return seen;
    const level = this.#reader.levels[levelNumber] as Level;
    const words = this.#reader.read(table, levelNumber);
    if (words === undefined) return missing(levelNumber);
    let uniform = NOTHING;
    for (let index = 0; index < level.entries; index++) {
      const at = this.#reader.lowIndex(index);
      const hi = this.#reader.high(words, at);
      const attributes = this.#ofEntry(hi, words[at] as number, level, inherited);
      if (index === 0) uniform = attributes;
      else if (attributes !== uniform) uniform = MIXED;
      if (uniform === MIXED) break;
    }
    return this.#known.set(table, levelNumber, uniform, compact(inherited));
  }
}

function missing(level: number): number {
  return LEAF.MISSING | (level << LEAF.LEVEL_SHIFT);
}

/** The four inherited bits, next to each other. */
function compact(inherited: number): number {
  return (inherited & 7) | (inherited & INHERITED_MASK & LEAF.RESERVED ? 8 : 0);
}
