/** Decodes instructions into blocks of records. */
import type { PhysicalMemory } from "../../memory/physical-memory.ts";
import {
  DECODE_INVALID,
  DECODE_MORE,
  DECODE_OK,
  DECODE_TOO_LONG,
  DecodedInstruction,
  type DecodeStatus,
} from "../decode/decoded.ts";
import type { Decoder } from "../decode/decoder.ts";
import { instructionRows } from "../decode/rows.ts";
import type { CodeCache, CodePage } from "./code-cache.ts";
import type { CodeContext } from "./code-context.ts";
import type { HelperTable } from "./helper-table.ts";
import {
  APART,
  HANDLER_APART,
  HANDLER_FALL_THROUGH,
  HANDLER_FAULT,
  HANDLER_HELPER,
  HANDLER_STEP_END,
  LINK_ELSEWHERE,
  RECORD,
  RECORD_BYTES,
} from "./record.ts";
import type { RecordWriter } from "./record-writer.ts";
import type { ShapeTable } from "./shapes.ts";

const MAX_BLOCK_INSTRUCTIONS = 32;
const PAGE_BYTES = 4096;
/** Single blocks that are not cached; the one being executed must outlive the building of the next. */
const SCRATCH_BLOCKS = 8;
const SCRATCH_RECORDS = 2;

const UD = 6 << 16;
const GP = 13 << 16;

export class BlockBuilder {
  readonly #helpers: HelperTable<unknown>;
  readonly #decoder: Decoder;
  readonly #shapes: ShapeTable;
  readonly #writer: RecordWriter;
  readonly #cache: CodeCache;
  readonly #bytes: Uint8Array;
  readonly #int32: Int32Array;
  readonly #decoded = new DecodedInstruction();
  readonly #scratch: number;
  #scratchIndex = 0;
  /** Called before a record refers to a function of its own. */
  requireApart: (index: number) => void = () => {};

  constructor(
    memory: PhysicalMemory,
    decoder: Decoder,
    shapes: ShapeTable,
    writer: RecordWriter,
    cache: CodeCache,
    helpers: HelperTable<unknown>,
  ) {
    this.#decoder = decoder;
    this.#shapes = shapes;
    this.#writer = writer;
    this.#cache = cache;
    this.#helpers = helpers;
    this.#bytes = memory.linear.bytes;
    this.#int32 = memory.linear.int32;
    this.#scratch = memory.linear.reserve(SCRATCH_BLOCKS * SCRATCH_RECORDS * RECORD_BYTES);
  }

  /**
   * Builds the block at an offset of a page.
   * @param host host address of its first byte
   * @param available bytes that may be read: to the page's end or the code segment's limit
   * @returns the block; 0 if the first instruction does not lie in the page as a whole
   */
  build(
    page: CodePage,
    context: CodeContext,
    offset: number,
    host: number,
    available: number,
  ): number {
    const begin = this.#cache.room(MAX_BLOCK_INSTRUCTIONS + 1);
    let at = begin;
    let count = 0;
    let used = 0;
    let open = true;
    while (open && count < MAX_BLOCK_INSTRUCTIONS && offset + used < PAGE_BYTES) {
      const status = this.#decode(this.#bytes, host + used, available - used, context);
      if (status === DECODE_MORE && count === 0) return 0;
      if (status !== DECODE_OK && count > 0) break;
      open = this.#write(at, offset + used, status, context, page.number);
      used += status === DECODE_OK ? this.#decoded.length : 1;
      at += RECORD_BYTES;
      count += 1;
    }
    if (open) this.#fallThrough(at, offset + used, page.number);
    this.#count(begin, count);
    return this.#cache.add(page, context.number, offset, at + (open ? RECORD_BYTES : 0), used);
  }

