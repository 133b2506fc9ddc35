/** All that the model has to say about a configuration, worked out once for all drivers. */
import type { ModelProcessor } from "../model/processor.ts";
import type { MatrixConfig } from "./config.ts";
import { ACCESSES, contextsOf, type MatrixContext, type Tier } from "./contexts.ts";
import { Expectations } from "./expectations.ts";
import { type Form, formsOf } from "./forms.ts";

export interface PlannedContext {
  readonly cpu: ModelProcessor;
  /** The forms to try are 0 .. end - 1. */
  readonly end: number;
  readonly expected: Expectations;
  readonly verdicts: Int32Array;
}

const plans = new Map<MatrixConfig, MatrixPlan>();

export class MatrixPlan {
  readonly #config: MatrixConfig;
  readonly #contexts: readonly MatrixContext[];
  readonly #forms: readonly Form[];
  readonly #byNxe = new Map<boolean, Expectations>();
  readonly #planned: PlannedContext[] = [];

  static of(config: MatrixConfig): MatrixPlan {
    let plan = plans.get(config);
    if (plan === undefined) {
      plan = new MatrixPlan(config);
      plans.set(config, plan);
    }
    return plan;
  }

  private constructor(config: MatrixConfig) {
    this.#config = config;
    this.#contexts = contextsOf(config);
    this.#forms = formsOf(config);
  }

  get first(): MatrixContext {
    return this.#contexts[0] as MatrixContext;
  }

  /** How many cases the whole matrix has. */
  get caseCount(): number {
    const forms = this.#contexts.map(({ tier }) => this.#formsUpTo(tier));
    return forms.reduce((sum, count) => sum + count, 0) * ACCESSES.length;
  }

  *contexts(): Generator<PlannedContext> {
    for (const [index, context] of this.#contexts.entries()) {
      this.#planned[index] ??= this.#plan(context);
      yield this.#planned[index];
    }
  }

  #plan({ cpu, tier }: MatrixContext): PlannedContext {
    let expected = this.#byNxe.get(cpu.nxe);
    if (expected === undefined) {
      expected = new Expectations(this.#config, this.#forms, cpu);
      this.#byNxe.set(cpu.nxe, expected);
    }
    const end = this.#formsUpTo(tier);
    return { cpu, end, expected, verdicts: expected.verdicts(cpu) };
  }

  /** Forms are in order of their tiers. */
  #formsUpTo(tier: Tier): number {
    const beyond = this.#forms.findIndex((form) => form.tier > tier);
    return beyond < 0 ? this.#forms.length : beyond;
  }
}
