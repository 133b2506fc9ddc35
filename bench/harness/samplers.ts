/** Ways to time work that happens in this process. */
import benny from "benny";
import type { Side } from "./case.ts";

/** benny's default of 5.5 s a case is for cases that nobody repeats; here every round does. */
const MIN_SAMPLES = 5;
const MIN_CYCLE_SECONDS = 0.005;

/**
 * A side timed by benny.
 * @param operations how many operations one call of `run` performs
 */
export function bennySide(name: string, operations: number, run: () => void): Side {
  return {
    name,
    async measure(milliseconds) {
      const options = {
        minSamples: MIN_SAMPLES,
        minTime: MIN_CYCLE_SECONDS,
        maxTime: milliseconds / 1000,
        delay: 0.001,
      };
      const summary = await quietly(() => benny.suite(name, benny.add(name, run, options)));
      const [result] = summary.results;
      if (!result?.completed) throw new Error(`${name}: benny measured nothing`);
      return (result.details.median * 1e9) / operations;
    },
  };
}

/**
 * A side whose work has to be undone before it can be done again. benny has no untimed part, so
 * the clock is read around `run` alone.
 */
export function resettingSide(
  name: string,
  operations: number,
  run: () => void,
  reset: () => void,
): Side {
  return {
    name,
    measure(milliseconds) {
      const samples: number[] = [];
      const end = performance.now() + milliseconds;
      while (samples.length < MIN_SAMPLES || performance.now() < end) {
        reset();
        const start = process.hrtime.bigint();
        run();
        samples.push(Number(process.hrtime.bigint() - start) / operations);
      }
      return median(samples);
    },
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** benny announces each suite on the console; here a suite is one round of many. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { log } = console;
  console.log = () => {};
  try {
    return await work();
  } finally {
    console.log = log;
  }
}
