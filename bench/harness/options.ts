/** The command line of `npm run bench`. */
import { parseArgs } from "node:util";

export interface Options {
  readonly quick: boolean;
  readonly filters: readonly string[];
  /** Where the results go; undefined: bench/results/<date>-<commit>.json. */
  readonly json: string | undefined;
  readonly rounds: number;
  readonly milliseconds: number;
  readonly list: boolean;
  readonly help: boolean;
}

export const HELP = `Usage: npm run bench [-- OPTIONS]

Measures pml5 beside baselines that do the same work in the same run, in turns, and prints the
ratio of the two times: 1.0 is as fast, 2.0 takes twice as long.

  --filter TEXT   only benchmarks whose name contains TEXT, for example walk/5-level or dram;
                  may be given more than once
  --quick         a short selection, fewer and shorter rounds: do they run, and answer alike?
  --rounds N      how often each side has its turn (5)
  --ms N          how long a turn lasts, in milliseconds (60)
  --json FILE     where to save the results (bench/results/<date>-<commit>.json)
  --list          names only
  --help          this text

The baselines in C are built with CC, gcc, cc or clang; without a compiler only absolute figures
are printed. Exit code: 0, however fast it was; 1 if a benchmark broke or the sides computed
different answers; 2 for bad usage.
`;

/** The user asked for something that there is not. */
export class UsageError extends Error {}

/** @throws UsageError */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parse(args);
  const quick = values.quick ?? false;
  return {
    quick,
    filters: values.filter ?? [],
    json: values.json,
    rounds: positive("--rounds", values.rounds, quick ? 1 : 5),
    milliseconds: positive("--ms", values.ms, quick ? 15 : 60),
    list: values.list ?? false,
    help: values.help ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean" },
        filter: { type: "string", multiple: true },
        json: { type: "string" },
        rounds: { type: "string" },
        ms: { type: "string" },
        list: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function positive(option: string, given: string | undefined, otherwise: number): number {
  if (given === undefined) return otherwise;
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1 || value > 100_000) {
    throw new UsageError(`${option}: expected 1..100000, got ${JSON.stringify(given)}`);
  }
  return value;
}
