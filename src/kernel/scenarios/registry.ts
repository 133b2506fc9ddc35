/** All scenarios by name. */
import { badArgument } from "../../base/errors.ts";
import { CACHES, SUB_PMDS } from "./caches.ts";
import { ERRORS } from "./errors.ts";
import { PARTIAL } from "./partial.ts";
import { PUBLISHING } from "./publishing.ts";
import { REUSE } from "./reuse.ts";
import type { Scenario } from "./scenario.ts";
import { STORIES_2017 } from "./story-2017.ts";
import { VMAP } from "./vmap.ts";

/** In the order of the list: the story first, then by family. */
export const SCENARIOS: readonly Scenario[] = [
  ...STORIES_2017,
  ...PUBLISHING,
  ...REUSE,
  ...CACHES,
  ...VMAP,
  ...PARTIAL,
  ...SUB_PMDS,
  ...ERRORS,
];

/** @throws ArgumentError naming the scenarios that there are */
export function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  return found ?? badArgument("scenario", SCENARIOS.map(({ name }) => name).join(", "), name);
}
