/** Random numbers with a seed, and the values at which instructions misbehave. */

/** xorshift32: fast, seeded, the same on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
    for (let i = 0; i < 8; i++) this.u32();
  }

  /** 0 .. 2^32-1. */
  u32(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return Math.imul(x, 0x9e37_79b1) >>> 0;
  }

  /** 0 .. count-1. */
  below(count: number): number {
    return Math.floor((this.u32() / 2 ** 32) * count);
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
}

const WORDS = [
  0, 1, 2, 3, 7, 8, 0xf, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xff, 0x100, 0x7fff,
  0x8000, 0xfffe, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 0x5555_5555,
  0x9999_9999, 0x0990_0a90,
];

/** Writes an interesting 64-bit value. */
export function writeValue(random: Random, view: DataView, at: number): void {
  const kind = random.below(8);
  let lo = kind < 4 ? random.pick(WORDS) : random.u32();
  let hi = kind < 2 ? 0 : kind < 4 ? random.pick(WORDS) : random.u32();
  if (kind === 7) {
    // One bit, or all but one.
    const bit = random.below(64);
    lo = bit < 32 ? 1 << bit : 0;
    hi = bit < 32 ? 0 : 1 << (bit - 32);
    if (random.once(2)) {
      lo = ~lo;
      hi = ~hi;
    }
  } else if (random.once(8)) {
    lo = -lo;
    hi = ~hi;
  }
  view.setInt32(at, lo, true);
  view.setInt32(at + 4, hi, true);
}
