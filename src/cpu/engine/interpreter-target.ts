/**
 * The builder's target for tier 0: operands come from the record that the local `record` points to.
 */

import { GP_ZERO } from "../../mmu/fault.ts";
import type { Code } from "../../wasm/code.ts";
import { MEM, type MemoryOp, OP } from "../../wasm/opcodes.ts";
import { SIMD } from "../../wasm/simd-opcodes.ts";
import type { Builder } from "../builder/builder.ts";
import { ops } from "../builder/ops.ts";
import type { Operand } from "../builder/shape.ts";
import type { Place, Target } from "../builder/target.ts";
import { const32, type Value, value } from "../builder/value.ts";
import { CELL, gprOffset, SEGMENT, segmentOffset, xmmOffset } from "../layout.ts";
import { type Frame, loadOf, storeOf } from "./frame.ts";
import { MemoryPath, STACK_ACCESS } from "./memory-path.ts";
import type { EngineFunctions } from "./module-functions.ts";
import { COMPLEX, LINK_ELSEWHERE, RECORD } from "./record.ts";

/** An MMX register's bytes in its x87 register; the exponent lies above them. */
const MMX_BYTES = 8;

export class InterpreterTarget implements Target {
  readonly code: Code;
  readonly #state: number;
  readonly #frame: Frame;
  readonly #functions: EngineFunctions;
  readonly #memory: MemoryPath;
  /** The handler has accessed memory, so a device may have asked to stop. */
  #touched = false;
  /** The instruction is the last of its block. */
  #ends = false;

  /** @param state host address of the processor's state */
  constructor(code: Code, state: number, frame: Frame, functions: EngineFunctions) {
    this.code = code;
    this.#state = state;
    this.#frame = frame;
    this.#functions = functions;
    this.#memory = new MemoryPath(code, state, frame, functions);
  }

  /**
   * Begins a handler.
   * @param ends its instruction is always the last of a block
   */
  begin(builder: Builder, ends: boolean): void {
    this.#memory.builder = builder;
    this.#touched = false;
    this.#ends = ends;
  }

