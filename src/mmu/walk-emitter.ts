/**
 * The generated walk: the steps of walk.ts as WebAssembly, specialised on the paging mode, with
 * the levels unrolled and the paging-structure caches in front.
 *
 * It ends in a translation, in a fault, or bails out where it meets anything but plain RAM (a table
 * in ROM, in a device, in memory that is absent or not yet touched, or an A or D bit to set near a
 * watched page). Nothing has been written then, and the caller takes the reference walk instead.
 *
 * What makes it fast, each measured: all that gathers over the levels is one AND; an entry's offset
 * is one shift and one mask; what only depends on registers is loaded before the first walk, so a
 * batch loads it once; and the walk stands inside the batch's loop, as V8 does not inline it there.
 */
import type { Code, Label } from "../wasm/code.ts";
import { MEM, OP } from "../wasm/opcodes.ts";
import { STACK, WRITE } from "./access.ts";
import { ENTRY, ENTRY_LO } from "./entry.ts";
import { GP_ZERO, PF_ERROR, SS_ZERO } from "./fault.ts";
import { HostLookup } from "./host-lookup.ts";
import { STATE, TEST, TEST_COUNT } from "./mmu-state.ts";
import type { LevelFormat, PagingMode } from "./paging-mode.ts";
import { RIGHT } from "./rights.ts";
import type { UpperCacheArea } from "./upper-caches.ts";
import { UpperEmitter } from "./upper-emitter.ts";

/** The generated walk declines; the reference walk decides. */
export const BAIL = -1;

/** Where things lie: constants in the generated code. */
export interface WalkPlaces {
  readonly stateBase: number;
  readonly directoryBase: number;
  readonly areas: readonly UpperCacheArea[];
}

export interface WalkKind {
  /** Whether it uses and fills the paging-structure caches. */
  readonly withCaches: boolean;
  /** Whether several walks follow one another in one call. */
  readonly batch: boolean;
}

/** The locals that a walk reads. */
export interface WalkInputs {
  /** i64: the linear address. */
  readonly va: number;
  /** i32: kind and flags (access.ts). */
  readonly access: number;
}

/** Emit what happens at each end; `translated` and `bailed` have to leave. */
export interface WalkEnds {
  translated(): void;
  faulted(): void;
  bailed(): void;
}

/** Emits into one function: `prepare` once, then `walk`. */
export class WalkEmitter {
  /** i64, after a translation: its physical address, and its leaf with A and D as they are now. */
  readonly page: number;
  readonly entry: number;
  /** i32, after a translation: gathered rights (RIGHT). */
  readonly rights: number;
  /** i32: the level where the walk began, times 8, plus the level where it ended. */
  readonly span: number;
  /** i32, after a fault. */
  readonly fault: number;
  readonly #c: Code;
  readonly #mode: PagingMode;
  readonly #places: WalkPlaces;
  readonly #va: number;
  readonly #access: number;
  readonly #ends: WalkEnds;
  readonly #lookup: HostLookup;
  readonly #upper: UpperEmitter;
  /** Loaded by `prepare`: the rights test, the bits to be set in the leaf, root. */
  readonly #mask: number;
  readonly #want: number;
  readonly #keys: number;
  readonly #faultBase: number;
  readonly #need: number;
  readonly #root: number;
  /** i64: all entries on the way, ANDed, with XD inverted: what none of them lacks or denies. */
  readonly #all: number;
  readonly #table: number;
  readonly #cause: number;
  readonly #scratch: number;
  /** Host addresses of the entries walked, by level; stale above the level where it began. */
  readonly #slots: readonly number[];

