/**
 * The exact way of SSE floating-point instructions: MXCSR into a context, lanes in and out, and the
 * exceptions afterwards (SDM 1, "SSE/SSE2/SSE3 Exceptions"). Generated code has made all checks and
 * put the source operand into the value cell.
 */
import { CR4 } from "../../mmu/control-bits.ts";
import type { Cpu } from "../cpu.ts";
import { fault, UD, VECTOR } from "../faults.ts";
import { type FloatContext, newContext, PRE_COMPUTATION } from "../float/context.ts";
import { fromInteger, toInteger } from "../float/convert.ts";
import { DOUBLE, type Float, type Format, SINGLE, unpack, zero } from "../float/number.ts";
import { pack } from "../float/round.ts";
import { CELL } from "../layout.ts";
import type { CpuState } from "../state.ts";

export const MXCSR = {
  flags: 0x3f,
  denormalsAreZeros: 1 << 6,
  maskShift: 7,
  roundingShift: 13,
  flushToZero: 1 << 15,
  /** Bits that exist (FXSAVE's MXCSR_MASK). */
  existing: 0xffff,
  initial: 0x1f80,
} as const;

/** What a lane holds. */
export interface Element {
  readonly bytes: 4 | 8;
  readonly read: (context: FloatContext, bits: bigint) => Float;
  readonly write: (context: FloatContext, a: Float) => bigint;
  readonly isInteger: boolean;
}

function floating(format: Format): Element {
  return {
    bytes: format.bytes as 4 | 8,
    isInteger: false,
    read: (context, bits) => {
      const a = unpack(format, bits);
      return a.denormal && context.denormalsAreZeros ? zero(a.negative) : a;
    },
    write: (context, a) => pack(context, format, a),
  };
}

function integer(bytes: 4 | 8): Element {
  return {
    bytes,
    isInteger: true,
    read: (_, bits) => fromInteger(BigInt.asIntN(bytes * 8, bits)),
    write: (context, a) => toInteger(context, a, bytes * 8),
  };
}

export const F32 = floating(SINGLE);
export const F64 = floating(DOUBLE);
export const I32 = integer(4);
export const I64 = integer(8);

const context = newContext(false);

/** The context that MXCSR describes, with no flags; shared, valid until the next call. */
export function beginSse(cpu: Cpu): FloatContext {
  const mxcsr = cpu.state.get32(CELL.mxcsr);
  context.rounding = (mxcsr >> MXCSR.roundingShift) & 3;
  context.masks = (mxcsr >> MXCSR.maskShift) & MXCSR.flags;
  context.flags = 0;
  context.flushToZero = (mxcsr & MXCSR.flushToZero) !== 0;
  context.denormalsAreZeros = (mxcsr & MXCSR.denormalsAreZeros) !== 0;
  return context;
}

/**
 * Sets the sticky flags. An unmasked exception in the operands of any lane keeps those of results
 * from being reported.
 * @returns 0 if the result may be written, else #XM, or #UD without CR4.OSXMMEXCPT
 */
export function finishSse(cpu: Cpu): number {
  const unmasked = ~context.masks;
  const early = context.flags & PRE_COMPUTATION;
  const raised = early & unmasked ? early : context.flags;
  cpu.state.set32(CELL.mxcsr, cpu.state.get32(CELL.mxcsr) | raised);
  if ((raised & unmasked) === 0) return 0;
  return cpu.mmu.cr4 & CR4.OSXMMEXCPT ? fault(VECTOR.XM) : UD;
}

/** Lane `index` of the vector at an offset of the state. */
export function getLane(state: CpuState, offset: number, bytes: 4 | 8, index: number): bigint {
  const at = offset + index * bytes;
  return bytes === 8 ? state.get64(at) : BigInt(state.get32(at) >>> 0);
}

export function setLane(
  state: CpuState,
  offset: number,
  bytes: 4 | 8,
  index: number,
  value: bigint,
): void {
  const at = offset + index * bytes;
  if (bytes === 8) state.set64(at, BigInt.asIntN(64, value));
  else state.set32(at, Number(BigInt.asIntN(32, value)));
}
