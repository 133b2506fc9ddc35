/**
 * Walks for one processor: the generated walk with its paging-structure caches where the TLB model
 * leaves them to it, and the reference walk where the model has caches of its own or the generated
 * one declines.
 */
import { hiOf, hiOfNumber, loOf, loOfNumber, numberOf, wordOf } from "../base/word64.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import type { PagingRegisters } from "./control-bits.ts";
import { ENTRY_HI, ENTRY_LO } from "./entry.ts";
import { NO_FAULT } from "./fault.ts";
import { STATE } from "./mmu-state.ts";
import type { LevelFormat, PagingMode } from "./paging-mode.ts";
import { RightsTests } from "./rights-tests.ts";
import { MmuCounters } from "./statistics.ts";
import type { TlbEntry, TlbModel, UpperModel } from "./tlb-model.ts";
import type { TranslationRegisters } from "./translation-registers.ts";
import { type UpperCacheSizes, UpperCaches, type UpperEntry } from "./upper-caches.ts";
import { walk } from "./walk.ts";
import { BAIL } from "./walk-emitter.ts";
import { type GeneratedWalk, generatedWalk } from "./walk-module.ts";

export class Walker {
  /** Host address of the state block (mmu-state.ts). */
  readonly stateBase: number;
  readonly counters: MmuCounters;
  readonly #memory: PhysicalMemory;
  readonly #int32: Int32Array;
  readonly #registers: TranslationRegisters;
  /** The model's own paging-structure caches, if it has them. */
  readonly #own: UpperModel | undefined;
  readonly #usesCaches: boolean;
  readonly #upper: UpperCaches;
  readonly #tests: RightsTests;
  #mode: PagingMode;
  #generated: GeneratedWalk | undefined;
  readonly #walks = new Map<PagingMode, GeneratedWalk>();
  /** What stands in the state block. */
  #pdptes: PagingRegisters["pdptes"] | undefined;

