/** Exact conversion between nanoseconds and the ticks of an oscillator that started at 0. */
import { badArgument } from "../base/errors.ts";

export const NS_PER_SECOND = 1e9;

export class Frequency {
  readonly hz: number;
  /** hz / 10^9 in lowest terms, so that the products below stay under 2^53. */
  readonly #ticks: number;
  readonly #ns: number;

  /** @param hz a whole number; its part that is coprime to 10^9 is at most 9,000,000 */
  constructor(hz: number) {
    const common = greatestCommonDivisor(hz, NS_PER_SECOND);
    this.hz = hz;
    this.#ticks = hz / common;
    this.#ns = NS_PER_SECOND / common;
    const exact = Number.isSafeInteger(hz) && this.#ticks * this.#ns <= Number.MAX_SAFE_INTEGER;
    if (!exact) badArgument("hz", "a frequency that converts exactly", hz);
  }

  /** Whole ticks that have passed at `ns`. */
  ticksAt(ns: number): number {
    const periods = Math.floor(ns / this.#ns);
    return periods * this.#ticks + Math.floor(((ns - periods * this.#ns) * this.#ticks) / this.#ns);
  }

  /** The first nanosecond at which `ticks` ticks have passed. */
  nsAt(ticks: number): number {
    const periods = Math.floor(ticks / this.#ticks);
    const rest = ticks - periods * this.#ticks;
    return periods * this.#ns + Math.ceil((rest * this.#ns) / this.#ticks);
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
