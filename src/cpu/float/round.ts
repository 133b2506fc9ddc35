/** From exact numbers to a format: rounding, overflow, underflow (SDM 1, "Rounding" and following). */
import { EXCEPTION, type FloatContext, ROUND } from "./context.ts";
import { bitLength, encode, type Float, type Format } from "./number.ts";

/** x87 results of unmasked overflow and underflow are scaled by 2 to this power. */
const BIAS_ADJUSTMENT = 24576;

export interface Rounded {
  readonly significand: bigint;
  readonly inexact: boolean;
  readonly up: boolean;
}

/** Drops the lowest `shift` bits; a negative shift adds zeros. */
export function roundOff(
  significand: bigint,
  shift: number,
  negative: boolean,
  rounding: number,
): Rounded {
  if (shift <= 0) {
    return { significand: significand << BigInt(-shift), inexact: false, up: false };
  }
  const kept = significand >> BigInt(shift);
  const dropped = significand - (kept << BigInt(shift));
  if (dropped === 0n) return { significand: kept, inexact: false, up: false };
  const half = 1n << BigInt(shift - 1);
  const up =
    rounding === ROUND.nearest
      ? dropped > half || (dropped === half && (kept & 1n) === 1n)
      : rounding === (negative ? ROUND.down : ROUND.up);
  return { significand: up ? kept + 1n : kept, inexact: true, up };
}

/** The number in the format, with all that follows from rounding raised (`roundedUp` if inexact). */
export function pack(context: FloatContext, format: Format, a: Float): bigint {
  const { exponentMask, precision } = format;
  const top = 1n << BigInt(precision - 1);
  switch (a.kind) {
    case "zero":
      return encode(format, a.negative, 0, 0n);
    case "infinity":
      return encode(format, a.negative, exponentMask, top);
    case "finite":
      return packFinite(context, format, a);
    default:
      return encode(format, a.negative, exponentMask, a.significand >> BigInt(64 - precision));
  }
}

function packFinite(context: FloatContext, format: Format, a: Float): bigint {
  const { bias, precision, exponentMask } = format;
  const bits = Math.min(precision, context.precisionBits);
  const length = bitLength(a.significand);
  const unbounded = roundOff(a.significand, length - bits, a.negative, context.rounding);
  const carried = bitLength(unbounded.significand) > bits;
  // The exponent of the leading bit.
  const leading = a.exponent + length - 1 + (carried ? 1 : 0);
  if (leading < 1 - bias) return packTiny(context, format, a, unbounded, leading);
  if (leading > exponentMask - 1 - bias) {
    return packHuge(context, format, a.negative, unbounded, leading);
  }
  note(context, unbounded);
  return encode(format, a.negative, leading + bias, aligned(unbounded.significand, precision));
}

function note(context: FloatContext, { inexact, up }: Rounded): void {
  if (!inexact) return;
  context.flags |= EXCEPTION.PRECISION;
  context.roundedUp = up;
}

/** With its leading bit at the format's integer bit. */
function aligned(significand: bigint, precision: number): bigint {
  const shift = precision - bitLength(significand);
  return shift >= 0 ? significand << BigInt(shift) : significand >> BigInt(-shift);
}

function packHuge(
  context: FloatContext,
  format: Format,
  negative: boolean,
  unbounded: Rounded,
  leading: number,
): bigint {
  const { exponentMask, precision, bias } = format;
  context.flags |= EXCEPTION.OVERFLOW;
  if (!(context.masks & EXCEPTION.OVERFLOW)) {
    note(context, unbounded);
    const biased = leading + bias - BIAS_ADJUSTMENT;
    // FSCALE can go beyond even that.
    if (biased >= exponentMask) {
      note(context, { ...unbounded, inexact: true, up: true });
      return encode(format, negative, exponentMask, 1n << BigInt(precision - 1));
    }
    return encode(
      format,
      negative,
      biased & exponentMask,
      aligned(unbounded.significand, precision),
    );
  }
  context.flags |= EXCEPTION.PRECISION;
  const toInfinity =
    context.rounding === ROUND.nearest || context.rounding === (negative ? ROUND.down : ROUND.up);
  context.roundedUp = toInfinity;
  if (toInfinity) return encode(format, negative, exponentMask, 1n << BigInt(precision - 1));
  const bits = Math.min(precision, context.precisionBits);
  const largest = ((1n << BigInt(bits)) - 1n) << BigInt(precision - bits);
  return encode(format, negative, exponentMask - 1, largest);
}

/** Smaller than the smallest normal number, after rounding to full precision. */
function packTiny(
  context: FloatContext,
  format: Format,
  a: Float,
  unbounded: Rounded,
  leading: number,
): bigint {
  const { bias, precision, exponentMask } = format;
  if (!(context.masks & EXCEPTION.UNDERFLOW)) {
    context.flags |= EXCEPTION.UNDERFLOW;
    note(context, unbounded);
    const biased = leading + bias + BIAS_ADJUSTMENT;
    if (biased <= 0) {
      note(context, { ...unbounded, inexact: true, up: false });
      return encode(format, a.negative, 0, 0n);
    }
    return encode(
      format,
      a.negative,
      biased & exponentMask,
      aligned(unbounded.significand, precision),
    );
  }
  if (context.flushToZero) {
    context.flags |= EXCEPTION.UNDERFLOW | EXCEPTION.PRECISION;
    return encode(format, a.negative, 0, 0n);
  }
  // With less precision than the format's, the lowest bits of denormals are 0 too.
  const bits = Math.min(precision, context.precisionBits);
  const lowest = 1 - bias - (bits - 1);
  const rounded = roundOff(a.significand, lowest - a.exponent, a.negative, context.rounding);
  if (rounded.inexact) context.flags |= EXCEPTION.UNDERFLOW;
  note(context, rounded);
  const significand = rounded.significand << BigInt(precision - bits);
  // Rounding may reach the smallest normal number: the integer bit then is the exponent's.
  const biased = significand >> BigInt(precision - 1) !== 0n ? 1 : 0;
  return encode(format, a.negative, biased, significand);
}
