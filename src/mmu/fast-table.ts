/**
 * The fast table: host addresses of recently used pages, derived from the architectural TLB and
 * droppable at any time. Generated code probes it inline; "no entry" leads to the `Mmu`.
 *
 * One direct-mapped table for each privilege context and each kind of access, so that rights, dirty
 * tracking, watched pages, ROM and devices are all just "no entry". An entry has 16 bytes:
 *
 *     0  tag: linear address bits 63:12; bits 11:0 are the generation, never 0
 *     8  addend: host address = low half of the linear address + addend, modulo 2^32
 *
 * Dropping everything is a new generation; after 4,095 of them the tables are wiped once.
 */
import { badArgument } from "../base/errors.ts";
import type { LinearMemory } from "../memory/layout.ts";
import type { Code } from "../wasm/code.ts";
import { MEM, OP } from "../wasm/opcodes.ts";
import { WRITE } from "./access.ts";
import type { TlbEntry } from "./tlb-model.ts";

/** User-mode; supervisor-mode; supervisor-mode with SMAP suspended by EFLAGS.AC. */
export const FAST_CONTEXT = { user: 0, supervisor: 1, supervisorAc: 2 } as const;

const CONTEXTS = 3;
const KINDS = 3;
const LAST_GENERATION = 4095;

export const FAST = { tag: 0, addend: 8, shift: 4 } as const;

export class FastTable {
  /** log2 of the entries in each of the nine tables. */
  readonly indexBits: number;
  /** Host address of the first table. */
  readonly base: number;
  /** Host address of the i64 in which generated code finds the generation. */
  readonly generationAt: number;
  readonly #linear: LinearMemory;
  readonly #int32: Int32Array;
  #generation = 1;

  /**
   * @param indexBits 4..14; 10 gives 1,024 pages a table
   * @throws ArgumentError for others
   */
  constructor(linear: LinearMemory, indexBits = 10) {
    if (!Number.isInteger(indexBits) || indexBits < 4 || indexBits > 14) {
      badArgument("fastIndexBits", "4..14", indexBits);
    }
    this.indexBits = indexBits;
    this.#linear = linear;
    this.#int32 = linear.int32;
    this.generationAt = linear.reserve(8);
    this.base = linear.reserve(this.#tableBytes * CONTEXTS * KINDS);
    this.#int32[this.generationAt >>> 2] = this.#generation;
  }

  get #tableBytes(): number {
    return 1 << (this.indexBits + FAST.shift);
  }

  /** Host address of one table. @param kind READ, WRITE or FETCH */
  tableAt(context: number, kind: number): number {
    return this.base + (context * KINDS + kind) * this.#tableBytes;
  }

  /** The host address for an access that lies in one page, or 0. */
  lookup(context: number, kind: number, hi: number, lo: number): number {
    const slot = this.#slot(context, kind, lo);
    if (this.#int32[slot] !== ((lo & ~0xfff) | this.#generation)) return 0;
    if (this.#int32[slot + 1] !== hi) return 0;
    return (lo + (this.#int32[slot + 2] as number)) >>> 0;
  }

  /** Enters a page. @param host the host address of the byte at this linear address */
  insert(context: number, kind: number, hi: number, lo: number, host: number): void {
    const slot = this.#slot(context, kind, lo);
    this.#int32[slot] = (lo & ~0xfff) | this.#generation;
    this.#int32[slot + 1] = hi;
    this.#int32[slot + 2] = host - lo;
  }

  /** Drops what was derived from this translation. */
  dropEntry(entry: Readonly<TlbEntry>): void {
    if (entry.pageBytes === 4096) this.dropPage(entry.lo);
    else this.dropAll();
  }

  /** Drops the 4-KByte page whose address has this low half (and its likes, which is lawful). */
  dropPage(lo: number): void {
    for (let context = 0; context < CONTEXTS; context++) {
      for (let kind = 0; kind < KINDS; kind++) this.#int32[this.#slot(context, kind, lo)] = 0;
    }
  }

  /** Drops the ways to write the page at host address `page`, and nothing else. */
  dropWritesTo(page: number): void {
    for (let context = 0; context < CONTEXTS; context++) {
      const first = this.tableAt(context, WRITE) >>> 2;
      for (let slot = first; slot < first + (this.#tableBytes >>> 2); slot += 4) {
        const lo = (this.#int32[slot] as number) & ~0xfff;
        if ((lo + (this.#int32[slot + 2] as number)) >>> 0 === page) this.#int32[slot] = 0;
      }
    }
  }

  dropAll(): void {
    if (this.#generation === LAST_GENERATION) {
      this.#generation = 0;
      this.#linear.bytes.fill(0, this.base, this.base + this.#tableBytes * CONTEXTS * KINDS);
    }
    this.#generation += 1;
    this.#int32[this.generationAt >>> 2] = this.#generation;
  }

  /** Gives the tables' memory back; they are of no use afterwards. */
  dispose(): void {
    this.#linear.release(this.generationAt, 8);
    this.#linear.release(this.base, this.#tableBytes * CONTEXTS * KINDS);
  }

  #slot(context: number, kind: number, lo: number): number {
    const index = (lo >>> 12) & ((1 << this.indexBits) - 1);
    return (this.tableAt(context, kind) + (index << FAST.shift)) >>> 2;
  }
}

/**
 * Emits a probe: from the i64 local `va` to the host address in the i32 local `host`, or to the
 * code that `miss` emits (which has to leave the same block, or set `host` itself).
 *
 * The tag of the page that holds the access's *last* byte is compared with the entry of the page
 * that holds its first, so an access that crosses pages misses by itself.
 *
 * @param table pushes the host address of the table as i32
 */
export function emitFastProbe(
  c: Code,
  fast: { readonly indexBits: number; readonly generationAt: number },
  locals: { readonly va: number; readonly host: number },
  accessBytes: number,
  table: (c: Code) => void,
  miss: (c: Code) => void,
): void {
  const { va, host } = locals;
  c.get(va)
    .i64(BigInt(12 - FAST.shift))
    .op(OP.i64ShrU, OP.i32WrapI64);
  c.i32(((1 << fast.indexBits) - 1) << FAST.shift).op(OP.i32And);
  table(c);
  c.op(OP.i32Add).tee(host).mem(MEM.i64Load, FAST.tag);
  c.get(va);
  if (accessBytes > 1) c.i64(BigInt(accessBytes - 1)).op(OP.i64Add);
  c.i64(-4096n).op(OP.i64And).i32(0).mem(MEM.i64Load, fast.generationAt).op(OP.i64Or, OP.i64Eq);
  c.if();
  c.get(host).mem(MEM.i32Load, FAST.addend).get(va).op(OP.i32WrapI64, OP.i32Add).set(host);
  c.else();
  miss(c);
  c.end();
}
