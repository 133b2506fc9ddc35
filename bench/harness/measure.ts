/** Runs one case: checks that the sides agree, then lets them work in turns. */
import type { BenchCase, BenchContext, Side, Target } from "./case.ts";
import { median } from "./samplers.ts";

export interface SideResult {
  readonly name: string;
  /** Nanoseconds an operation in the best round: what the shared machine disturbed least. */
  readonly bestNs: number;
  readonly medianNs: number;
  readonly roundsNs: readonly number[];
}

export interface Comparison {
  readonly against: string;
  /** Our best time divided by theirs. */
  readonly ratio: number;
  /** Median over the rounds of the ratio within one round. */
  readonly medianRatio: number;
}

export interface Judgement extends Target {
  readonly value: number;
  readonly met: boolean;
}

export interface CaseResult {
  readonly name: string;
  readonly operation: string;
  /** What the case says besides its times; empty if nothing. */
  readonly note: string;
  readonly ours: SideResult;
  readonly baselines: readonly SideResult[];
  readonly comparisons: readonly Comparison[];
  /** Targets that could be judged with the baselines present. */
  readonly targets: readonly Judgement[];
}

export interface Rounds {
  readonly rounds: number;
  readonly milliseconds: number;
}

/** @throws WrongAnswer, or whatever the case throws */
export async function runCase(
  benchCase: BenchCase,
  context: BenchContext,
  { rounds, milliseconds }: Rounds,
): Promise<CaseResult> {
  const trial = await benchCase.prepare(context);
  try {
    await trial.check();
    const note = trial.note?.() ?? "";
    const sides = [trial.ours, ...trial.baselines];
    const times = sides.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, side] of sides.entries()) {
        times[i]?.push(await side.measure(milliseconds));
      }
    }
    const [ours, ...baselines] = sides.map((side, i) => sideResult(side, times[i] ?? []));
    return { ...judged(benchCase, ours as SideResult, baselines), note };
  } finally {
    await trial.close?.();
  }
}

function sideResult({ name }: Side, roundsNs: readonly number[]): SideResult {
  return { name, bestNs: Math.min(...roundsNs), medianNs: median(roundsNs), roundsNs };
}

function judged(
  { name, operation, targets = [] }: BenchCase,
  ours: SideResult,
  baselines: readonly SideResult[],
): Omit<CaseResult, "note"> {
  const comparisons = baselines.map((other) => ({
    against: other.name,
    ratio: ours.bestNs / other.bestNs,
    medianRatio: median(ours.roundsNs.map((ns, i) => ns / (other.roundsNs[i] ?? Number.NaN))),
  }));
  const judgements = targets.flatMap((target): Judgement[] => {
    const compared = comparisons.find(({ against }) => against === target.against);
    if (target.against !== undefined && compared === undefined) return [];
    const value = compared?.ratio ?? ours.bestNs;
    return [{ ...target, value, met: value <= target.atMost }];
  });
  return { name, operation, ours, baselines, comparisons, targets: judgements };
}