  /**
   * Builds a block of one instruction outside the cache.
   * @param bytes 15 bytes of code, or as many as can be fetched
   * @param stops whether to leave generated code after the instruction
   * @returns the block; 0 if the instruction needs more bytes
   */
  buildSingle(bytes: Uint8Array, context: CodeContext, offset: number, stops: boolean): number {
    const status = this.#decode(bytes, 0, bytes.length, context);
    if (status === DECODE_MORE) return 0;
    const begin = this.#scratch + this.#scratchIndex * SCRATCH_RECORDS * RECORD_BYTES;
    this.#scratchIndex = (this.#scratchIndex + 1) % SCRATCH_BLOCKS;
    const open = this.#write(begin, offset, status, context, 0);
    if (open) {
      const next = begin + RECORD_BYTES;
      this.#fallThrough(next, offset + this.#decoded.length, 0);
      if (stops) this.#int32[next >>> 2] = HANDLER_STEP_END;
      else this.#int32[(next + RECORD.link) >>> 2] = LINK_ELSEWHERE;
    }
    this.#count(begin, 1);
    return begin;
  }

  #decode(bytes: Uint8Array, at: number, available: number, context: CodeContext): DecodeStatus {
    return this.#decoder.decode(bytes, at, available, context.mode, this.#decoded);
  }

  /** Writes one record. @returns whether the block goes on after it */
  #write(
    at: number,
    offset: number,
    status: DecodeStatus,
    context: CodeContext,
    page: number,
  ): boolean {
    if (status === DECODE_INVALID) return this.#fault(at, offset, UD);
    if (status === DECODE_TOO_LONG) return this.#fault(at, offset, GP);
    const i = this.#decoded;
    const row = instructionRows[i.row];
    if (!row || (context.real && row.protectedOnly)) return this.#fault(at, offset, UD);
    const long = context.mode === 64;
    const handler = this.#shapes.handlerOf({
      row: i.row,
      operandBytes: i.operandBytes,
      addressBytes: i.addressBytes,
      memory: i.memory !== 0,
      condition: i.condition,
      rep: i.rep,
      long,
    });
    const helper = this.#helpers.find(row.semantic);
    if (handler >= 0) {
      this.#instruction(at, handler, offset, i, long);
      // Generated code may hand what is rare over to a helper.
      if (helper) this.#int32[(at + RECORD.detail) >>> 2] = this.#helpers.keep(i, helper);
      if (row.operands.some((operand) => operand.startsWith("J"))) {
        this.#int32[(at + RECORD.detail) >>> 2] = page;
      }
      return this.#shapes.definitionOf(row)?.ends !== true;
    }
    if (!helper) return this.#fault(at, offset, UD);
    this.#writer.write(at, HANDLER_HELPER, offset, i, long);
    this.#int32[(at + RECORD.detail) >>> 2] = this.#helpers.keep(i, helper);
    return helper.continues === true;
  }

  #instruction(
    at: number,
    handler: number,
    offset: number,
    i: DecodedInstruction,
    long: boolean,
  ): void {
    if (handler < APART) {
      this.#writer.write(at, handler, offset, i, long);
      return;
    }
    this.requireApart(handler - APART);
    this.#writer.write(at, HANDLER_APART, offset, i, long);
    this.#int32[(at + RECORD.link) >>> 2] = handler - APART;
  }

  #fault(at: number, offset: number, fault: number): boolean {
    this.#writer.head(at, HANDLER_FAULT, offset, 0);
    this.#int32[(at + RECORD.immediate) >>> 2] = fault;
    return false;
  }

  #fallThrough(at: number, offset: number, page: number): void {
    this.#writer.head(at, HANDLER_FALL_THROUGH, offset & 0xfff, 0);
    this.#writer.target(at, offset, 8);
    this.#int32[(at + RECORD.detail) >>> 2] = page;
    this.#bytes[at + RECORD.after] = 0xff;
  }

  #count(begin: number, count: number): void {
    this.#bytes[begin + RECORD.blockLength] = count;
    for (let n = 0; n < count; n++) {
      this.#bytes[begin + n * RECORD_BYTES + RECORD.after] = count - 1 - n;
    }
  }
}
