/**
 * The generated walk: the steps of walk.ts as WebAssembly, specialised on the paging mode, with
 * the levels unrolled and the paging-structure caches in front.
 *
 * It returns the fault, 0, or BAIL when it met anything but plain RAM (a table in ROM, in a device, in
 * memory that is absent or not yet touched, or an A or D bit to set in a watched page). Nothing
 * has been written then, and the caller takes the reference walk instead.
 */
import { CHUNK_SHIFT, PAGE_SHIFT, SECTION_SHIFT } from "../memory/layout.ts";
import type { Code, Label } from "../wasm/code.ts";
import { MEM, OP } from "../wasm/opcodes.ts";
import { KIND_MASK, STACK, WRITE } from "./access.ts";
import { ENTRY, ENTRY_LO } from "./entry.ts";
import { GP_ZERO, PF_ERROR, SS_ZERO } from "./fault.ts";
import { STATE, TEST, TEST_COUNT } from "./mmu-state.ts";
import type { LevelFormat, PagingMode } from "./paging-mode.ts";
import { ALL_RIGHTS, RIGHT } from "./rights.ts";
import { UPPER, type UpperCacheArea } from "./upper-caches.ts";

/** The generated walk declines; the reference walk decides. */
export const BAIL = -1;

/** Where things lie: constants in the generated code. */
export interface WalkPlaces {
  readonly stateBase: number;
  readonly directoryBase: number;
  readonly areas: readonly UpperCacheArea[];
}

/** Parameters of the emitted function: linear address (i64) and access (i32). */
const VA = 0;
const ACCESS = 1;

const CHUNK_INDEX_MASK = (1 << (SECTION_SHIFT - CHUNK_SHIFT)) - 1;
const PAGES_PER_CHUNK_MASK = (1 << (CHUNK_SHIFT - PAGE_SHIFT)) - 1;
const KEY_MASK = (1n << 57n) - 1n;

/** Emits one walk function's body. The result is the fault; the rest is in the state block. */
export class WalkEmitter {
  readonly #c: Code;
  readonly #mode: PagingMode;
  readonly #places: WalkPlaces;
  readonly #withCaches: boolean;
  readonly #table: number;
  readonly #host: number;
  readonly #entry: number;
  readonly #rights: number;
  /** The low halves of all entries walked, ANDed: A is in it while none lacks A. */
  readonly #accessed: number;
  /** Whether some table on the way lies in a watched page. */
  readonly #watched: number;
  readonly #scratch: number;
  readonly #page: number;
  readonly #cause: number;
  /** start * 8 + end, for the counters. */
  readonly #span: number;
  /** Host addresses of the entries walked, by level; 0 where the walk began further down. */
  readonly #slots: number[];

  constructor(c: Code, mode: PagingMode, places: WalkPlaces, withCaches: boolean) {
    this.#c = c;
    this.#mode = mode;
    this.#places = places;
    this.#withCaches = withCaches;
    this.#table = c.local("i64");
    this.#host = c.local("i32");
    this.#entry = c.local("i64");
    this.#rights = c.local("i32");
    this.#accessed = c.local("i32");
    this.#watched = c.local("i32");
    this.#scratch = c.local("i32");
    this.#page = c.local("i64");
    this.#cause = c.local("i32");
    this.#span = c.local("i32");
    this.#slots = mode.formats.map(() => c.local("i32"));
  }

  emit(): void {
    const c = this.#c;
    const { levels } = this.#mode;
    this.#refuseNonCanonical();
    c.i32(-1).set(this.#accessed);
    const fault = c.block();
    const leaf = c.block();
    const entries: Label[] = [];
    for (let level = 1; level <= levels; level++) entries[level] = c.block();
    this.#begin(entries);
    for (let level = levels; level >= 1; level--) {
      c.end();
      this.#level(level, leaf, fault);
    }
    c.end();
    this.#leaf();
    c.end();
    this.#faultOf();
  }

  #refuseNonCanonical(): void {
    const { linearBits } = this.#mode;
    if (linearBits === 32) return;
    const c = this.#c;
    const shift = BigInt(64 - linearBits);
    c.get(VA).i64(shift).op(OP.i64Shl).i64(shift).op(OP.i64ShrS).get(VA).op(OP.i64Ne).if();
    c.i32(SS_ZERO).i32(GP_ZERO).get(ACCESS).i32(STACK).op(OP.i32And, OP.select).return();
    c.end();
  }

