/** Hexadecimal for people: with 0x, or padded to the 16 digits of a 64-bit word. */

/** `0x` and the digits, without padding. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** Sixteen digits without `0x`, as kernels print linear addresses and entries. */
export function hex64(value: bigint | number): string {
  return value.toString(16).padStart(16, "0");
}

/** Sixteen digits of the word whose halves are `hi` and `lo` (int32). */
export function hexPair(hi: number, lo: number): string {
  return (hi >>> 0).toString(16).padStart(8, "0") + (lo >>> 0).toString(16).padStart(8, "0");
}

const SIZE_UNITS = ["", "K", "M", "G", "T", "P"] as const;

/** A byte count in the largest binary unit that divides it: 4096 is `4K`, 1 GiB is `1G`. */
export function byteSize(bytes: number | bigint): string {
  let rest = BigInt(bytes);
  let unit = 0;
  while (rest !== 0n && rest % 1024n === 0n && unit < SIZE_UNITS.length - 1) {
    rest /= 1024n;
    unit += 1;
  }
  return `${rest}${SIZE_UNITS[unit]}`;
}
