import type { BenchCase } from "../harness/case.ts";
import { Scene } from "./scene.ts";
import { type Footprint, fits, type Leaf, type Order, type Outcome, type Shape } from "./shape.ts";

const LEVELS = [4, 5] as const;
const LEAVES: readonly Leaf[] = ["4k", "2m", "1g"];
const FOOTPRINTS: readonly Footprint[] = ["l1", "l2", "l3", "dram"];
const ORDERS: readonly Order[] = ["random", "sequential"];

function shapes(): Shape[] {
  return LEVELS.flatMap((levels) =>
    LEAVES.flatMap((leaf) =>
      FOOTPRINTS.flatMap((footprint) =>
        ORDERS.map((order) => ({
          levels,
          leaf,
          footprint,
          order,
          clearAccessedDirty: false,
          outcome: "none" as Outcome,
        })),
      ),
    ),
  ).filter(fits);
}
const more: Shape[] = LEVELS.flatMap((levels) => [
  ...(["not-present", "reserved", "protection"] as const).map((outcome) => ({
    levels,
    leaf: "4k" as Leaf,
    footprint: "l2" as Footprint,
    order: "random" as Order,
    clearAccessedDirty: false,
    outcome,
  })),
  ...(["l1", "l2", "l3"] as const).map((footprint) => ({
    levels,
    leaf: "4k" as Leaf,
    footprint,
    order: "random" as Order,
    clearAccessedDirty: true,
    outcome: "none" as Outcome,
  })),
]);

export const walkCases: readonly BenchCase[] = [...shapes(), ...more].map((shape) => ({
  name: `walk/${shape.levels}-level/${shape.leaf}/${shape.footprint}/${shape.order}/${shape.outcome}/${shape.clearAccessedDirty}`,
  operation: "walk",
  quick: shape.footprint === "l2",
  async prepare(context) {
    const scene = await context.shared(JSON.stringify(shape), () =>
      Scene.open(shape, context.compiler),
    );
    if (!scene.c) throw new Error("no C");
    return { ours: scene.c, baselines: [scene.c], check() {} };
  },
}));