  /** Ends a handler: what did not leave goes on with the next record. */
  end(): void {
    this.code.br(this.#frame.dispatch);
  }

  // --- Registers --------------------------------------------------------------------------------

  readRegister(operand: Operand, signed: boolean): Value {
    return this.#at(this.#slot(operand), loadOf(operand.bytes, signed));
  }

  writeRegister(operand: Operand, v: Value): void {
    const wide = operand.bytes === 4;
    this.#slot(operand).emit(this.code);
    (wide ? ops.unsigned(4, v) : v).emit(this.code);
    this.code.mem(storeOf(wide ? 8 : operand.bytes));
  }

  readVector(operand: Operand): Value {
    const op = operand.kind === "mmx" ? SIMD.load64Zero : SIMD.load;
    return value("v128", (c) => {
      this.#slot(operand).emit(c);
      c.simdMem(op);
    });
  }

  writeVector(operand: Operand, v: Value): void {
    const { code } = this;
    this.#slot(operand).emit(code);
    v.emit(code);
    if (operand.kind === "xmm") code.simdMem(SIMD.store);
    else {
      code.simdMem(SIMD.store64Lane, 0, 0);
      this.#slot(operand).emit(code);
      code.i32(0xffff).mem(MEM.i32Store16, MMX_BYTES);
    }
  }

  vectorRegister(index: number): Value {
    return value("v128", (c) => c.i32(0).simdMem(SIMD.load, this.#state + xmmOffset(index)));
  }

  register(index: number): Value {
    return this.cell64(gprOffset(index));
  }

  setRegister(index: number, v: Value): void {
    this.setCell64(gprOffset(index), v);
  }

  immediate(): Value {
    return this.#field64(RECORD.immediate);
  }

  // --- Memory operands --------------------------------------------------------------------------

  offset(): Value {
    return value("i64", (c) => c.get(this.#frame.record).call(this.#functions.offset));
  }

  linear(bytes: number, write: boolean): Value {
    const { record } = this.#frame;
    return value("i64", (c) => {
      const scale = c.local("i32");
      c.get(record).mem(MEM.i32Load8U, RECORD.scale).tee(scale).i32(COMPLEX).op(OP.i32LtU);
      c.if("i64");
      c.get(record).mem(MEM.i32Load, RECORD.base).mem(MEM.i64Load);
      c.get(record).mem(MEM.i32Load, RECORD.index).mem(MEM.i64Load);
      c.get(scale).op(OP.i64ExtendI32U, OP.i64Shl, OP.i64Add);
      c.get(record).mem(MEM.i64Load, RECORD.displacement).op(OP.i64Add);
      c.else();
      c.get(record)
        .i32(bytes)
        .i32(write ? 1 : 0)
        .call(this.#functions.linear);
      this.#memory.faultCheck();
      c.end();
      c.free(scale);
    });
  }

  operandLinear(offset: Value, bytes: number, write: boolean): Value {
    return value("i64", (c) => {
      offset.emit(c);
      c.get(this.#frame.record)
        .i32(bytes)
        .i32(write ? 1 : 0)
        .call(this.#functions.operandLinear);
      this.#memory.faultCheck();
    });
  }

  segmentLinear(index: number, offset: Value, bytes: number, write: boolean): Value {
    const segment = this.#state + segmentOffset(index);
    return value("i64", (c) => {
      offset.emit(c);
      c.i32(segment)
        .i32(bytes)
        .i32(write ? 1 : 0)
        .call(this.#functions.segmentLinear);
      this.#memory.faultCheck();
    });
  }

  load(bytes: number, linear: Value, signed: boolean): Value {
    this.#touched = true;
    return this.#memory.load(bytes, linear, signed);
  }

  store(bytes: number, linear: Value, v: Value): void {
    this.#touched = true;
    this.#memory.store(bytes, linear, v);
  }

  loadStack(bytes: number, linear: Value): Value {
    this.#touched = true;
    return this.#memory.load(bytes, linear, true, STACK_ACCESS);
  }

  storeStack(bytes: number, linear: Value, v: Value): void {
    this.#touched = true;
    this.#memory.store(bytes, linear, v, STACK_ACCESS);
  }

  modify(bytes: number, linear: Value): Place {
    this.#touched = true;
    return this.#memory.modify(bytes, linear);
  }

  loadVector(linear: Value): Value {
    this.#touched = true;
    return this.#memory.loadVector(linear);
  }

  storeVector(linear: Value, v: Value): void {
    this.#touched = true;
    this.#memory.storeVector(linear, v);
  }

  // --- Cells ------------------------------------------------------------------------------------

  cell64(offset: number): Value {
    return value("i64", (c) => c.i32(0).mem(MEM.i64Load, this.#state + offset));
  }

  setCell64(offset: number, v: Value): void {
    this.code.i32(0);
    v.emit(this.code);
    this.code.mem(MEM.i64Store, this.#state + offset);
  }

  cell32(offset: number): Value {
    return value("i32", (c) => c.i32(0).mem(MEM.i32Load, this.#state + offset));
  }

  setCell32(offset: number, v: Value): void {
    this.code.i32(0);
    v.emit(this.code);
    this.code.mem(MEM.i32Store, this.#state + offset);
  }

  // --- Control ----------------------------------------------------------------------------------

  instructionPointer(): Value {
    return ops.add(
      this.cell64(CELL.ipBase),
      ops.widenU(this.#field(MEM.i32Load16U, RECORD.offset)),
    );
  }

  nextInstructionPointer(): Value {
    const length = ops.widenU(this.#field(MEM.i32Load8U, RECORD.length));
    return ops.add(this.instructionPointer(), length);
  }

  selector(operand: Operand): Value {
    return value("i64", (c) => {
      this.#slot(operand).emit(c);
      c.mem(MEM.i64Load16U, SEGMENT.selector);
    });
  }

  checkTarget(instructionPointer: Value, long: boolean): void {
    const { code } = this;
    if (long) {
      const shift = this.cell64(CELL.canonicalShift);
      ops.ne(ops.shrS(ops.shl(instructionPointer, shift), shift), instructionPointer).emit(code);
    } else ops.gtU(instructionPointer, this.cell64(CELL.codeLimit)).emit(code);
    code.if();
    this.fault(GP_ZERO);
    code.end();
  }

  fault(fault: number | Value): void {
    this.setCell32(CELL.fault, typeof fault === "number" ? const32(fault) : fault);
    this.code.br(this.#frame.fault);
  }

  callHelper(): void {
    const { record, budget, fault } = this.#frame;
    this.setCell32(
      CELL.budget,
      value("i32", (c) => c.get(budget)),
    );
    this.setCell32(
      CELL.record,
      value("i32", (c) => c.get(record)),
    );
    this.code.get(record).call(this.#functions.helper).brIf(fault);
  }

  jump(instructionPointer: Value): void {
    instructionPointer.emit(this.code);
    this.code.set(this.#frame.target);
    this.#leaveForTarget();
  }

  jumpRelative(): void {
    const { code } = this;
    const { record, next, budget, target, enter, lookup } = this.#frame;
    if (this.#touched) {
      this.jump(this.#relativeTarget());
      return;
    }
    this.#refund();
    code.get(record).mem(MEM.i32Load, RECORD.link).tee(next).i32(LINK_ELSEWHERE).op(OP.i32GtU);
    code.brIf(enter);
    this.#relativeTarget().emit(code);
    code.set(target);
    code.get(next).op(OP.i32Eqz).if();
    code.get(target).get(record).get(budget).call(this.#functions.resolve).tee(next);
    code.brIf(enter);
    code.end();
    code.i32(0).set(next).br(lookup);
  }

  stop(): void {
    this.#touched = true;
    this.setCell32(CELL.stop, const32(1));
    this.jump(this.nextInstructionPointer());
  }

  again(): void {
    const { code } = this;
    const { record, next, budget, dispatch, fault, again } = this.#frame;
    if (again) {
      code.br(again);
      return;
    }
    code.get(record).set(next);
    code.get(budget).i32(1).op(OP.i32Sub).tee(budget).i32(0).op(OP.i32LtS).brIf(fault);
    code.br(dispatch);
  }

  #leaveForTarget(): void {
    const { code } = this;
    this.#refund();
    if (this.#touched) {
      this.cell32(CELL.stop).emit(code);
      code.brIf(this.#frame.stop);
    }
    code.i32(0).set(this.#frame.next).br(this.#frame.lookup);
  }

  /** Gives back what the block's entry took for the instructions that are jumped over. */
  #refund(): void {
    if (this.#ends) return;
    const { record, budget } = this.#frame;
    this.code.get(budget).get(record).mem(MEM.i32Load8S, RECORD.after).op(OP.i32Add).set(budget);
  }

  /** Targets outside 64-bit mode are cut to the operand size by the record's mask. */
  #relativeTarget(): Value {
    const sum = ops.add(this.cell64(CELL.ipBase), this.#field64(RECORD.immediate));
    return ops.and(sum, this.#field64(RECORD.displacement));
  }

  #slot(operand: Operand): Value {
    return this.#field(MEM.i32Load, RECORD.slot + operand.slot * 4);
  }

  #at(address: Value, op: MemoryOp): Value {
    return value("i64", (c) => {
      address.emit(c);
      c.mem(op);
    });
  }

  #field(op: MemoryOp, offset: number): Value {
    return value("i32", (c) => c.get(this.#frame.record).mem(op, offset));
  }

  #field64(offset: number): Value {
    return value("i64", (c) => c.get(this.#frame.record).mem(MEM.i64Load, offset));
  }
}
