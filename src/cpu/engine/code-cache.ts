/**
 * Pre-decoded blocks: where their records lie, which physical page each comes from, and how they
 * are found and dropped.
 *
 * Links between blocks stay within a page and all blocks of a page are dropped together, so a link
 * never dangles. Dropped records stay in place, made stale, until the whole area is flushed, which
 * only happens while no record is being executed.
 */
import type { PhysicalMemory } from "../../memory/physical-memory.ts";
import { BLOCK_SLOT, BLOCK_TABLE_BYTES, blockSlotOffset } from "./block-table.ts";
import { HANDLER_STALE, RECORD_BYTES } from "./record.ts";

/** One physical page with blocks. */
export interface CodePage {
  readonly physical: number;
  /** Number by which its records name it; 0 is no page. */
  readonly number: number;
  /** Block by code context and offset in the page. */
  readonly blocks: Map<number, number>;
  /** Host addresses of those blocks' first bytes, by block. */
  readonly hosts: Map<number, number>;
  /** First and last-plus-one record of each block. */
  readonly ranges: number[];
  /** For each 64 bytes of the page: whether an instruction lies there. */
  readonly lines: Uint8Array;
  readonly unwatch: () => void;
}

const LINE_SHIFT = 6;
const CONTEXT_FACTOR = 4096;

export class CodeCache {
  /** Host address of the hash table. */
  readonly tableBase: number;
  readonly #memory: PhysicalMemory;
  readonly #int32: Int32Array;
  readonly #begin: number;
  readonly #end: number;
  #next: number;
  #pages = new Map<number, CodePage>();
  #byNumber: (CodePage | undefined)[] = [undefined];
  /** Called after everything was dropped. */
  onFlush: () => void = () => {};

  /** @param recordBytes room for records; about 64 bytes an instruction that is executed */
  constructor(memory: PhysicalMemory, recordBytes: number) {
    this.#memory = memory;
    this.#int32 = memory.linear.int32;
    this.tableBase = memory.linear.reserve(BLOCK_TABLE_BYTES);
    this.#begin = memory.linear.reserve(recordBytes);
    this.#end = this.#begin + recordBytes;
    this.#next = this.#begin;
  }

  /** Pages that have blocks. */
  get pageCount(): number {
    return this.#pages.size;
  }

  /** Room for `count` records, or 0: then `flush` first. */
  room(count: number): number {
    return this.#next + count * RECORD_BYTES <= this.#end ? this.#next : 0;
  }

  page(physical: number): CodePage {
    const known = this.#pages.get(physical);
    if (known) return known;
    const page: CodePage = {
      physical,
      number: this.#byNumber.length,
      blocks: new Map(),
      hosts: new Map(),
      ranges: [],
      lines: new Uint8Array(64),
      unwatch: this.#memory.watch(physical, (at, bytes) => this.#written(page, at, bytes)),
    };
    this.#pages.set(physical, page);
    this.#byNumber.push(page);
    return page;
  }

  pageByNumber(number: number): CodePage | undefined {
    return this.#byNumber[number];
  }

  /** The block at an offset of a page, or 0. */
  lookup(page: CodePage, context: number, offset: number): number {
    return page.blocks.get(context * CONTEXT_FACTOR + offset) ?? 0;
  }

  /**
   * Takes the records from `room` up to `end` for good as a block.
   * @param codeBytes how many bytes of code it holds
   */
  add(page: CodePage, context: number, offset: number, end: number, codeBytes: number): number {
    const block = this.#next;
    this.#next = end;
    page.blocks.set(context * CONTEXT_FACTOR + offset, block);
    page.ranges.push(block, end);
    const last = (offset + codeBytes - 1) >> LINE_SHIFT;
    for (let line = offset >> LINE_SHIFT; line <= last; line++) page.lines[line] = 1;
    return block;
  }

  /** Enters a block into the hash table. */
  publish(page: CodePage, host: number, context: number, block: number): void {
    const slot = (this.tableBase + blockSlotOffset(host)) >>> 2;
    this.#int32[slot + BLOCK_SLOT.host / 4] = host;
    this.#int32[slot + BLOCK_SLOT.context / 4] = context;
    this.#int32[slot + BLOCK_SLOT.block / 4] = block;
    page.hosts.set(block, host);
  }

  /** Drops the blocks of one page; code that is running there goes on through stale records. */
  dropPage(physical: number): void {
    const page = this.#pages.get(physical);
    if (!page) return;
    this.#pages.delete(physical);
    this.#byNumber[page.number] = undefined;
    page.unwatch();
    this.#makeStale(page);
  }

  /** Drops everything and reuses the space: no record may be in use. */
  flush(): void {
    for (const page of this.#pages.values()) page.unwatch();
    this.#pages = new Map();
    this.#byNumber = [undefined];
    this.#int32.fill(0, this.tableBase >>> 2, (this.tableBase + BLOCK_TABLE_BYTES) >>> 2);
    this.#next = this.#begin;
    this.onFlush();
  }

  /** Drops everything while records may be in use: the space stays taken until the next flush. */
  dropAll(): void {
    for (const physical of [...this.#pages.keys()]) this.dropPage(physical);
  }

  #makeStale(page: CodePage): void {
    const { ranges } = page;
    for (let i = 0; i < ranges.length; i += 2) {
      const end = ranges[i + 1] as number;
      // The block's length in the same word is void too: a stale block takes nothing of the budget.
      for (let at = ranges[i] as number; at < end; at += RECORD_BYTES) {
        const word = at >>> 2;
        this.#int32[word] = ((this.#int32[word] as number) & ~0xffff) | HANDLER_STALE;
      }
    }
    for (const [, host] of page.hosts) {
      const slot = (this.tableBase + blockSlotOffset(host)) >>> 2;
      if (this.#int32[slot] === host) this.#int32[slot] = 0;
    }
  }

  #written(page: CodePage, at: number, bytes: number): void {
    const first = (at % 4096) >> LINE_SHIFT;
    const last = ((at % 4096) + bytes - 1) >> LINE_SHIFT;
    for (let line = first; line <= last; line++) {
      if (page.lines[line] === 1) {
        this.dropPage(page.physical);
        return;
      }
    }
  }
}
