/** A seeded generator, Marsaglia's xorshift of 32 bits: one seed gives one run. */
export class Random {
  #state: number;

  /** @param seed any integer; its low 32 bits count */
  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring sequences, and 0 would stay 0.
    this.#state = Math.imul((seed | 0) ^ 0x9e37_79b9, 0x85eb_ca6b) || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** 1 .. 2^32-1. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  /** What a snapshot keeps. */
  get state(): number {
    return this.#state;
  }

  set state(state: number) {
    this.#state = state;
  }
}
