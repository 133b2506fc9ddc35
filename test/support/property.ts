/** Randomised tests that say their seed, so that a failure elsewhere can be run again here. */
import fc from "fast-check";

/**
 * Checks a property over `runs` random cases and prints seed and count. fast-check shrinks a
 * failure and names it in the error. `PML5_SEED=n` repeats a run.
 */
export function checkProperty<T>(name: string, property: fc.IProperty<T>, runs: number): void {
  const given = process.env.PML5_SEED;
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  console.log(`${name}: seed ${seed}, ${runs} cases`);
  fc.assert(property, { seed, numRuns: runs });
}

/** How many cases: `npm run test:all` runs `factor` times as many. */
export function runsOf(runs: number, factor = 50): number {
  return process.env.PML5_TEST_ALL === "1" ? runs * factor : runs;
}
