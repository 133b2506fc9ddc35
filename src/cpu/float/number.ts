/**
 * Floating-point numbers taken apart: sign * significand * 2^exponent, exact, as bigint. Slow and
 * plain: the way of everything that generated code does not do by itself.
 */

/** A binary format (SDM 1, "Floating-Point Data Types"). */
export interface Format {
  readonly bytes: number;
  /** Significant bits with the integer bit. */
  readonly precision: number;
  /** The integer bit is stored. */
  readonly explicitInteger: boolean;
  readonly exponentMask: number;
  readonly bias: number;
}

export const SINGLE: Format = {
  bytes: 4,
  precision: 24,
  explicitInteger: false,
  exponentMask: 0xff,
  bias: 127,
};

export const DOUBLE: Format = {
  bytes: 8,
  precision: 53,
  explicitInteger: false,
  exponentMask: 0x7ff,
  bias: 1023,
};

export const EXTENDED: Format = {
  bytes: 10,
  precision: 64,
  explicitInteger: true,
  exponentMask: 0x7fff,
  bias: 16383,
};

/** `unsupported` are x87's pseudo-NaNs, pseudo-infinities and unnormals. */
export type Kind = "zero" | "finite" | "infinity" | "quiet" | "signaling" | "unsupported";

export interface Float {
  readonly kind: Kind;
  readonly negative: boolean;
  /** Of the significand's lowest bit. Valid for `finite`. */
  readonly exponent: number;
  /** `finite`: any positive integer. NaNs: 64 bits as in the extended format. */
  readonly significand: bigint;
  /** An operand that was denormal. */
  readonly denormal: boolean;
}

const QUIET_BIT = 1n << 62n;
const INTEGER_BIT = 1n << 63n;

export function finite(negative: boolean, significand: bigint, exponent: number): Float {
  if (significand === 0n) return zero(negative);
  return { kind: "finite", negative, exponent, significand, denormal: false };
}

export function zero(negative: boolean): Float {
  return { kind: "zero", negative, exponent: 0, significand: 0n, denormal: false };
}

export function infinity(negative: boolean): Float {
  return { kind: "infinity", negative, exponent: 0, significand: INTEGER_BIT, denormal: false };
}

/** What invalid operations give: a negative quiet NaN without payload. */
export const INDEFINITE: Float = {
  kind: "quiet",
  negative: true,
  exponent: 0,
  significand: INTEGER_BIT | QUIET_BIT,
  denormal: false,
};

export function isNotANumber(a: Float): boolean {
  return a.kind === "quiet" || a.kind === "signaling";
}

export function quieted(a: Float): Float {
  return { ...a, kind: "quiet", significand: a.significand | QUIET_BIT };
}

export function negated(a: Float): Float {
  return { ...a, negative: !a.negative };
}

/** Bits needed for a positive number. */
export function bitLength(a: bigint): number {
  let bits = 0;
  let rest = a;
  while (rest >> 64n !== 0n) {
    rest >>= 64n;
    bits += 64;
  }
  const high = Number(rest >> 32n);
  return bits + (high !== 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(Number(rest)));
}

/** Takes a number of a format apart. @param bits its bytes as an integer */
export function unpack(format: Format, bits: bigint): Float {
  const { precision, exponentMask, bias, explicitInteger } = format;
  const storedBits = explicitInteger ? precision : precision - 1;
  const stored = bits & ((1n << BigInt(storedBits)) - 1n);
  const biased = Number((bits >> BigInt(storedBits)) & BigInt(exponentMask));
  const negative = bits >> BigInt(format.bytes * 8 - 1) !== 0n;
  const integerBit = 1n << BigInt(precision - 1);
  const lowest = 1 - bias - (precision - 1);
  if (biased === exponentMask) return unpackSpecial(stored, precision, negative, explicitInteger);
  if (biased === 0) {
    if (stored === 0n) return zero(negative);
    return { kind: "finite", negative, exponent: lowest, significand: stored, denormal: true };
  }
  if (explicitInteger && (stored & integerBit) === 0n) return unsupported(negative, stored);
  const exponent = lowest + biased - 1;
  return { kind: "finite", negative, exponent, significand: stored | integerBit, denormal: false };
}

function unsupported(negative: boolean, significand: bigint): Float {
  return { kind: "unsupported", negative, exponent: 0, significand, denormal: false };
}

function unpackSpecial(
  stored: bigint,
  precision: number,
  negative: boolean,
  explicitInteger: boolean,
): Float {
  const aligned = stored << BigInt(64 - precision);
  if (explicitInteger && (aligned & INTEGER_BIT) === 0n) return unsupported(negative, stored);
  const significand = aligned | INTEGER_BIT;
  if (significand === INTEGER_BIT) return infinity(negative);
  const kind = significand & QUIET_BIT ? "quiet" : "signaling";
  return { kind, negative, exponent: 0, significand, denormal: false };
}

/** Puts stored parts together. @param significand with the integer bit */
export function encode(
  format: Format,
  negative: boolean,
  biased: number,
  significand: bigint,
): bigint {
  const { precision, explicitInteger, bytes } = format;
  const storedBits = BigInt(explicitInteger ? precision : precision - 1);
  const stored = significand & ((1n << storedBits) - 1n);
  const sign = negative ? 1n << BigInt(bytes * 8 - 1) : 0n;
  return sign | (BigInt(biased) << storedBits) | stored;
}
