/**
 * Tier 0: runs the processor's instructions in generated code, from block to block.
 *
 * The engine knows nothing of exceptions, interrupts and time: it executes until its budget is
 * used up, an instruction faults, or something asks it to stop, always exactly between two
 * instructions (or two iterations of a repeated one).
 */

import type { PhysicalMemory } from "../../memory/physical-memory.ts";
import { FETCH, READ, USER, WRITE } from "../../mmu/access.ts";
import { GP_ZERO } from "../../mmu/fault.ts";
import type { Mmu } from "../../mmu/mmu.ts";
import type { DecodeMode, Decoder } from "../decode/decoder.ts";
import { CELL } from "../layout.ts";
import type { SemanticGroup } from "../semantics/group.ts";
import type { CpuState } from "../state.ts";
import { ApartFunctions } from "./apart.ts";
import { BlockBuilder } from "./block-builder.ts";
import { CodeCache } from "./code-cache.ts";
import { type CodeContext, CodeContexts, NO_CONTEXT } from "./code-context.ts";
import type { HelperTable } from "./helper-table.ts";
import { MemoryPort } from "./memory-port.ts";
import { compiledModule, EXIT_BEFORE } from "./module.ts";
import { HANDLER_STOP, LINK_ELSEWHERE, RECORD, RECORD_BYTES } from "./record.ts";
import { RecordWriter } from "./record-writer.ts";
import { type ShapeTable, shapeTable } from "./shapes.ts";

export { EXIT_BEFORE, EXIT_BUDGET, EXIT_STOP } from "./module.ts";

export interface EngineParts<Cpu> {
  readonly memory: PhysicalMemory;
  readonly mmu: Mmu;
  readonly state: CpuState;
  readonly decoder: Decoder;
  readonly semantics: SemanticGroup;
  readonly helpers: HelperTable<Cpu>;
  /** Handed to helpers. */
  readonly cpu: Cpu;
  /** Host memory for records, 4 MiB by default. */
  readonly recordBytes?: number;
}

const DEFAULT_RECORD_BYTES = 4 * 1024 * 1024;
const PAGE_BYTES = 4096;
const MAX_INSTRUCTION_BYTES = 15;
/** Room that a block may need. */
const BLOCK_RECORDS = 40;

export class Engine<Cpu> {
  readonly shapes: ShapeTable;
  readonly cache: CodeCache;
  readonly #parts: EngineParts<Cpu>;
  readonly #builder: BlockBuilder;
  readonly #port: MemoryPort;
  readonly #run: (next: number) => number;
  readonly #contexts: CodeContexts;
  readonly #fetched = new Uint8Array(MAX_INSTRUCTION_BYTES);
  #context: CodeContext = NO_CONTEXT;
  /** Last offset of the code segment. */
  #codeLimit = 0xffff;

