/**
 * Arithmetic on floats. Results are exact, or have a lowest bit that stands for all that follows
 * and more bits before it than any format keeps; `pack` rounds them.
 */
import { EXCEPTION, type FloatContext, ROUND } from "./context.ts";
import {
  bitLength,
  type Float,
  finite,
  INDEFINITE,
  infinity,
  isNotANumber,
  negated,
  quieted,
  zero,
} from "./number.ts";

export type Operation = (context: FloatContext, a: Float, b: Float) => Float;

/** Bits kept beyond every format's precision. */
const SPARE_BITS = 70;

export function invalid(context: FloatContext): Float {
  context.flags |= EXCEPTION.INVALID;
  return INDEFINITE;
}

export function noteDenormal(context: FloatContext, ...operands: readonly Float[]): void {
  if (operands.some(({ denormal }) => denormal)) context.flags |= EXCEPTION.DENORMAL;
}

/**
 * The NaN that an operation with a NaN gives (SDM 1, "Rules for Handling NaNs"): SSE takes the first
 * operand's, x87 the one with the greater significand, or a quiet one before a signaling one.
 */
export function propagate(context: FloatContext, a: Float, b: Float): Float {
  if (a.kind === "unsupported" || b.kind === "unsupported") return invalid(context);
  if (a.kind === "signaling" || b.kind === "signaling") context.flags |= EXCEPTION.INVALID;
  if (!isNotANumber(b)) return quieted(a);
  if (!isNotANumber(a)) return quieted(b);
  if (!context.x87) return quieted(a);
  if (a.kind !== b.kind) return a.kind === "quiet" ? a : b;
  if (a.significand === b.significand) return quieted(a.negative ? b : a);
  return quieted(a.significand > b.significand ? a : b);
}

/** Whether `propagate` gives the result. */
export function hasNaN(a: Float, b: Float): boolean {
  return isOdd(a) || isOdd(b);
}

export function isOdd(a: Float): boolean {
  return isNotANumber(a) || a.kind === "unsupported";
}

/** A zero whose sign the rounding mode decides. */
function exactZero(context: FloatContext): Float {
  return zero(context.rounding === ROUND.down);
}

export const add: Operation = (context, a, b) => {
  if (hasNaN(a, b)) return propagate(context, a, b);
  if (a.kind === "infinity" && b.kind === "infinity" && a.negative !== b.negative) {
    return invalid(context);
  }
  noteDenormal(context, a, b);
  if (a.kind === "infinity") return a;
  if (b.kind === "infinity") return b;
  if (a.kind === "zero" && b.kind === "zero") {
    return a.negative === b.negative ? a : exactZero(context);
  }
  if (a.kind === "zero") return b;
  if (b.kind === "zero") return a;
  return sum(context, a, b);
};

function sum(context: FloatContext, a: Float, b: Float): Float {
  const [high, low] =
    a.exponent + bitLength(a.significand) >= b.exponent + bitLength(b.significand)
      ? [a, b]
      : [b, a];
  const lowTop = low.exponent + bitLength(low.significand);
  // What lies far below the other's last bit counts as a little more than nothing.
  const floor = high.exponent - 2 * SPARE_BITS;
  const small = lowTop < floor ? { ...low, significand: 1n, exponent: floor } : low;
  const exponent = Math.min(high.exponent, small.exponent);
  const signed = ({ negative, significand, exponent: own }: Float) => {
    const shifted = significand << BigInt(own - exponent);
    return negative ? -shifted : shifted;
  };
  const total = signed(high) + signed(small);
  if (total === 0n) return exactZero(context);
  return finite(total < 0n, total < 0n ? -total : total, exponent);
}

export const subtract: Operation = (context, a, b) =>
  hasNaN(a, b) ? propagate(context, a, b) : add(context, a, negated(b));

