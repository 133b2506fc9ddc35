/** Between floats and integers. */
import { isOdd, propagate } from "./arithmetic.ts";
import { EXCEPTION, type FloatContext } from "./context.ts";
import { type Float, finite } from "./number.ts";
import { roundOff } from "./round.ts";

/** A signed integer as a float, exact. */
export function fromInteger(value: bigint): Float {
  return finite(value < 0n, value < 0n ? -value : value, 0);
}

/**
 * Rounded to a signed integer of `bits` bits, as an unsigned pattern. What does not fit, and NaNs,
 * are invalid and give the integer indefinite, 1000….
 */
export function toInteger(context: FloatContext, a: Float, bits: number): bigint {
  const indefinite = 1n << BigInt(bits - 1);
  if (a.kind === "zero") return 0n;
  if (a.kind === "finite" && a.exponent <= bits) {
    const rounded = roundOff(a.significand, -a.exponent, a.negative, context.rounding);
    const value = a.negative ? -rounded.significand : rounded.significand;
    if (BigInt.asIntN(bits, value) === value) {
      if (rounded.inexact) context.flags |= EXCEPTION.PRECISION;
      context.roundedUp = rounded.up;
      return BigInt.asUintN(bits, value);
    }
  }
  context.flags |= EXCEPTION.INVALID;
  context.roundedUp = false;
  return indefinite;
}

/** Rounded to an integer that stays a float. */
export function toIntegral(context: FloatContext, a: Float): Float {
  if (isOdd(a)) return propagate(context, a, a);
  context.roundedUp = false;
  if (a.kind !== "finite" || a.exponent >= 0) return a;
  const rounded = roundOff(a.significand, -a.exponent, a.negative, context.rounding);
  if (rounded.inexact) context.flags |= EXCEPTION.PRECISION;
  context.roundedUp = rounded.up;
  return finite(a.negative, rounded.significand, 0);
}
