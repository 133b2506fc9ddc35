/**
 * What a benchmark is: a named case with several sides that do the same work, the first of which
 * is ours. A suite is a module that exports a list of cases; `bench/suites.ts` lists the suites.
 */
import type { CCompiler } from "./c-compiler.ts";

/** One way to do the work. */
export interface Side {
  /** `pml5`, or what it is compared with: `C`, `QEMU TCG`, `each entry cleared`. */
  readonly name: string;
  /** Works for about `milliseconds` and returns the nanoseconds that one operation took. */
  measure(milliseconds: number): Promise<number> | number;
}

/** A case that is ready to run. */
export interface Trial {
  readonly ours: Side;
  /** What ours is compared with; empty when nothing to compare with is installed. */
  readonly baselines: readonly Side[];
  /** @throws WrongAnswer when the sides do not compute the same */
  check(): Promise<void> | void;
  /** What is printed beside the times, such as host memory; asked for after `check`. */
  note?(): string;
  close?(): Promise<void> | void;
}

export interface Target {
  /** Name of the side that ours is compared with; absent: the absolute time counts. */
  readonly against?: string;
  /** Ratio of times, ours divided by theirs; without `against`, nanoseconds. */
  readonly atMost: number;
}

export interface BenchCase {
  /** Path of what is measured, general to special: `walk/5-level/4k/dram/random/batch`. */
  readonly name: string;
  /** What is counted: `walk`, `instruction`, `section`. */
  readonly operation: string;
  readonly targets?: readonly Target[];
  /** Part of the short run (`--quick`). */
  readonly quick?: boolean;
  prepare(context: BenchContext): Promise<Trial> | Trial;
}

export interface BenchContext {
  /** Undefined where there is no C compiler. */
  readonly compiler: CCompiler | undefined;
  /**
   * What neighbouring cases have in common and is dear to make: kept until another key is asked
   * for, or the run ends, and closed then.
   */
  shared<T extends Closable>(key: string, make: () => Promise<T>): Promise<T>;
}

export interface Closable {
  close(): void;
}

/** A benchmark whose sides disagree measures nothing: the only failure besides a broken program. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}