export const multiply: Operation = (context, a, b) => {
  if (hasNaN(a, b)) return propagate(context, a, b);
  const negative = a.negative !== b.negative;
  const kinds = [a.kind, b.kind];
  if (kinds.includes("infinity")) {
    if (kinds.includes("zero")) return invalid(context);
    noteDenormal(context, a, b);
    return infinity(negative);
  }
  noteDenormal(context, a, b);
  if (kinds.includes("zero")) return zero(negative);
  return finite(negative, a.significand * b.significand, a.exponent + b.exponent);
};

export const divide: Operation = (context, a, b) => {
  if (hasNaN(a, b)) return propagate(context, a, b);
  const negative = a.negative !== b.negative;
  if (a.kind === b.kind && a.kind !== "finite") return invalid(context);
  if (a.kind === "finite" && b.kind === "zero") {
    // Comes before a denormal dividend (SDM 1, "Exception Priority").
    context.flags |= EXCEPTION.ZERO_DIVIDE;
    return infinity(negative);
  }
  noteDenormal(context, a, b);
  if (a.kind === "infinity") return infinity(negative);
  if (b.kind === "infinity" || a.kind === "zero") return zero(negative);
  const shift = SPARE_BITS + Math.max(0, bitLength(b.significand) - bitLength(a.significand));
  const numerator = a.significand << BigInt(shift);
  const quotient = numerator / b.significand;
  const rest = numerator - quotient * b.significand;
  return finite(negative, sticky(quotient, rest), a.exponent - b.exponent - shift - 1);
};

/** One more bit below, set if something remains. */
function sticky(significand: bigint, rest: bigint): bigint {
  return (significand << 1n) | (rest === 0n ? 0n : 1n);
}

export function squareRoot(context: FloatContext, a: Float): Float {
  if (isOdd(a)) return propagate(context, a, a);
  if (a.kind === "zero") return a;
  if (a.negative) return invalid(context);
  noteDenormal(context, a);
  if (a.kind === "infinity") return a;
  let shift = 2 * SPARE_BITS;
  if ((a.exponent - shift) & 1) shift += 1;
  const radicand = a.significand << BigInt(shift);
  const root = integerRoot(radicand);
  return finite(false, sticky(root, radicand - root * root), (a.exponent - shift) / 2 - 1);
}

/** The greatest integer whose square is not greater. */
function integerRoot(a: bigint): bigint {
  let x = 1n << BigInt((bitLength(a) + 1) >> 1);
  for (;;) {
    const next = (x + a / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

/** -1, 0 or 1 for numbers that are no NaNs. */
export function order(a: Float, b: Float): number {
  const signOf = ({ kind, negative }: Float) => (kind === "zero" ? 0 : negative ? -1 : 1);
  const sign = signOf(a);
  if (sign !== signOf(b)) return sign < signOf(b) ? -1 : 1;
  if (sign === 0) return 0;
  return sign * magnitudeOrder(a, b);
}

function magnitudeOrder(a: Float, b: Float): number {
  if (a.kind === "infinity" || b.kind === "infinity") {
    return a.kind === b.kind ? 0 : a.kind === "infinity" ? 1 : -1;
  }
  const top = a.exponent + bitLength(a.significand) - b.exponent - bitLength(b.significand);
  if (top !== 0) return top < 0 ? -1 : 1;
  const exponent = Math.min(a.exponent, b.exponent);
  const left = a.significand << BigInt(a.exponent - exponent);
  const right = b.significand << BigInt(b.exponent - exponent);
  return left === right ? 0 : left < right ? -1 : 1;
}

/** What a comparison finds. */
export type Relation = "less" | "equal" | "greater" | "unordered";

/** @param quiet quiet NaNs are not invalid */
export function compare(context: FloatContext, a: Float, b: Float, quiet: boolean): Relation {
  if (hasNaN(a, b)) {
    const loud = [a.kind, b.kind].some((kind) => kind === "signaling" || kind === "unsupported");
    if (loud || !quiet) context.flags |= EXCEPTION.INVALID;
    return "unordered";
  }
  noteDenormal(context, a, b);
  const found = order(a, b);
  return found < 0 ? "less" : found > 0 ? "greater" : "equal";
}
