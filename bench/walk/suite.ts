/** `walk/*`: translations per second beside a plain walk in C over the same tables. */
import type { BenchCase, BenchContext, Target, Trial } from "../harness/case.ts";
import { bennySide, resettingSide } from "../harness/samplers.ts";
import { type How, OurWalk } from "./ours.ts";
import { Scene } from "./scene.ts";
import { type Footprint, fits, type Leaf, type Outcome, type Shape } from "./shape.ts";
import { tlbHitCases } from "./tlb-hit.ts";

const LEVELS = [4, 5] as const;
const LEAVES: readonly Leaf[] = ["4k", "2m", "1g"];
const FOOTPRINTS: readonly Footprint[] = ["l1", "l2", "l3", "dram"];
const OUTCOMES: readonly Outcome[] = ["not-present", "reserved", "protection"];

/** The last part of a name: how the walks are done. */
interface Way {
  readonly name: string;
  readonly how: How;
  readonly withCaches: boolean;
  readonly atMost?: number;
}

const BATCH: Way = { name: "batch", how: "batch", withCaches: true, atMost: 1.0 };
const BATCH_PLAIN: Way = { name: "batch-no-caches", how: "batch", withCaches: false, atMost: 1.6 };
const SINGLE: Way = { name: "single", how: "single", withCaches: true, atMost: 1.8 };
const SINGLE_PLAIN: Way = { name: "single-no-caches", how: "single", withCaches: false };
const TRANSLATE: Way = { name: "translate", how: "translate", withCaches: true };
const TRANSLATE_PLAIN: Way = { name: "translate-no-caches", how: "translate", withCaches: false };

/** Cases over one shape: they follow one another, as they share its tables. */
interface Group {
  readonly name: string;
  readonly shape: Shape;
  readonly ways: readonly Way[];
  /** Whether the targets hold here: not where nothing was promised. */
  readonly judged: boolean;
}

const PLAIN = { clearAccessedDirty: false, outcome: "none", order: "random" } as const;

function randomGroups(levels: 4 | 5): Group[] {
  return LEAVES.flatMap((leaf) => FOOTPRINTS.map((footprint) => ({ leaf, footprint })))
    .filter(({ leaf, footprint }) => fits({ levels, leaf, footprint }))
    .map(({ leaf, footprint }) => ({
      name: `walk/${levels}-level/${leaf}/${footprint}/random`,
      shape: { ...PLAIN, levels, leaf, footprint },
      ways: [BATCH, BATCH_PLAIN, SINGLE, ...extraWays(leaf)],
      judged: true,
    }));
}

/** What is only worth its time for the commonest pages. */
function extraWays(leaf: Leaf): Way[] {
  return leaf === "4k" ? [SINGLE_PLAIN, TRANSLATE, TRANSLATE_PLAIN] : [];
}

/** Neighbouring pages share their cache line, so the footprint hardly matters. */
function sequentialGroups(levels: 4 | 5): Group[] {
  return (["l2", "dram"] as const).map((footprint) => ({
    name: `walk/${levels}-level/4k/${footprint}/sequential`,
    shape: { ...PLAIN, levels, leaf: "4k", footprint, order: "sequential" },
    ways: [BATCH, BATCH_PLAIN, SINGLE],
    judged: true,
  }));
}

function clearGroups(levels: 4 | 5): Group[] {
  return (["l1", "l2", "l3"] as const).map((footprint) => ({
    name: `walk/${levels}-level/4k/${footprint}/ad-clear`,
    shape: { ...PLAIN, levels, leaf: "4k", footprint, clearAccessedDirty: true },
    ways: [BATCH, BATCH_PLAIN, SINGLE],
    judged: false,
  }));
}

function faultGroups(levels: 4 | 5): Group[] {
  return OUTCOMES.map((outcome) => ({
    name: `walk/${levels}-level/4k/l2/fault/${outcome}`,
    shape: { ...PLAIN, levels, leaf: "4k", footprint: "l2", outcome },
    ways: [BATCH, BATCH_PLAIN, SINGLE, TRANSLATE],
    judged: false,
  }));
}

const GROUPS: readonly Group[] = LEVELS.flatMap((levels) => [
  ...randomGroups(levels),
  ...sequentialGroups(levels),
  ...clearGroups(levels),
  ...faultGroups(levels),
]);

function caseOf({ name, shape, judged }: Group, way: Way): BenchCase {
  const targets: Target[] = [];
  if (judged && way.atMost !== undefined) targets.push({ against: "C", atMost: way.atMost });
  return {
    name: `${name}/${way.name}`,
    operation: "walk",
    targets,
    quick: shape.footprint === "l2",
    prepare: (context) => prepare(context, shape, way),
  };
}

async function prepare(context: BenchContext, shape: Shape, way: Way): Promise<Trial> {
  const key = `walk ${JSON.stringify(shape)}`;
  const scene = await context.shared(key, () => Scene.open(shape, context.compiler));
  const walk = new OurWalk(scene, way.how, way.withCaches);
  const run = () => walk.run();
  const ours = shape.clearAccessedDirty
    ? resettingSide("pml5", scene.window, run, () => scene.reset())
    : bennySide("pml5", scene.window, run);
  return {
    ours,
    baselines: scene.c ? [scene.c] : [],
    check: () => scene.compare(walk.results(), walk.faultsAs),
    close: () => walk.close(),
  };
}

export const walkCases: readonly BenchCase[] = [
  ...tlbHitCases,
  ...GROUPS.flatMap((group) => group.ways.map((way) => caseOf(group, way))),
];
