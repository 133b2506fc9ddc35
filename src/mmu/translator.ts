/**
 * One processor's control registers, TLB and paging-structure caches: from linear to physical
 * addresses, and what makes the caches forget.
 *
 * A translation, in order:
 *   1. no paging: the address itself; non-canonical: #GP or #SS;
 *   2. the architectural TLB: judge the cached rights; a write needs a cached D bit;
 *   3. a miss: walk (generated; where that declines, the reference walk), keep the translation;
 *   4. a page fault drops what is cached for the address.
 */
import { hiOf, loOf, wordOf } from "../base/word64.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import { IMPLICIT, KIND_MASK, STACK, USER, WRITE } from "./access.ts";
import { isCanonical, isCanonicalPair } from "./canonical.ts";
import { CR4, type PagingRegisters } from "./control-bits.ts";
import { FAST_CONTEXT, FastTable } from "./fast-table.ts";
import { faultVector, GP_ZERO, NO_FAULT, PF_ERROR, SS_ZERO, VECTOR_PF } from "./fault.ts";
import { type MmuFeatures, mmuFeatures } from "./features.ts";
import { STATE, TEST, TEST_COUNT } from "./mmu-state.ts";
import type { MmuObserver } from "./observer.ts";
import type { PagingMode } from "./paging-mode.ts";
import { RIGHT } from "./rights.ts";
import { SetAssociativeTlb } from "./set-associative-tlb.ts";
import type { MmuStatistics } from "./statistics.ts";
import { copyEntry, emptyEntry, type TlbEntry, type TlbModel } from "./tlb-model.ts";
import { TranslationRegisters, type WriteOutcome } from "./translation-registers.ts";
import type { UpperCacheSizes, UpperEntry } from "./upper-caches.ts";
import { Walker } from "./walker.ts";

export interface MmuOptions {
  readonly features?: Partial<MmuFeatures>;
  /** The architectural TLB; `SetAssociativeTlb` unless given. Not to be shared. */
  readonly tlb?: TlbModel;
  readonly upperCaches?: UpperCacheSizes;
  /** log2 of the entries in each fast table, 4..14. */
  readonly fastIndexBits?: number;
}

export class Translator {
  readonly memory: PhysicalMemory;
  readonly tlb: TlbModel;
  readonly fast: FastTable;
  readonly walker: Walker;
  readonly registers: TranslationRegisters;
  /** Told of walks, faults, fills and invalidations; costs nothing while undefined. */
  observer: MmuObserver | undefined;

  /** After `translate` returned 0: the physical address, 0 .. 2^52-1. */
  physical = 0;
  /** After `translate` returned 0: the translation's page size, rights and attributes. */
  readonly translation: TlbEntry = emptyEntry();
  /** After `access` returned 0: where the bytes lie in the linear memory; 0 = not plain RAM. */
  host = 0;
  /** After a fault: the halves of `faultLinear`. */
  faultHi = 0;
  faultLo = 0;

  readonly #int32: Int32Array;
  readonly #testsBase: number;
  readonly #unsubscribe: () => void;
  #mode: PagingMode;
  #pcid = 0;
  #supervisorContext: number = FAST_CONTEXT.supervisor;

