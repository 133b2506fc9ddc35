/**
 * What a processor may answer, by the manual's rules for caching translations (SDM 3A, "Caching
 * Translation Information"), as a set.
 *
 * The oracle keeps everything that *might* be cached: each translation and each upper entry that
 * some walk so far could have used, until an event that the rules name has dropped it. An access
 * may then be answered by any such translation, or by a walk that begins at the top or behind any
 * such upper entry. Walks are done by the reference walk over a copy of the tables.
 */

import { KIND_MASK, WRITE } from "../../../src/mmu/access.ts";
import type { PagingRegisters } from "../../../src/mmu/control-bits.ts";
import { pageFault } from "../../../src/mmu/fault.ts";
import type { PagingMode } from "../../../src/mmu/paging-mode.ts";
import { judge, reportsFetch, rightsTest } from "../../../src/mmu/rights.ts";
import { type EntryMemory, type WalkResult, type WalkStart, walk } from "../../../src/mmu/walk.ts";

/** One lawful answer. */
export interface Outcome {
  readonly fault: number;
  readonly physical: number;
  /** Writes to tables that come with it: entry address and the entry's new low half. */
  readonly writes: ReadonlyMap<number, number>;
  /** The walk that gave it; none if a cached translation did. */
  readonly walk: WalkResult | undefined;
}

interface Cached {
  readonly pcid: number;
  readonly global: boolean;
  readonly base: bigint;
  readonly pageBytes: number;
  readonly physical: number;
  readonly rights: number;
  readonly key: number;
  readonly dirty: boolean;
}

interface Upper {
  readonly pcid: number;
  readonly level: number;
  readonly shift: number;
  readonly prefix: bigint;
  readonly table: number;
  readonly rights: number;
}

const NO_WRITES: ReadonlyMap<number, number> = new Map();

export class Oracle {
  /** False for the never-caching TLB: then every set of answers has one element. */
  readonly #mayCache: boolean;
  readonly #memory: EntryMemory;
  #cached = new Map<string, Cached>();
  #upper = new Map<string, Upper>();

  constructor(memory: EntryMemory, mayCache: boolean) {
    this.#memory = memory;
    this.#mayCache = mayCache;
  }

  /** All lawful answers to this access. */
  answers(
    mode: PagingMode,
    registers: PagingRegisters,
    pcid: number,
    linear: bigint,
    access: number,
  ): Outcome[] {
    const outcomes = this.hits(mode, registers, pcid, linear, access);
    for (const start of [undefined, ...this.#starts(pcid, linear)]) {
      outcomes.push(this.#walked(mode, registers, linear, access, start));
    }
    return outcomes;
  }

  /** The answers that need no walk. */
  hits(
    mode: PagingMode,
    registers: PagingRegisters,
    pcid: number,
    linear: bigint,
    access: number,
  ): Outcome[] {
    const found: Outcome[] = [];
    for (const entry of this.#cached.values()) {
      if (!holds(entry, linear) || !(entry.global || entry.pcid === pcid)) continue;
      const cause = judge(rightsTest(registers, mode, access), entry.rights, entry.key);
      const fault = cause < 0 ? 0 : pageFault(access, cause, reportsFetch(registers, mode));
      if (fault === 0 && (access & KIND_MASK) === WRITE && !entry.dirty) continue;
      const physical = entry.physical + Number(linear - entry.base);
      found.push({ fault, physical, writes: NO_WRITES, walk: undefined });
    }
    return found;
  }

  /** A walk gave this answer: what it read may be cached from now on. */
  remember(mode: PagingMode, pcid: number, linear: bigint, found: WalkResult): void {
    if (!this.#mayCache || found.fault !== 0) return;
    const offset = linear & BigInt(found.pageBytes - 1);
    const entry: Cached = {
      pcid,
      global: found.global,
      base: linear - offset,
      pageBytes: found.pageBytes,
      physical: found.physical - Number(offset),
      rights: found.rights,
      key: found.protectionKey,
      dirty: found.dirty,
    };
    this.#cached.set(Object.values(entry).join(), entry);
    for (const step of found.steps) {
      if (step.leaf || step.entryAddress < 0) continue;
      const shift = mode.formats[step.level]?.shift ?? 0;
      const upper: Upper = {
        pcid,
        level: step.level,
        shift,
        prefix: linear >> BigInt(shift),
        table: step.address,
        rights: step.rights,
      };
      this.#upper.set(Object.values(upper).join(), upper);
    }
  }

  // --- Events that drop ------------------------------------------------------------------------

  /** "Page-Fault Exceptions": the address's entries in the current PCID, and global ones. */
  pageFaulted(pcid: number, linear: bigint): void {
    this.#dropCached((e) => holds(e, linear) && (e.global || e.pcid === pcid));
    this.#dropUpper((u) => u.pcid === pcid && u.prefix === linear >> BigInt(u.shift));
  }

  invlpg(pcid: number, linear: bigint): void {
    this.#dropCached((e) => holds(e, linear) && (e.global || e.pcid === pcid));
    this.#dropUpper((u) => u.pcid === pcid);
  }

  invpcid(type: number, pcid: number, linear: bigint): void {
    if (type === 0) {
      this.#dropCached((e) => holds(e, linear) && !e.global && e.pcid === pcid);
      // The manual drops what the address would use; a machine may drop all of the PCID's.
      this.#dropUpper((u) => u.pcid === pcid && u.prefix === linear >> BigInt(u.shift));
    } else if (type === 1) this.dropPcid(pcid);
    else this.dropAll(type === 2);
  }

  dropPcid(pcid: number): void {
    this.#dropCached((e) => !e.global && e.pcid === pcid);
    this.#dropUpper((u) => u.pcid === pcid);
  }

  dropAll(globals: boolean): void {
    this.#dropCached((e) => globals || !e.global);
    this.#dropUpper(() => true);
  }

  /** How many answers beyond the walk from the top are possible at most: for statistics. */
  get size(): number {
    return this.#cached.size + this.#upper.size;
  }

  #dropCached(goes: (entry: Cached) => boolean): void {
    for (const [name, entry] of this.#cached) if (goes(entry)) this.#cached.delete(name);
  }

  #dropUpper(goes: (entry: Upper) => boolean): void {
    for (const [name, entry] of this.#upper) if (goes(entry)) this.#upper.delete(name);
  }

  #starts(pcid: number, linear: bigint): WalkStart[] {
    const starts: WalkStart[] = [];
    for (const { pcid: own, level, shift, prefix, table, rights } of this.#upper.values()) {
      if (own !== pcid || prefix !== linear >> BigInt(shift)) continue;
      starts.push({ level: level - 1, table, rights });
    }
    return starts;
  }

  #walked(
    mode: PagingMode,
    registers: PagingRegisters,
    linear: bigint,
    access: number,
    start: WalkStart | undefined,
  ): Outcome {
    const writes = new Map<number, number>();
    const memory: EntryMemory = {
      read32: (at) => writes.get(at) ?? this.#memory.read32(at),
      read64: (at) => this.#memory.read64(at),
      isPresent: (at) => this.#memory.isPresent(at),
      // Writes to absent memory are lost.
      write32: (at, value) => this.#memory.isPresent(at) && writes.set(at, value >>> 0),
    };
    const found = walk(memory, mode, registers, linear, access, { setAccessedDirty: true, start });
    return { fault: found.fault, physical: found.physical, writes, walk: found };
  }
}

function holds({ base, pageBytes }: Cached, linear: bigint): boolean {
  return linear >= base && linear < base + BigInt(pageBytes);
}
