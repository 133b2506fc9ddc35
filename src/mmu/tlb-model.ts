/**
 * The architectural TLB: which translations a processor keeps, and for how long. This is the seam
 * for experiments; three models ship (set-associative-tlb.ts, lazy-tlb.ts, no-tlb.ts).
 *
 * The `Mmu` decides *when* something must go (SDM 3A, "Invalidation of TLBs and Paging-Structure
 * Caches"), the model decides *what else* it keeps. A model may always forget; it must never
 * keep what it is told to drop, and never invent. It holds physical addresses only.
 */
import type { WalkStart } from "./walk.ts";

/** One cached translation. Models own their entries: `insert` copies. */
export interface TlbEntry {
  /** The first linear address of the page, as two int32. */
  hi: number;
  lo: number;
  /** 4096, 2 or 4 MiB, or 1 GiB. */
  pageBytes: number;
  pcid: number;
  global: boolean;
  /** Physical address of the page. */
  physical: number;
  /** Rights gathered over the whole walk (RIGHT). */
  rights: number;
  protectionKey: number;
  /** Whether the leaf's D bit was set, so that a write need not walk again. */
  dirty: boolean;
  /** PAT, PCD and PWT of the leaf as an index into IA32_PAT. */
  patIndex: number;
  /**
   * Bits of the leaf that processors ignore, for experiments that put them to use: bits 11:9 in
   * 2:0, and in 4- and 5-level paging bits 58:52 in 9:3.
   */
  ignored: number;
}

/** A model's own paging-structure caches. */
export interface UpperModel {
  /** The lowest level at which a walk for this address may begin. */
  lookup(pcid: number, linear: bigint): WalkStart | undefined;
  /**
   * An entry of `level` (2..5) that was present, lawful and accessed led to `table`.
   * @param linear an address that it translates
   * @param shift the lowest bit of the linear address that indexes the entry's table
   */
  insert(
    pcid: number,
    level: number,
    shift: number,
    linear: bigint,
    table: number,
    rights: number,
  ): void;
  /** Drops what a walk for this address could use: after a page fault, in the current PCID. */
  dropAddress(pcid: number, linear: bigint): void;
  dropPcid(pcid: number): void;
  dropAll(): void;
  entries(): Iterable<{
    readonly level: number;
    readonly pcid: number;
    readonly linear: bigint;
    readonly table: number;
    readonly rights: number;
  }>;
}

export interface TlbModel {
  /** For messages and statistics. */
  readonly name: string;
  /**
   * What happens when a cached translation denies an access: walk again (true), because the rights
   * in memory may have been raised, or fault at once (false). The manual allows both.
   */
  readonly rewalksOnDenial: boolean;
  /** Whether a derived table of host addresses may stand in front of this model. */
  readonly allowsFastTable: boolean;
  /**
   * The paging-structure caches: the generated walk's own, none, or the model's.
   */
  readonly upper: "generated" | "none" | UpperModel;
  /** Called by the owner: to be told of every entry that the model gives up by itself. */
  onEvict: ((entry: Readonly<TlbEntry>) => void) | undefined;
  /** The translation for the page that holds this address, in `pcid` or global. */
  lookup(pcid: number, hi: number, lo: number): TlbEntry | undefined;
  /** Keeps a translation, replacing one for the same page. */
  insert(entry: Readonly<TlbEntry>): void;
  /**
   * Drops every translation whose page holds this address: those of `pcid`, and the global ones
   * too if `globals`.
   * @returns the size of the largest page dropped, 0 if there was none
   */
  dropPage(pcid: number, hi: number, lo: number, globals: boolean): number;
  /** Drops all translations of `pcid` but the global ones. */
  dropPcid(pcid: number): void;
  /** Drops the translations of all PCIDs, and the global ones if `globals`. */
  dropAll(globals: boolean): void;
  /** What is cached now. */
  entries(): Iterable<Readonly<TlbEntry>>;
}

export function copyEntry(to: TlbEntry, from: Readonly<TlbEntry>): void {
  to.hi = from.hi;
  to.lo = from.lo;
  to.pageBytes = from.pageBytes;
  to.pcid = from.pcid;
  to.global = from.global;
  to.physical = from.physical;
  to.rights = from.rights;
  to.protectionKey = from.protectionKey;
  to.dirty = from.dirty;
  to.patIndex = from.patIndex;
  to.ignored = from.ignored;
}

export function emptyEntry(): TlbEntry {
  return {
    hi: 0,
    lo: 0,
    pageBytes: 0,
    pcid: 0,
    global: false,
    physical: 0,
    rights: 0,
    protectionKey: 0,
    dirty: false,
    patIndex: 0,
    ignored: 0,
  };
}

/** Whether the entry's page holds the linear address. */
export function covers(entry: Readonly<TlbEntry>, hi: number, lo: number): boolean {
  return entry.hi === hi && entry.lo === (lo & -entry.pageBytes);
}
