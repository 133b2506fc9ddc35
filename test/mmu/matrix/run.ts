/** Runs the access matrix of one configuration over one driver. */
import type { ModelProcessor } from "../model/processor.ts";
import { type MatrixConfig, RAM_BYTES } from "./config.ts";
import { ACCESSES } from "./contexts.ts";
import type { DriverFactory, MatrixDriver, MmuModules } from "./drivers.ts";
import type { Expectations } from "./expectations.ts";
import { MatrixPlan, type PlannedContext } from "./plan.ts";
import { SeededRandom } from "./seeded-random.ts";

export interface MatrixOptions {
  /** 1 runs every case; n runs one form of n in each context, chosen by the seed. */
  readonly oneOf: number;
  readonly seed: number;
  /** Give up after so many mismatches. */
  readonly maxMismatches: number;
}

export interface MatrixReport {
  readonly cases: number;
  readonly mismatches: readonly string[];
}

const accessCount = ACCESSES.length;

export function runMatrix(
  modules: MmuModules,
  factory: DriverFactory,
  config: MatrixConfig,
  options: MatrixOptions,
): MatrixReport {
  return new MatrixRun(factory(modules, config), config, options).run();
}

class MatrixRun {
  readonly #driver: MatrixDriver;
  readonly #config: MatrixConfig;
  readonly #options: MatrixOptions;
  readonly #random: SeededRandom;
  readonly #plan: MatrixPlan;
  readonly #mismatches: string[] = [];
  readonly #words: Int32Array;
  /** Index in #words of each level's entry. */
  readonly #hosts: Int32Array;
  /** The low half of each level's entry as it should be now. */
  readonly #now: Int32Array;
  #cases = 0;

