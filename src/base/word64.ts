/**
 * 64-bit words as two int32, always `hi` before `lo`.
 *
 * A linear address has up to 57 significant bits and does not fit a double; a bigint allocates.
 * So inside, a word is a pair of int32 (signed, as `|0` leaves them), and at the public surface it
 * is a bigint in 0 .. 2^64-1. A *physical* address has at most 52 bits and is a plain number.
 */

const TWO_32 = 4294967296;

/** The upper half of a 64-bit word, as int32. */
export function hiOf(word: bigint): number {
  return Number(BigInt.asIntN(32, word >> 32n));
}

/** The lower half of a 64-bit word, as int32. */
export function loOf(word: bigint): number {
  return Number(BigInt.asIntN(32, word));
}

/** The word 0 .. 2^64-1 whose halves are `hi` and `lo`. */
export function wordOf(hi: number, lo: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/** The number whose halves are `hi` and `lo`; exact while it is below 2^53. */
export function numberOf(hi: number, lo: number): number {
  return (hi >>> 0) * TWO_32 + (lo >>> 0);
}

/** The upper half of a number in 0 .. 2^53-1, as int32. */
export function hiOfNumber(value: number): number {
  return (value / TWO_32) | 0;
}

/** The lower half of a number in 0 .. 2^53-1, as int32. */
export function loOfNumber(value: number): number {
  return value | 0;
}
