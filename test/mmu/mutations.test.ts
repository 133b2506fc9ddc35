/**
 * How sharp the access matrix is: each of these mutations of src/mmu must be caught by a further
 * reduced matrix. Source is patched in a copy; src stays as it is.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
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
import { runMatrix } from "./matrix/run.ts";
import { LAZY_TLB_PATCHES, TLB_PATCHES, UPPER_CACHE_PATCHES } from "./mutations/cache-patches.ts";
import { GENERATED_PATCHES } from "./mutations/generated-patches.ts";
import { applyPatch, type Patch, withMutant } from "./mutations/mutant.ts";
import { REFERENCE_PATCHES } from "./mutations/reference-patches.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "pml5-mutants-"));
const SEED = 20_260_501;
const CONFIGS = [...LONG_CONFIGS, ...LEGACY_CONFIGS];

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

/** The first mismatch of the further reduced matrix, or "". */
function firstMismatch(modules: MmuModules, driver: DriverFactory, where = "-level"): string {
  for (const config of CONFIGS.filter(({ name }) => name.includes(where))) {
    const options = { oneOf: sampleOf(config, 499), seed: SEED, maxMismatches: 1 };
    const [mismatch] = runMatrix(modules, driver, config, options).mismatches;
    if (mismatch !== undefined) return mismatch;
  }
  return "";
}

function itIsCaught(patches: readonly Patch[], driver: DriverFactory): void {
  it.each(patches.map((patch, index) => [patch.why, patch, index] as const))(
    "%s",
    async (_why, patch, index) => {
      const folder = join(FOLDER, `${driver.name}-${index}`);
      const mismatch = await withMutant(folder, patch, (modules) =>
        firstMismatch(modules, driver, patch.where),
      );
      expect(mismatch).not.toBe("");
    },
    60_000,
  );
}

describe("Access matrix, mutations caught in the reference walk", () => {
  itIsCaught(REFERENCE_PATCHES, referenceDriver);
});

describe("Access matrix, mutations caught in the generated walk", () => {
  itIsCaught(GENERATED_PATCHES, generatedDriver);
});

describe("Access matrix, mutations caught in the caches", () => {
  itIsCaught(UPPER_CACHE_PATCHES, upperCachesDriver);
  itIsCaught(TLB_PATCHES, setAssociativeDriver);
  itIsCaught(LAZY_TLB_PATCHES, lazyDriver);
});

describe("A mutation", () => {
  const patch = { file: "x.ts", find: "a = b", replace: "a = c", why: "a is c" };

  it("is refused when its text is gone, or no longer the only one", () => {
    expect(applyPatch("let a = b;", patch)).toBe("let a = c;");
    expect(() => applyPatch("let a = d;", patch)).toThrow(
      'mutation "a is c": expected its text once in src/mmu/x.ts, found it 0 times: a = b',
    );
    expect(() => applyPatch("a = b; a = b;", patch)).toThrow("found it 2 times");
  });
});
