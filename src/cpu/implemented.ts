/** Which features are implemented: what `max` announces. */
import { instructionRows } from "./decode/rows.ts";
import { FEATURE_BITS } from "./features.ts";
import { SEMANTICS } from "./semantics/index.ts";
import { HELPERS } from "./system/index.ts";

/** Instructions that come with a feature but are no rows of that feature. */
const ALSO_NEEDED: Readonly<Record<string, readonly string[]>> = {
  fxsr: ["fxsave", "fxrstor"],
  cx8: ["cmpxchg8b"],
  cx16: ["cmpxchg8b"],
  cmov: ["cmovcc"],
  sep: ["sysenter", "sysexit"],
  msr: ["rdmsr", "wrmsr"],
  tsc: ["rdtsc"],
  umip: ["smsw"],
  "lahf-lm": ["lahf", "sahf"],
  "3dnowprefetch": ["prefetch"],
  xgetbv1: ["xgetbv"],
};

let known: ReadonlySet<string> | undefined;

/** The features all of whose instructions have a meaning. */
export function implementedFeatures(): ReadonlySet<string> {
  known ??= findImplemented();
  return known;
}

function findImplemented(): ReadonlySet<string> {
  const has = (semantic: string) => semantic in SEMANTICS || semantic in HELPERS;
  const missing = new Set<string>();
  for (const { feature, semantic } of instructionRows) {
    if (feature !== "" && !has(semantic)) missing.add(feature);
  }
  for (const [feature, semantics] of Object.entries(ALSO_NEEDED)) {
    if (!semantics.every(has)) missing.add(feature);
  }
  return new Set([...FEATURE_BITS.keys()].filter((name) => !missing.has(name)));
}
