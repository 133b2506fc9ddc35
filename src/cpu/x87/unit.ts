/**
 * One x87 instruction under way: the register stack, what the operation raised, and the status word
 * that follows (SDM 1, "x87 FPU Exception Handling").
 */
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import { EXCEPTION, type FloatContext, newContext, PRE_COMPUTATION } from "../float/context.ts";
import { EXTENDED, type Float, INDEFINITE, unpack } from "../float/number.ts";
import { pack } from "../float/round.ts";
import { CELL, X87 } from "../layout.ts";
import { offsetOf } from "../operands.ts";
import type { CpuState } from "../state.ts";
import { x87Fault } from "./availability.ts";
import { ANY_TOP, CONTROL_WORD, STATUS, TOP_SHIFT } from "./state.ts";

/** By the precision-control field; 1 is reserved. */
const PRECISION_BITS = [24, 64, 53, 64];

const CODES = STATUS.C0 | STATUS.C1 | STATUS.C2 | STATUS.C3;

/** The bits of the real indefinite. */
export const INDEFINITE_BITS = pack(newContext(true), EXTENDED, INDEFINITE);

export class X87Unit {
  readonly context: FloatContext = newContext(true);
  #cpu!: Cpu;
  #state!: CpuState;
  /** Condition codes to set, and those that the instruction defines. */
  #codes = 0;
  #defined = 0;
  #stackFault = false;

  /**
   * Begins an instruction that waits for pending exceptions.
   * @returns a fault, or 0 with the context set up
   */
  begin(cpu: Cpu): number {
    const { state } = cpu;
    const raised = x87Fault(cpu.mmu.cr0, state.get32(CELL.fpuStatus));
    if (raised !== 0) return raised;
    this.#cpu = cpu;
    this.#state = state;
    const control = state.get32(CELL.fpuControl);
    const { context } = this;
    context.rounding = (control >> CONTROL_WORD.roundingShift) & 3;
    context.precisionBits = PRECISION_BITS[(control >> CONTROL_WORD.precisionShift) & 3] as number;
    context.masks = control & CONTROL_WORD.masks;
    context.flags = 0;
    context.roundedUp = false;
    this.#codes = 0;
    this.#defined = STATUS.C1;
    this.#stackFault = false;
    return 0;
  }

  // --- Registers --------------------------------------------------------------------------------