  /** Chooses table, rights and level, and branches to that level's code; falls into the top's. */
  #begin(entries: readonly Label[]): void {
    const c = this.#c;
    const { levels } = this.#mode;
    if (this.#withCaches) {
      for (const area of this.#places.areas) this.#probe(area, entries);
    }
    c.i32(ALL_RIGHTS)
      .set(this.#rights)
      .i32(levels << 3)
      .set(this.#span);
    if (this.#mode.kind === "pae") return;
    c.i32(0)
      .mem(MEM.i64Load, this.#places.stateBase + STATE.root)
      .set(this.#table);
    this.#resolve();
  }

  /** If the cache of this level knows the address, goes on one level below. */
  #probe(area: UpperCacheArea, entries: readonly Label[]): void {
    const c = this.#c;
    const { level } = area;
    if (!this.#isCached(level)) return;
    this.#slotOf(area).set(this.#scratch);
    this.#keyOf(level);
    c.get(this.#scratch).mem(MEM.i64Load, UPPER.tag).op(OP.i64Eq).if();
    c.get(this.#scratch).mem(MEM.i32Load, UPPER.table).i32(7).op(OP.i32And).set(this.#rights);
    c.get(this.#scratch).mem(MEM.i32Load, UPPER.host).set(this.#host);
    c.i32((level - 1) << 3).set(this.#span);
    c.br(entries[level - 1] as Label);
    c.end();
  }

  /** Whether entries of this level are kept: PAE's top level is in registers anyway. */
  #isCached(level: number): boolean {
    const { kind, levels } = this.#mode;
    return level >= 2 && level <= levels && !(kind === "pae" && level === 3);
  }

  /** Pushes the host address of the cache's slot for the address. */
  #slotOf({ level, base, entries }: UpperCacheArea): Code {
    const shift = BigInt(this.#format(level).shift);
    const c = this.#c.get(VA).i64(shift).op(OP.i64ShrU, OP.i32WrapI64);
    return c
      .i32(entries - 1)
      .op(OP.i32And)
      .i32(UPPER.shift)
      .op(OP.i32Shl)
      .i32(base)
      .op(OP.i32Add);
  }

  /** Pushes the tag that the cache's slot would have. */
  #keyOf(level: number): Code {
    const shift = BigInt(this.#format(level).shift);
    const c = this.#c.get(VA).i64(KEY_MASK).op(OP.i64And).i64(shift).op(OP.i64ShrU);
    return c
      .i32(0)
      .mem(MEM.i64Load, this.#places.stateBase + STATE.upperTag)
      .op(OP.i64Or);
  }

  /** #host := the host address of #table; leaves with BAIL if it is not plain RAM. */
  #resolve(): void {
    const c = this.#c;
    const { directoryBase } = this.#places;
    c.get(this.#table).i64(BigInt(SECTION_SHIFT)).op(OP.i64ShrU, OP.i32WrapI64);
    c.i32(2).op(OP.i32Shl).mem(MEM.i32Load, directoryBase).tee(this.#scratch);
    c.op(OP.i32Eqz).if();
    c.i32(BAIL).return().end();
    const low = () => c.get(this.#table).op(OP.i32WrapI64);
    c.get(this.#scratch);
    low().i32(CHUNK_SHIFT).op(OP.i32ShrU).i32(CHUNK_INDEX_MASK).op(OP.i32And);
    c.i32(2).op(OP.i32Shl, OP.i32Add).mem(MEM.i32Load).tee(this.#scratch);
    c.op(OP.i32Eqz).if();
    c.i32(BAIL).return().end();
    c.get(this.#watched).get(this.#scratch);
    low().i32(PAGE_SHIFT).op(OP.i32ShrU).i32(PAGES_PER_CHUNK_MASK).op(OP.i32And);
    c.op(OP.i32ShrU).i32(1).op(OP.i32And, OP.i32Or).set(this.#watched);
    c.get(this.#scratch)
      .i32(-1 << CHUNK_SHIFT)
      .op(OP.i32And);
    low()
      .i32((1 << CHUNK_SHIFT) - 1)
      .op(OP.i32And, OP.i32Or)
      .set(this.#host);
  }

  #format(level: number): LevelFormat {
    return this.#mode.formats[level] as LevelFormat;
  }

  /** One level: read the entry, check it, gather rights; go to the leaf, or down. */
  #level(level: number, leaf: Label, fault: Label): void {
    const c = this.#c;
    const format = this.#format(level);
    const register = this.#mode.kind === "pae" && level === 3;
    this.#read(level, format, register);
    const quick = ENTRY.P | format.reserved | (format.mayBeLarge ? ENTRY.PS : 0n);
    c.get(this.#entry).i64(quick).op(OP.i64And).i64(ENTRY.P).op(OP.i64Ne).if();
    this.#unusual(level, format, leaf, fault);
    c.end();
    if (!register) this.#gather();
    if (level === 1) this.#toLeaf(level, this.#mode.address);
    else this.#descend(level, register);
  }

  #read(level: number, format: LevelFormat, register: boolean): void {
    const c = this.#c;
    const indexMask = (1 << format.indexBits) - 1;
    const index = () =>
      c
        .get(VA)
        .i64(BigInt(format.shift))
        .op(OP.i64ShrU, OP.i32WrapI64)
        .i32(indexMask)
        .op(OP.i32And)
        .i32(this.#mode.entryBytes === 8 ? 3 : 2)
        .op(OP.i32Shl);
    if (register) {
      index()
        .mem(MEM.i64Load, this.#places.stateBase + STATE.pdptes)
        .set(this.#entry);
      return;
    }
    index()
      .get(this.#host)
      .op(OP.i32Add)
      .tee(this.#slots[level] as number);
    c.mem(this.#mode.entryBytes === 8 ? MEM.i64Load : MEM.i64Load32U).set(this.#entry);
  }

  /** The entry is not a plain reference or page: a fault, or a large page. */
  #unusual(level: number, format: LevelFormat, leaf: Label, fault: Label): void {
    const c = this.#c;
    c.get(this.#span).i32(level).op(OP.i32Or).set(this.#span);
    c.get(this.#entry).op(OP.i32WrapI64).i32(ENTRY_LO.P).op(OP.i32And, OP.i32Eqz);
    c.brIf(fault);
    c.i32(PF_ERROR.P | PF_ERROR.RSVD).set(this.#cause);
    if (!format.mayBeLarge) {
      c.br(fault);
      return;
    }
    c.get(this.#entry).i64(ENTRY.PS).op(OP.i64And, OP.i64Eqz).brIf(fault);
    c.get(this.#entry).i64(format.reservedLarge).op(OP.i64And, OP.i64Eqz, OP.i32Eqz).brIf(fault);
    c.i32(0).set(this.#cause);
    this.#gather();
    this.#setPage(format, format.largeAddress);
    c.br(leaf);
  }

  #gather(): void {
    const c = this.#c;
    const low = () => c.get(this.#entry).op(OP.i32WrapI64);
    low().i32(RIGHT.NO_EXECUTE).op(OP.i32Or).get(this.#rights).op(OP.i32And);
    if (this.#mode.executeDisable) {
      c.get(this.#entry).i64(63n).op(OP.i64ShrU, OP.i32WrapI64, OP.i32Or);
    }
    c.set(this.#rights);
    low().get(this.#accessed).op(OP.i32And).set(this.#accessed);
  }

  #toLeaf(level: number, address: bigint): void {
    this.#c.get(this.#span).i32(level).op(OP.i32Or).set(this.#span);
    this.#setPage(this.#format(level), address);
  }

  /** #page := the physical address that the leaf gives. */
  #setPage(format: LevelFormat, address: bigint): void {
    const c = this.#c;
    const offset = (1n << BigInt(format.shift)) - 1n;
    c.get(this.#entry).i64(address).op(OP.i64And).get(VA).i64(offset).op(OP.i64And, OP.i64Or);
    if (this.#mode.kind === "32-bit" && format.level === 2) {
      const width = BigInt(Math.min(this.#mode.maxPhyAddr, 40) - 32);
      c.get(this.#entry)
        .i64(13n)
        .op(OP.i64ShrU)
        .i64((1n << width) - 1n)
        .op(OP.i64And);
      c.i64(32n).op(OP.i64Shl, OP.i64Or);
    }
    c.set(this.#page);
  }

  /** On to the table that the entry references, remembering it if a cache may. */
  #descend(level: number, register: boolean): void {
    const c = this.#c;
    c.get(this.#entry).i64(this.#mode.address).op(OP.i64And).set(this.#table);
    this.#resolve();
    const area = this.#places.areas.find((candidate) => candidate.level === level);
    if (!this.#withCaches || register || !area || !this.#isCached(level)) return;
    // Only what was accessed before may be kept, and only what may later be written past watchers.
    c.i32(0).get(this.#accessed).i32(ENTRY_LO.A).op(OP.i32And);
    c.get(this.#watched).op(OP.select).if();
    this.#slotOf(area).tee(this.#scratch);
    this.#keyOf(level).mem(MEM.i64Store, UPPER.tag);
    c.get(this.#scratch).get(this.#table);
    c.get(this.#rights).op(OP.i64ExtendI32U, OP.i64Or).mem(MEM.i64Store, UPPER.table);
    c.get(this.#scratch).get(this.#host).mem(MEM.i32Store, UPPER.host);
    c.end();
  }

  /** Judges the gathered rights, sets A and D bits, leaves the result, returns 0. */
  #leaf(): void {
    const c = this.#c;
    const { stateBase } = this.#places;
    this.#testOf()
      .tee(this.#scratch)
      .mem(MEM.i32Load, stateBase + STATE.tests + TEST.mask);
    c.get(this.#rights).op(OP.i32And);
    c.get(this.#scratch)
      .mem(MEM.i32Load, stateBase + STATE.tests + TEST.want)
      .op(OP.i32Ne);
    c.i32(PF_ERROR.P).op(OP.i32And).set(this.#cause);
    if (this.#mode.levels >= 4) this.#judgeKey();
    const allowed = c.block();
    c.get(this.#cause).op(OP.i32Eqz).brIf(allowed);
    this.#faultOf();
    c.end();
    this.#setAccessedDirty();
    c.i32(0)
      .get(this.#page)
      .mem(MEM.i64Store, stateBase + STATE.physical);
    c.i32(0)
      .get(this.#entry)
      .mem(MEM.i64Store, stateBase + STATE.entry);
    c.i32(0)
      .get(this.#rights)
      .mem(MEM.i32Store, stateBase + STATE.rights);
    this.#count();
    c.i32(0).return();
  }

  /** A denying key adds P and PK to the cause. */
  #judgeKey(): void {
    const c = this.#c;
    const { stateBase } = this.#places;
    c.get(this.#scratch)
      .mem(MEM.i32Load, stateBase + STATE.tests + TEST.keys)
      .tee(this.#host)
      .if();
    c.get(this.#host).get(this.#entry).i64(59n).op(OP.i64ShrU, OP.i32WrapI64);
    c.i32(15).op(OP.i32And);
    // Keys of supervisor-mode pages are 16 bits further up.
    c.get(this.#rights).i32(RIGHT.USER).op(OP.i32And).i32(RIGHT.USER).op(OP.i32Xor);
    c.i32(2).op(OP.i32Shl, OP.i32Add, OP.i32ShrU).i32(1).op(OP.i32And).if();
    c.i32(PF_ERROR.P | PF_ERROR.PK).set(this.#cause);
    c.end().end();
  }

  #setAccessedDirty(): void {
    const c = this.#c;
    const need = this.#host;
    // D is A's left neighbour; the kind of access decides whether it is needed.
    c.i32(ENTRY_LO.A | ENTRY_LO.D).i32(ENTRY_LO.A);
    c.get(ACCESS).i32(KIND_MASK).op(OP.i32And).i32(WRITE).op(OP.i32Eq, OP.select).set(need);
    c.get(this.#entry).op(OP.i32WrapI64).get(need).op(OP.i32And).get(need).op(OP.i32Ne);
    c.get(this.#accessed).i32(ENTRY_LO.A).op(OP.i32And, OP.i32Eqz, OP.i32Or).if();
    c.get(this.#watched).if();
    c.i32(BAIL).return().end();
    for (let level = this.#mode.levels; level >= 1; level--) {
      if (this.#mode.kind === "pae" && level === 3) continue;
      this.#setBits(level, need);
    }
    c.get(this.#entry).get(need).op(OP.i64ExtendI32U, OP.i64Or).set(this.#entry);
    c.end();
  }

  /** Sets A, and in the leaf what `need` says, with one 32-bit store that changes nothing else. */
  #setBits(level: number, need: number): void {
    const c = this.#c;
    const slot = this.#slots[level] as number;
    const mayBeLeaf = level === 1 || this.#format(level).mayBeLarge;
    c.get(slot).if();
    c.get(slot).get(slot).mem(MEM.i32Load);
    if (mayBeLeaf) {
      const isLeaf = c.get(this.#span).i32(7).op(OP.i32And).i32(level).op(OP.i32Eq);
      isLeaf.set(this.#scratch);
      c.get(need).i32(ENTRY_LO.A).get(this.#scratch).op(OP.select);
    } else c.i32(ENTRY_LO.A);
    c.op(OP.i32Or).mem(MEM.i32Store);
    c.end();
  }

  /** Returns the fault whose cause is in #cause. */
  #faultOf(): void {
    const c = this.#c;
    this.#count();
    this.#testOf().mem(MEM.i32Load, this.#places.stateBase + STATE.tests + TEST.fault);
    c.get(this.#cause).op(OP.i32Or).return();
  }

  /** Pushes the offset of the access's rights test. */
  #testOf(): Code {
    const c = this.#c
      .get(ACCESS)
      .i32(TEST_COUNT - 1)
      .op(OP.i32And);
    return c.i32(TEST.shift).op(OP.i32Shl);
  }

  /** Counts the walk by where it began and ended, and leaves the level where it ended. */
  #count(): void {
    const c = this.#c;
    const { stateBase } = this.#places;
    c.i32(0)
      .get(this.#span)
      .i32(7)
      .op(OP.i32And)
      .mem(MEM.i32Store, stateBase + STATE.level);
    c.get(this.#span).i32(3).op(OP.i32Shl).tee(this.#scratch);
    c.get(this.#scratch)
      .mem(MEM.i64Load, stateBase + STATE.counts)
      .i64(1n)
      .op(OP.i64Add);
    c.mem(MEM.i64Store, stateBase + STATE.counts);
  }
}
