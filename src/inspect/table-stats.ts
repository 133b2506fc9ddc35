/**
 * What an address space's tables look like: how many, how full, and what is suspicious about them.
 * Each table is looked at once for each level that it is used at.
 */
import { wordOf } from "../base/word64.ts";
import { ENTRY_LO } from "../mmu/entry.ts";
import { linearOf } from "./mappings.ts";
import { TableMemo } from "./table-memo.ts";
import type { Level, TableReader } from "./table-reader.ts";

/** How many tables have how many entries present. */
export const FILL_CLASSES = [
  { name: "empty", upTo: 0 },
  { name: "1-8", upTo: 8 },
  { name: "9-64", upTo: 64 },
  { name: "65-256", upTo: 256 },
  { name: "257-511", upTo: 511 },
  { name: "more", upTo: 1023 },
  { name: "full", upTo: Number.POSITIVE_INFINITY },
] as const;

export interface LevelStats {
  readonly level: number;
  /** The name of an entry: `PTE` .. `PML5E`. */
  readonly name: string;
  readonly entriesPerTable: number;
  tables: number;
  presentEntries: number;
  /** Entries that map a page, each counted once however often its table is referenced. */
  leaves: number;
  accessed: number;
  dirty: number;
  /** By `FILL_CLASSES`. */
  readonly fill: number[];
}

/** Something suspicious at one place. */
export interface Suspicion {
  readonly kind: SuspicionKind;
  /** The first linear address where it shows. */
  readonly linear: bigint;
  readonly level: number;
  /** Where the entry lies; -1 for a PDPTE register. */
  readonly entryAddress: number;
  readonly entry: bigint;
  /** The table that the entry references, or the page that it maps. */
  readonly target: number;
}

export type SuspicionKind =
  /** A present entry with a reserved bit set. */
  | "reserved-bits"
  /** An entry references a table that is not in memory. */
  | "missing-table"
  /** An entry references a table that another entry of its level references too. */
  | "shared-table"
  /** An entry references the table that it lies in. */
  | "self-reference"
  /** An entry references a frame that is, so far, used as a table of another level. */
  | "two-levels";

/** For each kind, how many there are, and the first ones. */
export interface Suspicions {
  readonly count: number;
  readonly first: readonly Suspicion[];
}

export interface TableStats {
  /** By level, 1 first. */
  readonly levels: readonly LevelStats[];
  /** Frames that hold tables, a frame counted once whatever its levels. */
  readonly tableFrames: number;
  readonly suspicions: Readonly<Record<SuspicionKind, Suspicions>>;
}

const KEPT = 8;

/** @throws FormatError where there are more tables than `MAX_TABLES` */
export function tableStats(reader: TableReader): TableStats {
  const collector = new Collector(reader);
  if (reader.top.level > 0) collector.visit(reader.top.address, reader.top.level, 0);
  return collector.result();
}

class Collector {
  readonly #reader: TableReader;
  readonly #visited = new TableMemo<true>();
  /** The levels at which a frame is used, a bit each. */
  readonly #levelsOf = new Map<number, number>();
  readonly #levels: LevelStats[];
  readonly #found = {
    "reserved-bits": new Finding(),
    "missing-table": new Finding(),
    "self-reference": new Finding(),
    "shared-table": new Finding(),
    "two-levels": new Finding(),
  } satisfies Record<SuspicionKind, Finding>;

  constructor(reader: TableReader) {
    this.#reader = reader;
    this.#levels = reader.levels.slice(1).map(({ level, format, entries }) => ({
      level,
      name: format.name,
      entriesPerTable: entries,
      tables: 0,
      presentEntries: 0,
      leaves: 0,
      accessed: 0,
      dirty: 0,
      fill: FILL_CLASSES.map(() => 0),
    }));
  }

  result(): TableStats {
    return {
      levels: this.#levels,
      tableFrames: this.#levelsOf.size,
      suspicions: this.#found,
    };
  }

  /** @param startFrame what the table maps begins at this 4-KiB unit of the linear address space */
  visit(table: number, levelNumber: number, startFrame: number): void {
    const reader = this.#reader;
    this.#visited.set(table, levelNumber, true);
    const words = reader.read(table, levelNumber);
    if (words === undefined) return;
    this.#levelsOf.set(table, (this.#levelsOf.get(table) ?? 0) | (1 << levelNumber));
    const level = reader.levels[levelNumber] as Level;
    const stats = this.#levels[levelNumber - 1] as LevelStats;
    let present = 0;
    for (let index = 0; index < level.entries; index++) {
      const at = reader.lowIndex(index);
      const lo = words[at] as number;
      if (!(lo & ENTRY_LO.P)) continue;
      present += 1;
      const frame = startFrame + index * level.spanFrames;
      this.#entry(table, index, reader.high(words, at), lo, level, stats, frame);
    }
    stats.tables += 1;
    stats.presentEntries += present;
    const fill = present === level.entries ? FILL_CLASSES.length - 1 : fillClass(present);
    stats.fill[fill] = (stats.fill[fill] ?? 0) + 1;
  }

  #entry(
    table: number,
    index: number,
    hi: number,
    lo: number,
    level: Level,
    stats: LevelStats,
    frame: number,
  ): void {
    const reader = this.#reader;
    const leaf = reader.isLeaf(lo, level);
    const target = leaf ? reader.pageAddress(hi, lo, level) : reader.tableAddress(hi, lo);
    const report = (kind: SuspicionKind) =>
      this.#found[kind].add(() => ({
        kind,
        linear: linearOf(frame, reader.mode.linearBits),
        level: level.level,
        entryAddress: reader.entryAddress(table, index, level.level),
        entry: wordOf(hi, lo),
        target,
      }));
    if (lo & ENTRY_LO.A) stats.accessed += 1;
    if (reader.hasReserved(hi, lo, level)) report("reserved-bits");
    if (leaf) {
      stats.leaves += 1;
      if (lo & ENTRY_LO.D) stats.dirty += 1;
      return;
    }
    const below = level.level - 1;
    if (!reader.isPresent(target)) report("missing-table");
    else if (target === table) report("self-reference");
    else if (this.#visited.get(target, below)) report("shared-table");
    else if ((this.#levelsOf.get(target) ?? 0) & ~(1 << below)) report("two-levels");
    if (reader.isPresent(target) && !this.#visited.get(target, below)) {
      this.visit(target, below, frame);
    }
  }
}

function fillClass(present: number): number {
  return FILL_CLASSES.findIndex(({ upTo }) => present <= upTo);
}

class Finding implements Suspicions {
  count = 0;
  readonly first: Suspicion[] = [];

  add(make: () => Suspicion): void {
    this.count += 1;
    if (this.first.length < KEPT) this.first.push(make());
  }
}