  get top(): number {
    return (this.#state.get32(CELL.fpuStatus) & ANY_TOP) >> TOP_SHIFT;
  }

  set top(top: number) {
    const status = this.#state.get32(CELL.fpuStatus) & ~ANY_TOP;
    this.#state.set32(CELL.fpuStatus, status | ((top & 7) << TOP_SHIFT));
  }

  isEmpty(index: number): boolean {
    const number = (this.top + index) & 7;
    return ((this.#state.get32(CELL.fpuTag) >> (number * 2)) & 3) === 3;
  }

  setEmpty(index: number, empty: boolean): void {
    const bits = 3 << (((this.top + index) & 7) * 2);
    const tag = this.#state.get32(CELL.fpuTag);
    this.#state.set32(CELL.fpuTag, empty ? tag | bits : tag & ~bits);
  }

  /** The 80 bits of ST(`index`). */
  bits(index: number): bigint {
    return readRegister(this.#state, (this.top + index) & 7);
  }

  /** Writes ST(`index`), which then is in use. */
  setBits(index: number, bits: bigint): void {
    writeRegister(this.#state, (this.top + index) & 7, bits);
    this.setEmpty(index, false);
  }

  read(index: number): Float {
    return unpack(EXTENDED, this.bits(index));
  }

  pop(): void {
    this.setEmpty(0, true);
    this.top = this.top + 1;
  }

  // --- Outcomes ---------------------------------------------------------------------------------

  /** An operand register is empty. @returns whether the masked response follows */
  underflow(): boolean {
    return this.#failStack(false);
  }

  /** Pushes bits; a stack overflow pushes the indefinite, or nothing if it is unmasked. */
  push(bits: bigint): void {
    if (!this.isEmpty(7)) {
      if (this.#failStack(true)) this.pushAnyway(INDEFINITE_BITS);
    } else if (!this.isStopped) this.pushAnyway(bits);
  }

  /** Pushes whatever lies there. */
  pushAnyway(bits: bigint): void {
    this.top = this.top - 1;
    this.setBits(0, bits);
  }

  /** Whether a push would overflow. */
  get isFull(): boolean {
    return !this.isEmpty(7);
  }

  #failStack(overflow: boolean): boolean {
    this.context.flags = EXCEPTION.INVALID;
    this.context.roundedUp = false;
    this.#stackFault = true;
    if (overflow) this.#codes |= STATUS.C1;
    else this.#codes &= ~STATUS.C1;
    return (this.context.masks & EXCEPTION.INVALID) !== 0;
  }

  /** An unmasked exception of the operands: there is no result, and the stack stays. */
  get isStopped(): boolean {
    return (this.context.flags & PRE_COMPUTATION & ~this.context.masks) !== 0;
  }

  /** Besides that, a result in memory is not stored with unmasked overflow or underflow. */
  get storeIsStopped(): boolean {
    const stopping = PRE_COMPUTATION | EXCEPTION.OVERFLOW | EXCEPTION.UNDERFLOW;
    return (this.context.flags & stopping & ~this.context.masks) !== 0;
  }

  /** Precision is not reported of a result that is not stored. */
  forgetPrecision(): void {
    this.context.flags &= ~EXCEPTION.PRECISION;
  }

  /** Defines condition codes; the others but C1, which becomes 0, stay as they are. */
  setCodes(codes: number, defined: number): void {
    this.#codes = (this.#codes & ~defined) | codes;
    this.#defined |= defined;
  }

  /** C1 stays as it is unless the stack fails (FCMOVcc, FCOMI). */
  keepC1(): void {
    if (!this.#stackFault) this.#defined &= ~STATUS.C1;
  }

  /** Ends the instruction: status word, pointers to the instruction and its operand. */
  finish(i: DecodedInstruction): 0 {
    const state = this.#state;
    const { context } = this;
    // What an unmasked exception of the operands stopped did not come to have a result.
    if (this.isStopped) context.flags &= PRE_COMPUTATION;
    if (context.flags & EXCEPTION.PRECISION && context.roundedUp) this.#codes |= STATUS.C1;
    let status = state.get32(CELL.fpuStatus);
    status = (status & ~(this.#defined & CODES)) | (this.#codes & CODES) | context.flags;
    if (this.#stackFault) status |= STATUS.SF;
    state.set32(CELL.fpuStatus, status);
    summarize(this.#cpu);
    state.set64(CELL.fpuInstruction, state.rip - BigInt(i.length));
    if (i.memory !== 0) state.set64(CELL.fpuData, offsetOf(this.#cpu, i));
    return 0;
  }
}

/** The unit of all processors: nothing in it outlives an instruction. */
export const x87 = new X87Unit();

/** Makes ES and B follow from flags and masks, and tells the MMX instructions. */
export function summarize(cpu: Cpu): void {
  const { state } = cpu;
  const status = state.get32(CELL.fpuStatus);
  const pending = status & ~state.get32(CELL.fpuControl) & CONTROL_WORD.masks;
  const summary = STATUS.ES | STATUS.B;
  const next = pending !== 0 ? status | summary : status & ~summary;
  state.set32(CELL.fpuStatus, next);
  if (((status ^ next) & STATUS.ES) !== 0) cpu.vectorsChanged();
}

/** 80 bits of register `number`, counted without the stack's top. */
export function readRegister(state: CpuState, number: number): bigint {
  const at = X87 + number * 16;
  return state.get64(at) | (BigInt(state.get32(at + 8) & 0xffff) << 64n);
}

export function writeRegister(state: CpuState, number: number, bits: bigint): void {
  const at = X87 + number * 16;
  state.set64(at, BigInt.asIntN(64, bits));
  state.set32(at + 8, Number(bits >> 64n) & 0xffff);
}