  constructor(
    c: Code,
    mode: PagingMode,
    places: WalkPlaces,
    kind: WalkKind,
    inputs: WalkInputs,
    ends: WalkEnds,
  ) {
    this.#c = c;
    this.#mode = mode;
    this.#places = places;
    this.#va = inputs.va;
    this.#access = inputs.access;
    this.#ends = ends;
    const remembers = kind.batch && !kind.withCaches;
    const { directoryBase } = places;
    this.#lookup = new HostLookup(c, directoryBase, mode.levels, remembers, () => ends.bailed());
    this.page = c.local("i64");
    this.entry = c.local("i64");
    this.rights = c.local("i32");
    this.span = c.local("i32");
    this.fault = c.local("i32");
    this.#mask = c.local("i32");
    this.#want = c.local("i32");
    this.#keys = c.local("i32");
    this.#faultBase = c.local("i32");
    this.#need = c.local("i32");
    this.#root = c.local("i64");
    this.#all = c.local("i64");
    this.#table = c.local("i64");
    this.#cause = c.local("i32");
    this.#scratch = c.local("i32");
    const { host } = this.#lookup;
    const upperLocals = { va: inputs.va, all: this.#all, host, span: this.span };
    this.#upper = new UpperEmitter(c, mode, kind.withCaches ? places.areas : [], upperLocals);
    this.#slots = mode.formats.map(() => c.local("i32"));
  }

  /** Loads what does not depend on the linear address. */
  prepare(): void {
    const c = this.#c;
    const { stateBase } = this.#places;
    const test = this.#scratch;
    c.get(this.#access)
      .i32(TEST_COUNT - 1)
      .op(OP.i32And)
      .i32(TEST.shift)
      .op(OP.i32Shl)
      .set(test);
    const field = (offset: number, into: number) =>
      c
        .get(test)
        .mem(MEM.i32Load, stateBase + STATE.tests + offset)
        .set(into);
    field(TEST.mask, this.#mask);
    field(TEST.want, this.#want);
    field(TEST.keys, this.#keys);
    field(TEST.fault, this.#faultBase);
    // WRITE is bit 0 of an access, D is bit 6 of an entry.
    c.get(this.#access).i32(WRITE).op(OP.i32And).i32(6).op(OP.i32Shl);
    c.i32(ENTRY_LO.A).op(OP.i32Or).set(this.#need);
    c.i32(stateBase).mem(MEM.i64Load, STATE.root).set(this.#root);
    this.#upper.prepare(stateBase);
    this.#lookup.prepare();
  }

  /** One walk; what follows it is reached by the end of `faulted` alone. */
  walk(): void {
    const c = this.#c;
    const faulted = c.block();
    this.#refuseNonCanonical(faulted);
    const pageFault = c.block();
    const leaf = c.block();
    const entries: Label[] = [];
    for (let level = 1; level <= this.#mode.levels; level++) entries[level] = c.block();
    this.#begin(entries);
    for (let level = this.#mode.levels; level >= 1; level--) {
      c.end();
      this.#level(level, leaf, pageFault);
    }
    c.end();
    this.#leaf(pageFault);
    c.end();
    this.#count();
    c.get(this.#faultBase).get(this.#cause).op(OP.i32Or).set(this.fault);
    c.end();
    this.#ends.faulted();
  }

  #refuseNonCanonical(faulted: Label): void {
    const { linearBits } = this.#mode;
    if (linearBits === 32) return;
    const c = this.#c;
    const unused = BigInt(64 - linearBits);
    c.get(this.#va).i64(unused).op(OP.i64Shl).i64(unused).op(OP.i64ShrS);
    c.get(this.#va).op(OP.i64Ne).if();
    c.i32(SS_ZERO).i32(GP_ZERO).get(this.#access).i32(STACK).op(OP.i32And, OP.select);
    c.set(this.fault).br(faulted).end();
  }

  /** Chooses table and level, and branches to that level's code; falls into the top's. */
  #begin(entries: readonly Label[]): void {
    const c = this.#c;
    const { levels, kind } = this.#mode;
    this.#lookup.start();
    this.#upper.probe(entries);
    c.i64(-1n).set(this.#all);
    c.i32(levels << 3).set(this.span);
    if (kind !== "pae") this.#lookup.emit(this.#root, levels);
  }

  #format(level: number): LevelFormat {
    return this.#mode.formats[level] as LevelFormat;
  }

  /** Whether this level's entry comes from a register, with no rights and no A bit. */
  #isRegister(level: number): boolean {
    return this.#mode.kind === "pae" && level === 3;
  }

  /** One level: read the entry, check it, gather rights; go to the leaf, or down. */
  #level(level: number, leaf: Label, pageFault: Label): void {
    const c = this.#c;
    const { reserved, mayBeLarge } = this.#format(level);
    this.#read(level);
    const checked = ENTRY.P | reserved | (mayBeLarge ? ENTRY.PS : 0n);
    c.get(this.entry).i64(checked).op(OP.i64And).i64(ENTRY.P).op(OP.i64Ne).if();
    this.#unusual(level, leaf, pageFault);
    c.end();
    if (!this.#isRegister(level)) this.#gather();
    if (level === 1) this.#toLeaf(level, this.#mode.address);
    else this.#descend(level);
  }

  #read(level: number): void {
    const c = this.#c;
    const { shift, indexBits } = this.#format(level);
    const wide = this.#mode.entryBytes === 8;
    const entryShift = wide ? 3 : 2;
    c.get(this.#va)
      .i64(BigInt(shift - entryShift))
      .op(OP.i64ShrU, OP.i32WrapI64);
    c.i32(((1 << indexBits) - 1) << entryShift).op(OP.i32And);
    if (this.#isRegister(level)) c.mem(MEM.i64Load, this.#places.stateBase + STATE.pdptes);
    else {
      c.get(this.#lookup.host)
        .op(OP.i32Add)
        .tee(this.#slots[level] as number);
      c.mem(wide ? MEM.i64Load : MEM.i64Load32U);
    }
    c.set(this.entry);
  }

  /** The entry is not a plain reference or 4-KByte page: a large page, or a fault. */
  #unusual(level: number, leaf: Label, pageFault: Label): void {
    const c = this.#c;
    const { mayBeLarge, reservedLarge, largeAddress } = this.#format(level);
    if (mayBeLarge) {
      const large = ENTRY.P | ENTRY.PS;
      c.get(this.entry)
        .i64(large | reservedLarge)
        .op(OP.i64And)
        .i64(large)
        .op(OP.i64Eq)
        .if();
      this.#gather();
      this.#toLeaf(level, largeAddress);
      c.br(leaf).end();
    }
    c.get(this.span).i32(level).op(OP.i32Or).set(this.span);
    // Present, so something reserved is set; or not present, which counts first.
    c.get(this.entry).op(OP.i32WrapI64).i32(ENTRY_LO.P).op(OP.i32And);
    c.i32(PF_ERROR.P | PF_ERROR.RSVD)
      .op(OP.i32Mul)
      .set(this.#cause);
    c.br(pageFault);
  }

  #gather(): void {
    const c = this.#c;
    c.get(this.entry).i64(ENTRY.XD).op(OP.i64Xor).get(this.#all).op(OP.i64And).set(this.#all);
  }

  /** page := the physical address that the leaf gives. */
  #toLeaf(level: number, address: bigint): void {
    const c = this.#c;
    const offset = (1n << BigInt(this.#format(level).shift)) - 1n;
    c.get(this.span).i32(level).op(OP.i32Or).set(this.span);
    c.get(this.entry).i64(address).op(OP.i64And);
    c.get(this.#va).i64(offset).op(OP.i64And, OP.i64Or);
    if (this.#mode.kind === "32-bit" && level === 2) {
      const width = BigInt(Math.min(this.#mode.maxPhyAddr, 40) - 32);
      c.get(this.entry).i64(13n).op(OP.i64ShrU);
      c.i64((1n << width) - 1n).op(OP.i64And);
      c.i64(32n).op(OP.i64Shl, OP.i64Or);
    }
    c.set(this.page);
  }

  /** On to the table that the entry references, remembering it if a cache may. */
  #descend(level: number): void {
    const c = this.#c;
    c.get(this.entry).i64(this.#mode.address).op(OP.i64And).set(this.#table);
    this.#lookup.emit(this.#table, level - 1);
    // Only what was accessed before may be kept, and only what may later be written past watchers.
    const pushAllowed = () => {
      c.get(this.#all).i64(ENTRY.A).op(OP.i64And, OP.i64Eqz, OP.i32Eqz);
      this.#lookup.pushUnwatched(this.#table);
      c.op(OP.i32And);
    };
    this.#upper.keep(level, this.#table, pushAllowed, () => this.#pushRights());
  }

  /** Pushes what has been gathered, in RIGHT's form. */
  #pushRights(): void {
    const c = this.#c;
    c.get(this.#all)
      .op(OP.i32WrapI64)
      .i32(RIGHT.WRITE | RIGHT.USER)
      .op(OP.i32And);
    c.get(this.#all).i64(63n).op(OP.i64ShrU, OP.i32WrapI64, OP.i32Eqz, OP.i32Or);
  }

  /** Judges the gathered rights, and sets A and D bits. */
  #leaf(pageFault: Label): void {
    const c = this.#c;
    this.#pushRights();
    c.set(this.rights);
    if (this.#mode.levels >= 4) this.#judgeKey(pageFault);
    c.i32(PF_ERROR.P).set(this.#cause);
    c.get(this.rights).get(this.#mask).op(OP.i32And).get(this.#want).op(OP.i32Ne);
    c.brIf(pageFault);
    this.#setAccessedDirty();
    this.#count();
    this.#ends.translated();
  }

  /** A denying key adds PK to the cause, whether or not the rights allow the access. */
  #judgeKey(pageFault: Label): void {
    const c = this.#c;
    c.get(this.#keys).if();
    c.get(this.#keys).get(this.entry).i64(59n).op(OP.i64ShrU, OP.i32WrapI64);
    c.i32(15).op(OP.i32And);
    // Keys of supervisor-mode pages are 16 bits further up.
    c.get(this.rights).i32(RIGHT.USER).op(OP.i32And).i32(RIGHT.USER).op(OP.i32Xor);
    c.i32(2).op(OP.i32Shl, OP.i32Add, OP.i32ShrU).i32(1).op(OP.i32And).if();
    c.i32(PF_ERROR.P | PF_ERROR.PK).set(this.#cause);
    c.br(pageFault);
    c.end().end();
  }

  #setAccessedDirty(): void {
    const c = this.#c;
    // A has to be in every entry, D in the leaf, which is one of them.
    c.get(this.#all).op(OP.i32WrapI64).i32(ENTRY_LO.D).op(OP.i32Or);
    c.get(this.entry).op(OP.i32WrapI64, OP.i32And);
    c.get(this.#need).op(OP.i32And).get(this.#need).op(OP.i32Ne).if();
    this.#lookup.pushWatchedNearby();
    c.if();
    this.#ends.bailed();
    c.end();
    for (let level = this.#mode.levels; level >= 1; level--) {
      if (!this.#isRegister(level)) this.#setBits(level);
    }
    c.get(this.entry).get(this.#need).op(OP.i64ExtendI32U, OP.i64Or).set(this.entry);
    c.end();
  }

  /** If the walk read an entry of this level: sets its bits with one 32-bit store. */
  #setBits(level: number): void {
    const c = this.#c;
    const slot = this.#slots[level] as number;
    const end = this.#scratch;
    c.get(this.span).i32(7).op(OP.i32And).tee(end).i32(level).op(OP.i32LeU);
    c.get(this.span)
      .i32(level << 3)
      .op(OP.i32GeU, OP.i32And)
      .if();
    c.get(slot).get(slot).mem(MEM.i32Load);
    c.get(this.#need).i32(ENTRY_LO.A).get(end).i32(level).op(OP.i32Eq, OP.select);
    c.op(OP.i32Or).mem(MEM.i32Store);
    c.end();
  }

  /** Counts the walk by where it began and ended. */
  #count(): void {
    const c = this.#c;
    const counts = this.#places.stateBase + STATE.counts;
    c.get(this.span).i32(3).op(OP.i32Shl).tee(this.#scratch);
    c.get(this.#scratch).mem(MEM.i64Load, counts).i64(1n).op(OP.i64Add);
    c.mem(MEM.i64Store, counts);
  }
}
