/** `npm run bench`: see `HELP` in harness/options.ts. */
import { CCompiler } from "./harness/c-compiler.ts";
import type { BenchCase, BenchContext } from "./harness/case.ts";
import { environment } from "./harness/environment.ts";
import { type CaseResult, runCase } from "./harness/measure.ts";
import { HELP, type Options, parseOptions, UsageError } from "./harness/options.ts";
import { caseLine, Progress, printHeader, printSummary, saveResults } from "./harness/report.ts";
import { Shared } from "./harness/shared.ts";
import { CASES } from "./suites.ts";

function select({ quick, filters }: Options): BenchCase[] {
  const missing = filters.find((filter) => !CASES.some(({ name }) => name.includes(filter)));
  if (missing !== undefined) {
    throw new UsageError(`--filter ${missing}: no benchmark has that in its name (see --list)`);
  }
  const named = CASES.filter(
    ({ name }) => filters.length === 0 || filters.some((filter) => name.includes(filter)),
  );
  const chosen = named.filter((benchCase) => !quick || benchCase.quick);
  if (chosen.length === 0)
    throw new UsageError("the filter leaves nothing of the --quick selection");
  return chosen;
}

/** The first Ctrl-C ends the run after the case at hand, with the results so far; the next at once. */
class Interrupt {
  #at: number | undefined;

  constructor() {
    process.on("SIGINT", () => {
      const now = performance.now();
      // npm may hand on the signal that the terminal has sent to everybody already.
      if (this.#at !== undefined && now - this.#at > 500) process.exit(130);
      this.#at ??= now;
    });
  }

  get came(): boolean {
    return this.#at !== undefined;
  }
}

async function runAll(cases: readonly BenchCase[], options: Options): Promise<number> {
  const compiler = CCompiler.find();
  const env = environment(compiler);
  const progress = new Progress(cases.length);
  const results: CaseResult[] = [];
  const shared = new Shared();
  const context: BenchContext = { compiler, shared: (key, make) => shared.get(key, make) };
  let failures = 0;
  const interrupt = new Interrupt();
  printHeader(env);
  for (const benchCase of cases) {
    if (interrupt.came) break;
    progress.begin(benchCase.name);
    try {
      const result = await runCase(benchCase, context, options);
      results.push(result);
      progress.clear();
      console.log(caseLine(result));
    } catch (error) {
      progress.clear();
      failures += 1;
      console.log(`${benchCase.name}: ${(error as Error).stack ?? error}`);
    }
  }
  shared.close();
  printSummary(results, failures);
  if (results.length > 0) console.log(`Saved as ${saveResults(results, env, options)}`);
  if (interrupt.came) return 130;
  return failures ? 1 : 0;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const cases = select(options);
  if (!options.list) return runAll(cases, options);
  for (const { name } of cases) console.log(name);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`bench: ${error.message}\n\n${HELP}`);
  process.exitCode = 2;
}
