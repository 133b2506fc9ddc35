/**
 * Accesses to linear memory in generated code: a probe of the fast table and, on a miss, a call.
 *
 * A hit is one comparison: the tag is the page of the address, and the probe looks for the page of
 * the access's *last* byte in the slot of its first, so an access across a page boundary misses by
 * itself.
 */

import type { Code } from "../../wasm/code.ts";
import { MEM, OP } from "../../wasm/opcodes.ts";
import { SIMD } from "../../wasm/simd-opcodes.ts";
import type { Builder } from "../builder/builder.ts";
import type { Place } from "../builder/target.ts";
import { type Value, value } from "../builder/value.ts";
import { CELL } from "../layout.ts";
import { FAST_ADDEND, FAST_SLOT_MASK, FAST_SLOT_SHIFT, FAST_TAG } from "./fast-table.ts";
import { type Frame, loadOf, storeOf } from "./frame.ts";
import type { EngineFunctions } from "./module-functions.ts";

/** Added to the size of an access to the stack that the instruction makes by itself. */
export const STACK_ACCESS = 0x80;

export class MemoryPath {
  builder!: Builder;
  readonly #code: Code;
  readonly #state: number;
  readonly #frame: Frame;
  readonly #functions: EngineFunctions;

  constructor(code: Code, state: number, frame: Frame, functions: EngineFunctions) {
    this.#code = code;
    this.#state = state;
    this.#frame = frame;
    this.#functions = functions;
  }

  load(bytes: number, linear: Value, signed: boolean, flags = 0): Value {
    const c = this.#code;
    const result = this.builder.local("i64");
    const slot = this.#probe(CELL.readTable, bytes, linear);
    c.if("i64");
    this.#host(linear, slot);
    c.mem(loadOf(bytes, signed));
    c.else();
    this.#callSlow(this.#functions.slowRead, linear, bytes | flags);
    c.i32(0).mem(loadOf(bytes, signed), this.#state + CELL.value);
    c.end().set(result);
    c.free(slot);
    return value("i64", (code) => code.get(result));
  }

  store(bytes: number, linear: Value, v: Value, flags = 0): void {
    const c = this.#code;
    const slot = this.#probe(CELL.writeTable, bytes, linear);
    c.if();
    this.#host(linear, slot);
    v.emit(c);
    c.mem(storeOf(bytes));
    c.else();
    c.i32(0);
    v.emit(c);
    c.mem(storeOf(bytes), this.#state + CELL.value);
    this.#callSlow(this.#functions.slowWrite, linear, bytes | flags);
    c.end();
    c.free(slot);
  }

  modify(bytes: number, linear: Value): Place {
    const c = this.#code;
    const result = this.builder.local("i64");
    const host = this.builder.local("i32");
    const slot = this.#probe(CELL.writeTable, bytes, linear);
    c.if("i64");
    this.#host(linear, slot);
    c.tee(host).mem(loadOf(bytes, true));
    c.else();
    this.#callSlow(this.#functions.slowModify, linear, bytes);
    c.i32(0).set(host);
    c.i32(0).mem(loadOf(bytes, true), this.#state + CELL.value);
    c.end().set(result);
    c.free(slot);
    return {
      value: value("i64", (code) => code.get(result)),
      write: (v) => this.#finishModify(bytes, linear, host, v),
    };
  }

  loadVector(linear: Value): Value {
    const c = this.#code;
    const result = this.builder.local("v128");
    const slot = this.#probe(CELL.readTable, 16, linear);
    c.if("v128");
    this.#host(linear, slot);
    c.simdMem(SIMD.load);
    c.else();
    this.#callSlow(this.#functions.slowRead, linear, 16);
    c.i32(0).simdMem(SIMD.load, this.#state + CELL.value);
    c.end().set(result);
    c.free(slot);
    return value("v128", (code) => code.get(result));
  }

  storeVector(linear: Value, v: Value): void {
    const c = this.#code;
    const slot = this.#probe(CELL.writeTable, 16, linear);
    c.if();
    this.#host(linear, slot);
    v.emit(c);
    c.simdMem(SIMD.store);
    c.else();
    c.i32(0);
    v.emit(c);
    c.simdMem(SIMD.store, this.#state + CELL.value);
    this.#callSlow(this.#functions.slowWrite, linear, 16);
    c.end();
    c.free(slot);
  }

  /** Goes to the fault exit if a fault is in its cell. */
  faultCheck(): void {
    this.#code
      .i32(0)
      .mem(MEM.i32Load, this.#state + CELL.fault)
      .brIf(this.#frame.fault);
  }

  #finishModify(bytes: number, linear: Value, host: number, v: Value): void {
    const c = this.#code;
    c.get(host).if();
    c.get(host);
    v.emit(c);
    c.mem(storeOf(bytes));
    c.else();
    c.i32(0);
    v.emit(c);
    c.mem(storeOf(bytes), this.#state + CELL.value);
    this.#callSlow(this.#functions.slowWrite, linear, bytes);
    c.end();
  }

  /** Leaves "hit" on the stack and the slot's host address in the local that it returns. */
  #probe(table: number, bytes: number, linear: Value): number {
    const c = this.#code;
    const slot = c.local("i32");
    linear.emit(c);
    c.i64(BigInt(FAST_SLOT_SHIFT)).op(OP.i64ShrU, OP.i32WrapI64).i32(FAST_SLOT_MASK).op(OP.i32And);
    c.i32(0)
      .mem(MEM.i32Load, this.#state + table)
      .op(OP.i32Add)
      .tee(slot);
    c.mem(MEM.i64Load, FAST_TAG);
    linear.emit(c);
    if (bytes > 1) c.i64(BigInt(bytes - 1)).op(OP.i64Add);
    c.i64(-4096n)
      .op(OP.i64And)
      .i32(0)
      .mem(MEM.i64Load, this.#state + CELL.fastGeneration);
    c.op(OP.i64Or, OP.i64Eq);
    return slot;
  }

  #host(linear: Value, slot: number): void {
    const c = this.#code;
    linear.emit(c);
    c.op(OP.i32WrapI64).get(slot).mem(MEM.i32Load, FAST_ADDEND).op(OP.i32Add);
  }

  #callSlow(slow: number, linear: Value, bytes: number): void {
    const c = this.#code;
    const { record, next, budget, fault } = this.#frame;
    const status = c.local("i32");
    linear.emit(c);
    c.i32(bytes).get(record).get(budget).call(slow).tee(status).if();
    c.get(status).i32(0).op(OP.i32LtS).brIf(fault);
    c.get(status).set(next);
    c.end();
    c.free(status);
  }
}