  constructor(parts: EngineParts<Cpu>) {
    this.#parts = parts;
    const { memory, mmu, state } = parts;
    this.shapes = shapeTable(parts.semantics);
    this.cache = new CodeCache(memory, parts.recordBytes ?? DEFAULT_RECORD_BYTES);
    this.#contexts = new CodeContexts(() => this.cache.dropAll());
    this.cache.onFlush = () => parts.helpers.clear();
    const { linear } = memory;
    const writer = new RecordWriter(linear.bytes, linear.int32, state.base);
    const helpers = parts.helpers as HelperTable<unknown>;
    this.#builder = new BlockBuilder(
      memory,
      parts.decoder,
      this.shapes,
      writer,
      this.cache,
      helpers,
    );
    const stopRecord = linear.reserve(RECORD_BYTES);
    writer.head(stopRecord, HANDLER_STOP, 0, 0);
    this.#port = new MemoryPort(memory, mmu, state, stopRecord);
    this.#run = this.#instantiate();
    memory.subscribe({ mapChanged: () => this.cache.dropAll() });
  }

  /**
   * Runs until the budget cell is used up or something else ends it.
   * @returns EXIT_BUDGET, EXIT_STOP or EXIT_BEFORE; the rip, budget and fault cells are valid
   */
  run(budget: number): number {
    this.#begin(budget);
    return this.#run(0);
  }

  /** Runs one instruction, or one iteration of a repeated one. */
  step(): number {
    this.#begin(1);
    const block = this.#single(true);
    return block === 0 ? EXIT_BEFORE : this.#run(block);
  }

  /**
   * To be called when the width, the base or the limit of the code segment may have changed.
   * @param base 32 bits; not looked at in 64-bit mode, which has none
   * @param limit int32 or 0 .. 2^32-1; likewise
   */
  setCode(mode: DecodeMode, real: boolean, base: number, limit: number): void {
    const { state } = this.#parts;
    const wide = mode === 64;
    const context = this.#contexts.find(mode, real, wide ? 0 : base, wide ? -1 : limit);
    if (context === this.#context) return;
    this.#context = context;
    this.#codeLimit = wide || limit === -1 ? Number.POSITIVE_INFINITY : limit >>> 0;
    state.set32(CELL.codeContext, context.number);
    state.setPair(CELL.codeBase, 0, context.base);
    state.setPair(CELL.codeMask, wide ? -1 : 0, -1);
  }

  /** To be called when the privilege level or EFLAGS.AC changed. */
  setTables(user: boolean): void {
    const { mmu, state } = this.#parts;
    const context = mmu.fastContext(user ? USER : 0);
    state.set32(CELL.readTable, mmu.fast.tableAt(context, READ));
    state.set32(CELL.writeTable, mmu.fast.tableAt(context, WRITE));
    state.set32(CELL.executeTable, mmu.fast.tableAt(context, FETCH));
  }

  #begin(budget: number): void {
    const { state } = this.#parts;
    state.set32(CELL.budget, budget);
    state.set32(CELL.stop, 0);
    state.set32(CELL.fault, 0);
    this.#port.syncGeneration();
  }

  #instantiate(): (next: number) => number {
    const { linear } = this.#parts.memory;
    const layout = {
      state: this.#parts.state.base,
      blockTable: this.cache.tableBase,
      memoryPages: linear.buffer.byteLength / 65536,
    };
    const port = this.#port;
    const host = {
      memory: linear.wasmMemory,
      read: (size: number, hi: number, lo: number) => port.read(size, hi, lo),
      write: (size: number, hi: number, lo: number) => port.write(size, hi, lo),
      modify: (size: number, hi: number, lo: number) => port.modify(size, hi, lo),
      find: (hi: number, lo: number) => this.#find(hi, lo),
      resolve: (record: number, hi: number, lo: number) => this.#resolve(record, hi, lo),
      helper: (record: number) => this.#helper(record),
    };
    const apart = new ApartFunctions(this.shapes, layout, { host });
    this.#builder.requireApart = (index) => apart.require(index);
    const module = compiledModule(this.shapes, this.#parts.semantics, layout);
    const instance = new WebAssembly.Instance(module, { host: { ...host, apart: apart.table } });
    return instance.exports.run as (next: number) => number;
  }

  /** The block at the linear address of the rip cell; 0 with a fault in its cell. */
  #find(hi: number, lo: number): number {
    const { memory, mmu, state } = this.#parts;
    const fault = mmu.access(hi, lo, this.#fetchAccess());
    this.#port.syncGeneration();
    if (fault !== 0) return this.#fail(fault);
    const offset = lo & (PAGE_BYTES - 1);
    const physical = mmu.physical - offset;
    const host = memory.hostForRead(mmu.physical);
    const limit = this.#codeLimit - Number(state.rip) + 1;
    if (limit <= 0) return this.#fail(GP_ZERO);
    if (host === 0) return this.#single(false);
    if (this.cache.room(BLOCK_RECORDS) === 0) this.cache.flush();
    const page = this.cache.page(physical);
    let block = this.cache.lookup(page, this.#context.number, offset);
    if (block === 0) {
      const available = Math.min(PAGE_BYTES - offset, limit);
      block = this.#builder.build(page, this.#context, offset, host, available);
      this.#port.syncGeneration();
    }
    if (block === 0) return this.#single(false);
    this.cache.publish(page, host, this.#context.number, block);
    return block;
  }

  /** The target block of a relative branch, if it lies in the same page as the branch. */
  #resolve(record: number, hi: number, lo: number): number {
    const { state, memory } = this.#parts;
    const int32 = memory.linear.int32;
    const page = this.cache.pageByNumber(int32[(record + RECORD.detail) >>> 2] as number);
    const mask = state.get64(CELL.codeMask);
    const target = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
    const from = (state.get64(CELL.ipBase) + state.get64(CELL.codeBase)) & mask;
    const linear = (target + state.get64(CELL.codeBase)) & mask;
    const distance = linear - from;
    const limit = this.#codeLimit - Number(target) + 1;
    const near = distance >= 0n && distance < 4096n && limit > 0;
    if (!page || !near) {
      int32[(record + RECORD.link) >>> 2] = LINK_ELSEWHERE;
      return 0;
    }
    if (this.cache.room(BLOCK_RECORDS) === 0) return 0;
    const offset = Number(distance);
    const host = memory.hostForRead(page.physical + offset);
    let block = this.cache.lookup(page, this.#context.number, offset);
    if (block === 0 && host !== 0) {
      const available = Math.min(PAGE_BYTES - offset, limit);
      block = this.#builder.build(page, this.#context, offset, host, available);
      if (block !== 0) this.cache.publish(page, host, this.#context.number, block);
    }
    int32[(record + RECORD.link) >>> 2] = block === 0 ? LINK_ELSEWHERE : block;
    return block;
  }

  /** A block of one instruction at the rip cell, from fetched bytes. */
  #single(stops: boolean): number {
    const { memory, mmu, state } = this.#parts;
    const mask = state.get64(CELL.codeMask);
    const rip = state.rip;
    const linear = (rip + state.get64(CELL.codeBase)) & mask;
    const offset = Number(linear & 0xfffn);
    state.set64(CELL.ipBase, rip - BigInt(offset));
    const limit = Math.min(MAX_INSTRUCTION_BYTES, this.#codeLimit - Number(rip) + 1);
    let fault = limit <= 0 ? GP_ZERO : 0;
    let count = 0;
    while (count < limit && fault === 0) {
      const at = (linear + BigInt(count)) & mask;
      fault = mmu.translate(
        Number(BigInt.asIntN(32, at >> 32n)),
        Number(BigInt.asIntN(32, at)),
        this.#fetchAccess(),
      );
      if (fault !== 0) break;
      const piece = Math.min(limit - count, PAGE_BYTES - Number(at & 0xfffn));
      memory.readBytes(mmu.physical, this.#fetched.subarray(count, count + piece));
      count += piece;
      const block = this.#builder.buildSingle(
        this.#fetched.subarray(0, count),
        this.#context,
        offset,
        stops,
      );
      this.#port.syncGeneration();
      if (block !== 0) return block;
    }
    this.#port.syncGeneration();
    return this.#fail(fault === 0 ? GP_ZERO : fault);
  }

  #fail(fault: number): number {
    this.#parts.state.set32(CELL.fault, fault);
    return 0;
  }

  #fetchAccess(): number {
    return this.#parts.state.get32(CELL.cpl) === 3 ? FETCH | USER : FETCH;
  }

  #helper(record: number): number {
    const { helpers, state, cpu, memory } = this.#parts;
    const int32 = memory.linear.int32;
    const head = int32[(record + RECORD.offset) >>> 2] as number;
    const sum = (state.get32(CELL.ipBase) >>> 0) + (head & 0xffff) + ((head >>> 16) & 0xff);
    const hi = state.get32(CELL.ipBase + 4) + (sum > 0xffff_ffff ? 1 : 0);
    const { codeMask } = CELL;
    state.setPair(CELL.rip, hi & state.get32(codeMask + 4), sum & state.get32(codeMask));
    const outcome = helpers.execute(cpu, int32[(record + RECORD.detail) >>> 2] as number);
    this.#port.syncGeneration();
    if (outcome <= 0) return -outcome;
    state.set32(CELL.fault, outcome);
    return -1;
  }
}
