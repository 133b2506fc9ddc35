/** What an `Mmu` has counted. */
import { numberOf } from "../base/word64.ts";
import { faultErrorCode, faultVector, PF_ERROR, VECTOR_PF } from "./fault.ts";
import { STATE } from "./mmu-state.ts";

/** Faults by what caused them. */
export interface FaultCounts {
  nonCanonical: number;
  notPresent: number;
  reserved: number;
  protection: number;
  protectionKey: number;
}

export interface MmuStatistics {
  readonly walks: number;
  /** Entries read by walks, by level 1..5; index 0 is unused. */
  readonly entriesRead: readonly number[];
  /** Walks that a paging-structure cache let begin below an entry of this level (2..5). */
  readonly upperHits: readonly number[];
  /** Walks that found none and began at the top. */
  readonly upperMisses: number;
  /**
   * Walks that found no paging-structure-cache entry of this level (2..5), nor one below it. The
   * lowest level is looked up first, so a hit of a higher level is a miss of those below.
   */
  readonly upperMissesByLevel: readonly number[];
  /** Hits of the architectural TLB by page size in bytes. Hits of the fast table are not seen. */
  readonly tlbHits: ReadonlyMap<number, number>;
  /**
   * Accesses to pages that it did not have. Walks are more: a write through an entry whose D bit is
   * clear walks again, and so does what an entry denies, if the model says so.
   */
  readonly tlbMisses: number;
  /** The same by the size of the page that the walk found; those that faulted have none. */
  readonly tlbMissesBySize: ReadonlyMap<number, number>;
  readonly faults: Readonly<FaultCounts>;
  /** Invalidations by what asked for them. */
  readonly invalidations: ReadonlyMap<string, number>;
}

const LEVELS = 6;

const noFaults = (): FaultCounts => ({
  nonCanonical: 0,
  notPresent: 0,
  reserved: 0,
  protection: 0,
  protectionKey: 0,
});

/** The counters of one `Mmu`; those of walks lie in its state block, where generated code counts. */
export class MmuCounters {
  readonly #int32: Int32Array;
  readonly #countsIndex: number;
  readonly #faults = noFaults();
  readonly #tlbHits = new Map<number, number>();
  readonly #tlbMissesBySize = new Map<number, number>();
  readonly #invalidations = new Map<string, number>();
  readonly #entriesRead = new Array<number>(LEVELS).fill(0);
  readonly #upperHits = new Array<number>(LEVELS).fill(0);
  readonly #upperMissesByLevel = new Array<number>(LEVELS).fill(0);
  #walks = 0;
  #tlbMisses = 0;
  #upperMisses = 0;

  constructor(int32: Int32Array, stateBase: number) {
    this.#int32 = int32;
    this.#countsIndex = (stateBase + STATE.counts) >>> 2;
  }

  tlbHit(pageBytes: number): void {
    this.#tlbHits.set(pageBytes, (this.#tlbHits.get(pageBytes) ?? 0) + 1);
  }

  /** @param pageBytes of the page that the walk found, if it found one */
  tlbMissed(pageBytes: number | undefined): void {
    this.#tlbMisses += 1;
    if (pageBytes === undefined) return;
    this.#tlbMissesBySize.set(pageBytes, (this.#tlbMissesBySize.get(pageBytes) ?? 0) + 1);
  }

  invalidated(what: string): void {
    this.#invalidations.set(what, (this.#invalidations.get(what) ?? 0) + 1);
  }

  faulted(fault: number): void {
    const code = faultErrorCode(fault);
    if (faultVector(fault) !== VECTOR_PF) this.#faults.nonCanonical += 1;
    else if (!(code & PF_ERROR.P)) this.#faults.notPresent += 1;
    else if (code & PF_ERROR.RSVD) this.#faults.reserved += 1;
    else if (code & PF_ERROR.PK) this.#faults.protectionKey += 1;
    else this.#faults.protection += 1;
  }

  /** Counts one walk that the reference walk did. */
  countWalk(startLevel: number, endLevel: number): void {
    const at = this.#slot(startLevel, endLevel);
    this.#int32[at] = ((this.#int32[at] as number) + 1) | 0;
    if (this.#int32[at] === 0) this.#int32[at + 1] = (this.#int32[at + 1] as number) + 1;
  }

  /** To be called before walks begin at another top level. */
  modeChanged(topLevel: number): void {
    for (let start = 1; start < LEVELS; start++) {
      for (let end = 1; end <= start; end++) this.#settle(start, end, topLevel);
    }
  }

  snapshot(topLevel: number): MmuStatistics {
    this.modeChanged(topLevel);
    return {
      walks: this.#walks,
      entriesRead: [...this.#entriesRead],
      upperHits: [...this.#upperHits],
      upperMisses: this.#upperMisses,
      upperMissesByLevel: [...this.#upperMissesByLevel],
      tlbHits: new Map(this.#tlbHits),
      tlbMisses: this.#tlbMisses,
      tlbMissesBySize: new Map(this.#tlbMissesBySize),
      faults: { ...this.#faults },
      invalidations: new Map(this.#invalidations),
    };
  }

  /** Moves one counter of the state block into the sums. */
  #settle(start: number, end: number, topLevel: number): void {
    const at = this.#slot(start, end);
    const count = numberOf(this.#int32[at + 1] as number, this.#int32[at] as number);
    this.#int32[at] = 0;
    this.#int32[at + 1] = 0;
    this.#walks += count;
    if (start < topLevel) this.#upperHits[start + 1] = (this.#upperHits[start + 1] ?? 0) + count;
    else this.#upperMisses += count;
    for (let level = 2; level <= start; level++) {
      this.#upperMissesByLevel[level] = (this.#upperMissesByLevel[level] ?? 0) + count;
    }
    for (let level = end; level <= start; level++) {
      this.#entriesRead[level] = (this.#entriesRead[level] ?? 0) + count;
    }
  }

  #slot(start: number, end: number): number {
    return this.#countsIndex + (start * 8 + end) * 2;
  }
}
