/**
 * The access matrix: every combination of entry bits, protection keys, control bits and kinds of
 * access, checked against the model in ./model. `npm test` runs a sample of it, stratified by
 * register setting; PML5_TEST_ALL=1 runs every case.
 */
import { afterAll, describe, expect, it } from "vitest";
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { mmuFeatures } from "../../src/mmu/features.ts";
import { LazyTlb } from "../../src/mmu/lazy-tlb.ts";
import { Mmu } from "../../src/mmu/mmu.ts";
import { noTlb } from "../../src/mmu/no-tlb.ts";
import { pagingMode } from "../../src/mmu/paging-mode.ts";
import { SetAssociativeTlb } from "../../src/mmu/set-associative-tlb.ts";
import { walk } from "../../src/mmu/walk.ts";
import { LEGACY_CONFIGS, LONG_CONFIGS, sampleOf } from "./matrix/config.ts";
import {
  type DriverFactory,
  generatedDriver,
  lazyDriver,
  type MmuModules,
  referenceDriver,
  setAssociativeDriver,
  upperCachesDriver,
} from "./matrix/drivers.ts";
import { MatrixPlan } from "./matrix/plan.ts";
import { runMatrix } from "./matrix/run.ts";

const MODULES: MmuModules = {
  PhysicalMemory,
  walk,
  pagingMode,
  mmuFeatures,
  Mmu,
  noTlb,
  SetAssociativeTlb,
  LazyTlb,
};

const ALL = process.env.PML5_TEST_ALL === "1";
const SEED = Number(process.env.PML5_SEED ?? (Date.now() % 0x7fffffff) + 1);
const TIMEOUT_MS = 15 * 60_000;

/**
 * The sample is one form of so many in each context, and under PML5_TEST_ALL one of the last
 * number: all of them for the walks, fewer for the TLBs, which are slow.
 */
const DRIVERS: readonly (readonly [string, DriverFactory, sample: number, all: number])[] = [
  ["reference walk", referenceDriver, 192, 1],
  ["generated walk", generatedDriver, 24, 1],
  ["paging-structure caches", upperCachesDriver, 96, 1],
  ["set-associative TLB", setAssociativeDriver, 96, 4],
  ["lazy TLB", lazyDriver, 384, 16],
];

const CONFIGS = [...LONG_CONFIGS, ...LEGACY_CONFIGS];
const inAll = CONFIGS.reduce((sum, config) => sum + MatrixPlan.of(config).caseCount, 0);

describe.each(DRIVERS)("Access matrix, %s", (driverName, driver, sample, all) => {
  const oneOf = ALL ? all : sample;
  let cases = 0;

  afterAll(() => {
    const which = oneOf === 1 ? "" : ` of ${inAll.toLocaleString("en")}, seed ${SEED}`;
    console.log(`Access matrix, ${driverName}: ${cases.toLocaleString("en")} cases${which}`);
  });

  it.each(CONFIGS.map((config) => [config.name, config] as const))(
    "%s",
    (_name, config) => {
      const options = {
        oneOf: sampleOf(config, oneOf),
        seed: SEED + CONFIGS.indexOf(config),
        maxMismatches: 8,
      };
      const report = runMatrix(MODULES, driver, config, options);
      cases += report.cases;
      expect(report.mismatches.join("\n")).toBe("");
      expect(report.cases).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});