  constructor(driver: MatrixDriver, config: MatrixConfig, options: MatrixOptions) {
    this.#driver = driver;
    this.#config = config;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#plan = MatrixPlan.of(config);
    this.#words = driver.memory.linear.int32;
    // The first write gives a page of RAM its host memory.
    this.#hosts = Int32Array.from(config.entryAddresses, (address) => {
      driver.memory.write32(Number(address), 0);
      return driver.memory.hostForWrite(Number(address)) / 4;
    });
    this.#now = new Int32Array(this.#hosts.length);
  }

  run(): MatrixReport {
    for (const [at, pdpte] of this.#config.pdptes.entries()) {
      if (pdpte !== 0n) this.#driver.memory.write64(Number(this.#config.tables[0]) + 8 * at, pdpte);
    }
    this.#driver.begin(this.#plan.first.cpu);
    for (const context of this.#plan.contexts()) {
      this.#runContext(context);
      if (this.#isOver()) break;
    }
    if (!this.#isOver()) this.#checkOtherMemory();
    return { cases: this.#cases, mismatches: this.#mismatches };
  }

  #isOver(): boolean {
    return this.#mismatches.length >= this.#options.maxMismatches;
  }

  #runContext({ cpu, end, expected, verdicts }: PlannedContext): void {
    const driver = this.#driver;
    const { oneOf } = this.#options;
    driver.select(cpu);
    let form = oneOf === 1 ? 0 : this.#random.below(oneOf);
    while (form < end) {
      this.#writeForm(expected, form);
      const first = (expected.outcomeClass[form] as number) * accessCount;
      for (let access = 0; access < accessCount; access++) {
        driver.translate(access);
        const fault = verdicts[first + access] as number;
        if (!this.#isAsExpected(expected, form, access, fault)) {
          this.#mismatches.push(this.#describe(cpu, expected, form, access, fault));
          if (this.#isOver()) return;
          this.#writeForm(expected, form);
        }
      }
      this.#cases += accessCount;
      form += oneOf === 1 ? 1 : 1 + this.#random.below(2 * oneOf - 1);
    }
  }

  #writeForm(expected: Expectations, form: number): void {
    const { levels, entryLo, entryHi } = expected;
    const wide = this.#config.entryBytes === 8;
    for (let level = 0; level < levels; level++) {
      const host = this.#hosts[level] as number;
      const lo = entryLo[form * levels + level] as number;
      this.#now[level] = lo;
      this.#words[host] = lo;
      if (wide) this.#words[host + 1] = entryHi[form * levels + level] as number;
    }
    this.#driver.tablesWritten?.();
  }

  /**
   * Compares everything. Changed A and D bits are put back, so that each access meets the form as
   * it was written; but what a driver that caches has set stays set, as it does in reality.
   */
  #isAsExpected(expected: Expectations, form: number, access: number, fault: number): boolean {
    const driver = this.#driver;
    if (driver.fault !== fault) return false;
    const { levels, entryLo, entryHi } = expected;
    let after = entryLo;
    if (fault === 0) {
      if (driver.physical !== expected.physical[form]) return false;
      if (driver.pageBytes !== expected.pageBytes[form]) return false;
      after = ACCESSES[access]?.what === "write" ? expected.writeLo : expected.readLo;
    }
    const wide = this.#config.entryBytes === 8;
    const keeps = driver.tablesWritten !== undefined;
    for (let level = 0; level < levels; level++) {
      const host = this.#hosts[level] as number;
      const at = form * levels + level;
      const now = this.#now[level] as number;
      const wanted = now | (after[at] as number);
      if (this.#words[host] !== wanted) return false;
      if (wide && this.#words[host + 1] !== entryHi[at]) return false;
      if (keeps) this.#now[level] = wanted;
      else if (wanted !== now) this.#words[host] = now;
    }
    return true;
  }

  /** No translation may have written anywhere but to the entries it used. */
  #checkOtherMemory(): void {
    const { memory } = this.#driver;
    for (const host of this.#hosts) {
      this.#words[host] = 0;
      if (this.#config.entryBytes === 8) this.#words[host + 1] = 0;
    }
    for (let at = 0; at < Number(RAM_BYTES); at += 4) {
      const found = memory.readInt32(at);
      if (found !== 0) this.#mismatches.push(`${this.#config.name}: memory at ${at} is ${found}`);
    }
  }

  #describe(
    cpu: ModelProcessor,
    expected: Expectations,
    form: number,
    access: number,
    fault: number,
  ): string {
    const { levels } = expected;
    const { what, who } = ACCESSES[access] as (typeof ACCESSES)[number];
    const hex = (value: number) => `0x${value.toString(16)}`;
    const pair = (hi: number, lo: number) =>
      `${(hi >>> 0).toString(16).padStart(8, "0")}_${(lo >>> 0).toString(16).padStart(8, "0")}`;
    const row = (lo: Int32Array) =>
      Array.from({ length: levels }, (_, level) =>
        pair(expected.entryHi[form * levels + level] ?? 0, lo[form * levels + level] ?? 0),
      ).join(" ");
    const now = Array.from(this.#hosts, (host) =>
      pair(
        this.#config.entryBytes === 8 ? (this.#words[host + 1] ?? 0) : 0,
        this.#words[host] ?? 0,
      ),
    ).join(" ");
    const on = Object.entries(cpu).filter(([, value]) => value === true);
    const writes = what === "write" ? expected.writeLo : expected.readLo;
    return [
      `${this.#driver.name}, ${this.#config.name}: ${who} ${what} with ${on.map(([name]) => name).join(" ")}`,
      `pkru ${cpu.pkru.toString(16)} pkrs ${cpu.pkrs.toString(16)}, entries ${row(expected.entryLo)}`,
      `expected fault ${hex(fault)}, ${hex(expected.physical[form] ?? 0)}, entries ${row(fault === 0 ? writes : expected.entryLo)}`,
      `got      fault ${hex(this.#driver.fault)}, ${hex(this.#driver.physical)}, entries ${now}`,
    ].join("\n  ");
  }
}
