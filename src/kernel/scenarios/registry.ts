/** All scenarios by name. */
import { badArgument } from "../../base/errors.ts";
import type { Scenario } from "./scenario.ts";
import { STORY_2017, STORY_2017_LUCKY } from "./story-2017.ts";

export const SCENARIOS: readonly Scenario[] = [STORY_2017, STORY_2017_LUCKY];

/** @throws ArgumentError naming the scenarios that there are */
export function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  return found ?? badArgument("scenario", SCENARIOS.map(({ name }) => name).join(", "), name);
}
