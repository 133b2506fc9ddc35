/** Emits the generated walk's use of the paging-structure caches (upper-caches.ts). */
import type { Code, Label } from "../wasm/code.ts";
import { MEM, OP } from "../wasm/opcodes.ts";
import { STATE } from "./mmu-state.ts";
import type { LevelFormat, PagingMode } from "./paging-mode.ts";
import { UPPER, type UpperCacheArea } from "./upper-caches.ts";

/** The locals of a walk that the caches give or keep. */
export interface UpperLocals {
  /** i64: the linear address. */
  readonly va: number;
  /** i64: all entries on the way, ANDed, with XD inverted. */
  readonly all: number;
  /** i32: host address of the next table. */
  readonly host: number;
  /** i32: the level where the walk begins, times 8. */
  readonly span: number;
}

/** A linear address has at most 57 bits that mean something. */
const UNUSED_LINEAR_BITS = 7n;

export class UpperEmitter {
  readonly #c: Code;
  readonly #mode: PagingMode;
  readonly #areas: readonly UpperCacheArea[];
  readonly #locals: UpperLocals;
  readonly #tag: number;
  readonly #slot: number;

  /** @param areas the caches to use; none to walk without */
  constructor(c: Code, mode: PagingMode, areas: readonly UpperCacheArea[], locals: UpperLocals) {
    this.#c = c;
    this.#mode = mode;
    // PAE's top level is in registers anyway.
    const last = mode.kind === "pae" ? 2 : mode.levels;
    this.#areas = areas.filter(({ level }) => level <= last);
    this.#locals = locals;
    this.#tag = c.local("i64");
    this.#slot = c.local("i32");
  }

  /** Loads the current PCID's part of the tags. */
  prepare(stateBase: number): void {
    this.#c.i32(stateBase).mem(MEM.i64Load, STATE.upperTag).set(this.#tag);
  }

  /** If a cache knows the address, goes to `targets` one level below, from the lowest cache up. */
  probe(targets: readonly Label[]): void {
    const c = this.#c;
    const { all, host, span } = this.#locals;
    for (const { level, base, entries } of this.#areas) {
      this.#pushSlot(level, entries);
      c.set(this.#slot);
      this.#pushTag(level);
      c.get(this.#slot)
        .mem(MEM.i64Load, base + UPPER.tag)
        .op(OP.i64Eq)
        .if();
      c.get(this.#slot)
        .mem(MEM.i64Load, base + UPPER.gathered)
        .set(all);
      c.get(this.#slot)
        .mem(MEM.i32Load, base + UPPER.host)
        .set(host);
      c.i32((level - 1) << 3).set(span);
      c.br(targets[level - 1] as Label).end();
    }
  }

  /**
   * Keeps what an entry of this level led to, if `pushAllowed` pushes something that is not 0.
   * @param table the i64 local of the table's physical address
   */
  keep(level: number, table: number, pushAllowed: () => void, pushRights: () => void): void {
    const area = this.#areas.find((candidate) => candidate.level === level);
    if (area === undefined) return;
    const c = this.#c;
    const { base, entries } = area;
    pushAllowed();
    c.if();
    this.#pushSlot(level, entries);
    c.tee(this.#slot);
    this.#pushTag(level);
    c.mem(MEM.i64Store, base + UPPER.tag);
    c.get(this.#slot).get(table);
    pushRights();
    c.op(OP.i64ExtendI32U, OP.i64Or).mem(MEM.i64Store, base + UPPER.table);
    c.get(this.#slot)
      .get(this.#locals.host)
      .mem(MEM.i32Store, base + UPPER.host);
    c.get(this.#slot)
      .get(this.#locals.all)
      .mem(MEM.i64Store, base + UPPER.gathered);
    c.end();
  }

  /** The offset of the address's slot in the cache of this level. */
  #pushSlot(level: number, entries: number): void {
    const shift = BigInt(this.#shift(level) - UPPER.shift);
    this.#c.get(this.#locals.va).i64(shift).op(OP.i64ShrU, OP.i32WrapI64);
    this.#c.i32((entries - 1) << UPPER.shift).op(OP.i32And);
  }

  /** The tag that this slot has if it knows the address. */
  #pushTag(level: number): void {
    const shift = BigInt(this.#shift(level)) + UNUSED_LINEAR_BITS;
    this.#c.get(this.#locals.va).i64(UNUSED_LINEAR_BITS).op(OP.i64Shl);
    this.#c.i64(shift).op(OP.i64ShrU).get(this.#tag).op(OP.i64Or);
  }

  #shift(level: number): number {
    return (this.#mode.formats[level] as LevelFormat).shift;
  }
}
