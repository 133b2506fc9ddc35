/** Canonical linear addresses (SDM 1, "Canonical Addressing"): the upper bits repeat the top bit. */

/** Whether bits 63 down to `linearBits - 1` are all equal. Always true for 32-bit linear addresses. */
export function isCanonical(linear: bigint, linearBits: number): boolean {
  if (linearBits === 32) return true;
  return BigInt.asUintN(64, BigInt.asIntN(linearBits, linear)) === BigInt.asUintN(64, linear);
}

/** The same for a pair of int32, without allocation. `linearBits` is 32, 48 or 57. */
export function isCanonicalPair(hi: number, linearBits: number): boolean {
  if (linearBits === 32) return true;
  const shift = 64 - linearBits;
  return (hi << shift) >> shift === hi;
}

/** Repeats bit `linearBits - 1` upwards; for a table's index, the linear address that it stands for. */
export function toCanonical(linear: bigint, linearBits: number): bigint {
  if (linearBits === 32) return BigInt.asUintN(32, linear);
  return BigInt.asUintN(64, BigInt.asIntN(linearBits, linear));
}
