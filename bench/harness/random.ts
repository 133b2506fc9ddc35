/** A small seeded generator (xorshift128), so that a run can be repeated. */
export class Random {
  #a: number;
  #b = 362436069;
  #c = 521288629;
  #d = 88675123;

  /** @param seed any int32 but 0 */
  constructor(seed: number) {
    this.#a = seed | 0 || 1;
    // Seeds that differ in few bits begin alike.
    for (let i = 0; i < 16; i++) this.next();
  }

  /** 0 .. 2^32-1. */
  next(): number {
    const t = this.#a ^ (this.#a << 11);
    this.#a = this.#b;
    this.#b = this.#c;
    this.#c = this.#d;
    this.#d = this.#d ^ (this.#d >>> 19) ^ (t ^ (t >>> 8));
    return this.#d >>> 0;
  }

  /** 0 .. limit-1, for a limit of at most 2^53. */
  below(limit: number): number {
    const fraction = (this.next() * 2097152 + (this.next() >>> 11)) / 9007199254740992;
    return Math.floor(fraction * limit);
  }
}