  /** @throws ResourceError when the memory's arena has no room for its state (about 300 KiB) */
  constructor(memory: PhysicalMemory, options: MmuOptions = {}) {
    this.memory = memory;
    this.#int32 = memory.linear.int32;
    this.tlb = options.tlb ?? new SetAssociativeTlb();
    this.fast = new FastTable(memory.linear, options.fastIndexBits);
    this.registers = new TranslationRegisters(memory, mmuFeatures(options.features));
    this.#mode = this.registers.mode;
    this.walker = new Walker(memory, this.registers, this.tlb.upper, options.upperCaches);
    this.#testsBase = this.walker.stateBase + STATE.tests;
    this.tlb.onEvict = (entry) => this.fast.dropEntry(entry);
    this.#unsubscribe = memory.subscribe({
      mapChanged: () => this.#dropHostAddresses(),
      watchChanged: (page) => this.#dropWritesTo(page),
    });
    this.#registersChanged();
  }

  /** Ends the subscription to the memory and gives its arena back; of no use afterwards. */
  dispose(): void {
    this.#unsubscribe();
    this.walker.dispose();
    this.fast.dispose();
  }

  /** After a fault: the linear address that it concerns (CR2, if a page fault). */
  get faultLinear(): bigint {
    return wordOf(this.faultHi, this.faultLo);
  }

  // --- Registers ------------------------------------------------------------------------------

  get mode(): PagingMode {
    return this.#mode;
  }
  get cr0(): number {
    return this.registers.now.cr0;
  }
  get cr3(): bigint {
    return this.registers.now.cr3;
  }
  get cr4(): number {
    return this.registers.now.cr4;
  }
  get efer(): number {
    return this.registers.now.efer;
  }
  get ac(): boolean {
    return this.registers.now.ac;
  }
  set ac(ac: boolean) {
    if (ac === this.ac) return;
    this.registers.set({ ac });
    this.#permissionsChanged(false);
  }
  get pkru(): number {
    return this.registers.now.pkru;
  }
  set pkru(pkru: number) {
    if (pkru === this.pkru) return;
    this.registers.set({ pkru });
    this.#permissionsChanged(true);
  }
  get pkrs(): number {
    return this.registers.now.pkrs;
  }
  set pkrs(pkrs: number) {
    if (pkrs === this.pkrs) return;
    this.registers.set({ pkrs });
    this.#permissionsChanged(true);
  }

  /** Each returns 0, or #GP(0) and nothing has changed. `lo` is the value's low half. */
  writeCr0(lo: number, hi = 0): number {
    return this.#written("MOV to CR0", this.registers.writeCr0(hi, lo));
  }
  writeCr3(value: bigint): number {
    return this.#written("MOV to CR3", this.registers.writeCr3(value));
  }
  writeCr4(lo: number, hi = 0): number {
    return this.#written("MOV to CR4", this.registers.writeCr4(hi, lo));
  }
  writeEfer(lo: number, hi = 0): number {
    return this.#written("WRMSR EFER", this.registers.writeEfer(hi, lo));
  }

  /** Takes over registers without checks (a dump, a snapshot); drops everything cached. */
  restoreRegisters(registers: PagingRegisters): void {
    this.registers.restore(registers);
    this.#registersChanged();
    this.flushAll();
  }

  // --- Translation ----------------------------------------------------------------------------

  /**
   * Translates for one access that lies in one page.
   * @param hi the linear address's upper half, as int32, ignored in 32-bit modes; likewise lo
   * @param access kind and flags (access.ts)
   * @returns 0 and `physical`, `translation` are valid; or a fault (fault.ts) and `faultLinear` is
   */
  translate(hi: number, lo: number, access: number): number {
    const { levels, linearBits } = this.#mode;
    if (levels === 0) return this.#identity(lo);
    if (linearBits === 32) hi = 0;
    else if (!isCanonicalPair(hi, linearBits)) {
      return this.#fault(hi, lo, access, access & STACK ? SS_ZERO : GP_ZERO);
    }
    const known = this.tlb.lookup(this.#pcid, hi, lo);
    if (known === undefined) {
      const fault = this.#walk(hi, lo, access);
      this.walker.counters.tlbMissed(fault === NO_FAULT ? this.translation.pageBytes : undefined);
      return fault;
    }
    const cause = this.#judge(known, access);
    if (cause >= 0) {
      if (!this.tlb.rewalksOnDenial) {
        this.walker.counters.tlbHit(known.pageBytes);
        return this.#fault(hi, lo, access, this.#test(access, TEST.fault) | cause);
      }
    } else if (known.dirty || (access & KIND_MASK) !== WRITE) {
      this.walker.counters.tlbHit(known.pageBytes);
      return this.#use(known, lo);
    }
    return this.#walk(hi, lo, access);
  }

  /**
   * Translates, and finds the bytes in the linear memory; enters the page in the fast table where
   * that is lawful.
   * @returns as `translate`; if 0, `host` is valid, and 0 where the access must go by `physical`
   */
  access(hi: number, lo: number, access: number): number {
    const fault = this.translate(hi, lo, access);
    if (fault !== NO_FAULT) return fault;
    const kind = access & KIND_MASK;
    const { memory } = this;
    this.host =
      kind === WRITE ? memory.hostForWrite(this.physical) : memory.hostForRead(this.physical);
    if (this.host !== 0 && this.tlb.allowsFastTable) {
      this.fast.insert(this.fastContext(access), kind, hi, lo, this.host);
    }
    return NO_FAULT;
  }

  /** The fast tables' context of an access; EFLAGS.AC does not help an implicit one. */
  fastContext(access: number): number {
    if (access & USER) return FAST_CONTEXT.user;
    return access & IMPLICIT ? FAST_CONTEXT.supervisor : this.#supervisorContext;
  }

  // --- Invalidation ---------------------------------------------------------------------------

  /** INVLPG: drops the page in the current PCID and globally. A non-canonical address does nothing. */
  invlpg(linear: bigint): void {
    this.invlpgPair(hiOf(linear), loOf(linear));
  }

  /** The same by the halves of the address. */
  invlpgPair(hi: number, lo: number): void {
    if (!isCanonicalPair(hi, this.#mode.linearBits)) return;
    this.walker.counters.invalidated("INVLPG");
    this.observer?.invalidated?.("INVLPG", wordOf(hi, lo));
    const pcid = this.#pcid;
    this.#dropPage(pcid, hi, lo, true);
    this.walker.dropPcid(pcid);
  }

  /**
   * INVPCID (SDM 2, "INVPCID"): type 0 drops one address of one PCID, 1 one PCID, both sparing
   * globals; 2 drops everything, 3 everything but globals.
   * @param pcid bits 63:0 of the descriptor; 63:12 must be 0
   * @returns 0, or #GP(0)
   */
  invpcid(type: number, pcid: bigint, linear: bigint): number {
    const { linearBits } = this.#mode;
    const pcidWrong = type <= 1 && pcid !== 0n && !(this.cr4 & CR4.PCIDE);
    const addressWrong = type === 0 && !isCanonical(linear, linearBits);
    if (type > 3 || pcid >> 12n || pcidWrong || addressWrong) return GP_ZERO;
    this.walker.counters.invalidated("INVPCID");
    this.observer?.invalidated?.("INVPCID", linear);
    const id = Number(pcid);
    if (type === 0) {
      this.#dropPage(id, hiOf(linear), loOf(linear), false);
      this.walker.dropPcid(id);
    } else if (type === 1) this.#dropPcid(id);
    else this.#dropAll(type === 2);
    return NO_FAULT;
  }

  /** Drops everything, global translations too, as toggling CR4.PGE does. */
  flushAll(): void {
    this.walker.counters.invalidated("flush all");
    this.observer?.invalidated?.("flush all", 0n);
    this.#dropAll(true);
  }

  /** What the paging-structure caches know; the TLB's entries are `tlb.entries()`. */
  upperEntries(): Iterable<UpperEntry> {
    return this.walker.upperEntries();
  }

  /** Everything counted since construction. */
  statistics(): MmuStatistics {
    return this.walker.counters.snapshot(this.#mode.levels);
  }

  // --- Inside ---------------------------------------------------------------------------------

  #identity(lo: number): number {
    this.physical = lo >>> 0;
    const { translation } = this;
    translation.hi = 0;
    translation.lo = lo & ~0xfff;
    translation.pageBytes = 4096;
    translation.physical = (lo & ~0xfff) >>> 0;
    translation.rights = RIGHT.WRITE | RIGHT.USER;
    translation.protectionKey = 0;
    translation.global = false;
    translation.dirty = true;
    translation.patIndex = 0;
    translation.ignored = 0;
    return NO_FAULT;
  }

  #use(entry: Readonly<TlbEntry>, lo: number): number {
    if (entry !== this.translation) copyEntry(this.translation, entry);
    this.physical = entry.physical + ((lo & (entry.pageBytes - 1)) >>> 0);
    return NO_FAULT;
  }

  /** A field of the rights test for this access. */
  #test(access: number, field: number): number {
    const at = this.#testsBase + ((access & (TEST_COUNT - 1)) << TEST.shift) + field;
    return this.#int32[at >>> 2] as number;
  }

  /** As `judge` in rights.ts, from the state block. */
  #judge(entry: Readonly<TlbEntry>, access: number): number {
    const shift = entry.rights & RIGHT.USER ? 0 : 16;
    const keyDenies = (this.#test(access, TEST.keys) >>> (shift + entry.protectionKey)) & 1;
    const allowed =
      (entry.rights & this.#test(access, TEST.mask)) === this.#test(access, TEST.want);
    if (keyDenies) return PF_ERROR.P | PF_ERROR.PK;
    return allowed ? -1 : PF_ERROR.P;
  }

  #walk(hi: number, lo: number, access: number): number {
    const fault = this.walker.walk(hi, lo, access, this.translation);
    this.observer?.walked?.(wordOf(hi, lo), access, fault);
    if (fault !== NO_FAULT) return this.#fault(hi, lo, access, fault);
    this.tlb.insert(this.translation);
    this.observer?.filled?.(this.translation);
    return this.#use(this.translation, lo);
  }

  #fault(hi: number, lo: number, access: number, fault: number): number {
    this.faultHi = hi;
    this.faultLo = lo;
    this.walker.counters.faulted(fault);
    this.observer?.faulted?.(this.faultLinear, access, fault);
    if (faultVector(fault) !== VECTOR_PF) return fault;
    // The globals too: a stale global translation must not deny for ever.
    this.#dropPage(this.#pcid, hi, lo, true);
    this.walker.dropAddress(hi, lo);
    return fault;
  }

  #written(what: string, outcome: WriteOutcome): number {
    if (outcome.refused !== undefined) return GP_ZERO;
    this.#registersChanged();
    if (outcome.invalidates !== "nothing") {
      this.walker.counters.invalidated(what);
      this.observer?.invalidated?.(what, 0n);
      if (outcome.invalidates === "all") this.#dropAll(true);
      else this.#dropPcid(this.#pcid);
    }
    return NO_FAULT;
  }

  /** The mode, the root, the PCID or the rights may be others now. */
  #registersChanged(): void {
    this.#mode = this.registers.mode;
    this.#pcid = this.registers.pcid;
    this.walker.registersChanged();
    this.#contextChanged(true);
  }

  #permissionsChanged(dropsFast: boolean): void {
    this.walker.permissionsChanged();
    this.#contextChanged(dropsFast);
  }

  #contextChanged(dropsFast: boolean): void {
    const { now } = this.registers;
    const smapSuspended = (now.cr4 & CR4.SMAP) !== 0 && now.ac;
    this.#supervisorContext = smapSuspended ? FAST_CONTEXT.supervisorAc : FAST_CONTEXT.supervisor;
    if (dropsFast) this.fast.dropAll();
  }

  #dropPcid(pcid: number): void {
    this.tlb.dropPcid(pcid);
    this.walker.dropPcid(pcid);
    this.fast.dropAll();
  }

  #dropAll(globals: boolean): void {
    this.tlb.dropAll(globals);
    this.walker.dropAll();
    this.fast.dropAll();
  }

  /** Drops a page's translations; the fast table holds nothing that the TLB did not. */
  #dropPage(pcid: number, hi: number, lo: number, globals: boolean): void {
    const largest = this.tlb.dropPage(pcid, this.#mode.linearBits === 32 ? 0 : hi, lo, globals);
    if (largest === 4096) this.fast.dropPage(lo);
    else if (largest > 0) this.fast.dropAll();
  }

  /**
   * A page's watch began or ended: no way to write it past the memory may stay, neither data nor
   * the A and D bits of a table in it.
   */
  #dropWritesTo(page: number): void {
    const host = this.memory.hostForRead(page);
    if (host === 0) return;
    this.fast.dropWritesTo(host);
    this.walker.dropTable(host);
  }

  /** Whatever holds host addresses goes; what holds physical ones may stay. */
  #dropHostAddresses(): void {
    this.walker.dropHostAddresses();
    this.fast.dropAll();
  }
}
