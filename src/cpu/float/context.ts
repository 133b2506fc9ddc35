/** How a floating-point operation rounds and what it raises; the same for SSE and x87. */

/** Exception flags, in the order of MXCSR and of the x87 status word. */
export const EXCEPTION = {
  INVALID: 1,
  DENORMAL: 2,
  ZERO_DIVIDE: 4,
  OVERFLOW: 8,
  UNDERFLOW: 16,
  PRECISION: 32,
} as const;

/** Exceptions that are found in the operands, before anything is computed. */
export const PRE_COMPUTATION = EXCEPTION.INVALID | EXCEPTION.DENORMAL | EXCEPTION.ZERO_DIVIDE;

/** Rounding control, as both control words encode it. */
export const ROUND = { nearest: 0, down: 1, up: 2, zero: 3 } as const;

export interface FloatContext {
  /** `ROUND`. */
  rounding: number;
  /** `EXCEPTION` bits whose masked response is wanted. */
  masks: number;
  /** `EXCEPTION` bits raised since it was cleared. */
  flags: number;
  /** Tiny results become zero, where underflow is masked. SSE alone. */
  flushToZero: boolean;
  /** Denormal operands count as zeros. SSE alone. */
  denormalsAreZeros: boolean;
  /** The result of two NaNs is chosen by x87's rules, not by SSE's. */
  x87: boolean;
  /** Significant bits of results if fewer than the format's; 64 for no limit. */
  precisionBits: number;
  /** The last rounding increased the magnitude: x87's C1. */
  roundedUp: boolean;
}

export function newContext(x87: boolean): FloatContext {
  return {
    rounding: ROUND.nearest,
    masks: 0x3f,
    flags: 0,
    flushToZero: false,
    denormalsAreZeros: false,
    x87,
    precisionBits: 64,
    roundedUp: false,
  };
}