  constructor(
    memory: PhysicalMemory,
    registers: TranslationRegisters,
    upper: TlbModel["upper"],
    sizes?: UpperCacheSizes,
  ) {
    this.#memory = memory;
    this.#int32 = memory.linear.int32;
    this.#registers = registers;
    this.#own = typeof upper === "object" ? upper : undefined;
    this.#usesCaches = upper === "generated";
    this.stateBase = memory.linear.reserve(STATE.bytes);
    this.#upper = new UpperCaches(memory.linear, sizes);
    this.#tests = new RightsTests(this.#int32, this.stateBase);
    this.counters = new MmuCounters(this.#int32, this.stateBase);
    this.#mode = registers.mode;
  }

  /** The generated walk of the mode in force, for whoever walks in batches; none without paging. */
  get generated(): GeneratedWalk | undefined {
    return this.#generated;
  }

  /**
   * Walks for one access, sets A and D bits.
   * @param into what the walk found, if the result is 0
   * @returns 0 or the page fault; the address is canonical
   */
  walk(hi: number, lo: number, access: number, into: TlbEntry): number {
    const generated = this.#own ? undefined : this.#generated;
    const outcome = generated ? generated.walk(hi, lo, access) : BAIL;
    if (outcome === BAIL) {
      // What it kept on its way may come from stale upper entries, past which the reference goes.
      this.#upper.dropAddress(this.#registers.pcid, hi, lo, this.#mode);
      return this.#referenceWalk(hi, lo, access, into);
    }
    if (outcome === NO_FAULT) this.#readResult(hi, lo, into);
    return outcome;
  }

  /** The mode, the root or the PCID may be others now; also writes the rights tests. */
  registersChanged(): void {
    const { mode, now } = this.#registers;
    if (mode !== this.#mode) this.counters.modeChanged(this.#mode.levels);
    if (mode.levels > 0 && (mode !== this.#mode || !this.#generated)) {
      this.#generated = this.#walkOf(mode);
    }
    this.#mode = mode;
    this.#writeRoot(now);
    this.#tag();
    this.permissionsChanged();
  }

  /** Instances are kept: guests switch a bit of CR4 or EFER back and forth. */
  #walkOf(mode: PagingMode): GeneratedWalk {
    let found = this.#walks.get(mode);
    if (!found) {
      const { linear } = this.#memory;
      const { stateBase } = this;
      const places = { stateBase, directoryBase: linear.directoryBase, areas: this.#upper.areas };
      found = generatedWalk(linear, mode, places, this.#usesCaches);
      this.#walks.set(mode, found);
    }
    return found;
  }

  /** A register that counts at each access may be another now. */
  permissionsChanged(): void {
    this.#tests.update(this.#registers.now, this.#mode);
  }

  /** Drops the paging-structure-cache entries that a walk for this address could use. */
  dropAddress(hi: number, lo: number): void {
    const { pcid } = this.#registers;
    if (this.#own) this.#own.dropAddress(pcid, wordOf(hi, lo));
    else this.#upper.dropAddress(pcid, hi, lo, this.#mode);
  }

  dropPcid(pcid: number): void {
    this.#own?.dropPcid(pcid);
    this.#upper.dropPcid(pcid);
    this.#tag();
  }

  dropAll(): void {
    this.#own?.dropAll();
    this.dropHostAddresses();
  }

  /** Drops what holds host addresses: the memory map changed. */
  dropHostAddresses(): void {
    this.#upper.dropAll();
    this.#tag();
  }

  /** Drops the entries that lead to this table, which lies at this host address. */
  dropTable(host: number): void {
    this.#upper.dropTable(host);
  }

  /** What the paging-structure caches know now. */
  upperEntries(): Iterable<UpperEntry> {
    if (this.#own) return this.#own.entries();
    return this.#usesCaches ? this.#upper.entries(this.#mode) : [];
  }

  /** Gives the state's memory back; the walker is of no use afterwards. */
  dispose(): void {
    this.#memory.linear.release(this.stateBase, STATE.bytes);
    this.#upper.dispose();
  }

  #writeRoot({ cr3, pdptes }: PagingRegisters): void {
    const at = this.stateBase >>> 2;
    const root = Number(cr3 & this.#mode.rootAddress);
    this.#int32[at + STATE.root / 4] = loOfNumber(root);
    this.#int32[at + STATE.root / 4 + 1] = hiOfNumber(root);
    if (pdptes === this.#pdptes) return;
    this.#pdptes = pdptes;
    pdptes.forEach((entry, i) => {
      this.#int32[at + STATE.pdptes / 4 + 2 * i] = loOf(entry);
      this.#int32[at + STATE.pdptes / 4 + 2 * i + 1] = hiOf(entry);
    });
  }

  #tag(): void {
    const tag = this.#upper.tagHiOf(this.#registers.pcid);
    this.#int32[(this.stateBase + STATE.upperTag + 4) >>> 2] = tag;
  }

  /** Turns the state block's result into a translation. */
  #readResult(hi: number, lo: number, into: TlbEntry): void {
    const at = this.stateBase >>> 2;
    const int32 = this.#int32;
    const level = int32[at + STATE.level / 4] as number;
    const entryLo = int32[at + STATE.entry / 4] as number;
    const entryHi = int32[at + STATE.entry / 4 + 1] as number;
    const { shift } = this.#mode.formats[level] as LevelFormat;
    const pageBytes = 2 ** shift;
    const patBit = level === 1 ? ENTRY_LO.PAT_4K : ENTRY_LO.PAT_LARGE;
    into.hi = hi;
    into.lo = lo & -pageBytes;
    into.pageBytes = pageBytes;
    into.pcid = this.#registers.pcid;
    into.global = this.#mode.global && (entryLo & ENTRY_LO.G) !== 0;
    const physical = numberOf(int32[at + 1] as number, int32[at] as number);
    into.physical = physical - ((lo & (pageBytes - 1)) >>> 0);
    into.rights = int32[at + STATE.rights / 4] as number;
    into.protectionKey = this.#mode.levels >= 4 ? (entryHi >>> ENTRY_HI.KEY_SHIFT) & 15 : 0;
    into.dirty = (entryLo & ENTRY_LO.D) !== 0;
    into.patIndex = (entryLo & patBit ? 4 : 0) | ((entryLo >>> 3) & 3);
    into.ignored = this.#ignored(entryHi, entryLo);
  }

  #ignored(entryHi: number, entryLo: number): number {
    const upper = this.#mode.levels >= 4 ? (entryHi >>> 20) & 0x7f : 0;
    return (upper << 3) | ((entryLo >>> 9) & 7);
  }

  #referenceWalk(hi: number, lo: number, access: number, into: TlbEntry): number {
    const mode = this.#mode;
    const linear = wordOf(hi, lo);
    const { now, pcid } = this.#registers;
    const start = this.#own?.lookup(pcid, linear);
    const options = { setAccessedDirty: true, start };
    const found = walk(this.#memory, mode, now, linear, access, options);
    const first = found.steps[0]?.level ?? mode.levels;
    this.counters.countWalk(first, found.steps.at(-1)?.level ?? first);
    if (found.fault !== NO_FAULT) return found.fault;
    for (const step of this.#own ? found.steps : []) {
      if (step.leaf || step.entryAddress < 0) continue;
      const { shift } = mode.formats[step.level] as LevelFormat;
      this.#own?.insert(pcid, step.level, shift, linear, step.address, step.rights);
    }
    into.hi = hi;
    into.lo = lo & -found.pageBytes;
    into.pageBytes = found.pageBytes;
    into.pcid = pcid;
    into.global = found.global;
    into.physical = found.physical - Number(linear & BigInt(found.pageBytes - 1));
    into.rights = found.rights;
    into.protectionKey = found.protectionKey;
    into.dirty = found.dirty;
    into.patIndex = found.patIndex;
    const leaf = found.steps.at(-1)?.entry ?? 0n;
    into.ignored = this.#ignored(hiOf(leaf), loOf(leaf));
    return NO_FAULT;
  }
}
