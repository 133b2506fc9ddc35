/** `hotplug/*`, `teardown/*`, `sync/*` and `check/*`: the mini kernel's memory management. */
import { GIB, MIB, TIB } from "../../src/base/units.ts";
import type { BenchCase, Side, Trial } from "../harness/case.ts";
import { directMapCases } from "./direct-map.ts";
import { SCALE, type ScaleOptions, ScaleScene } from "./scale.ts";

/** One cycle of add and remove, timed once a round: it undoes itself and takes long. */
function cycle(name: string, scene: ScaleScene): Side {
  return {
    name,
    measure() {
      const start = performance.now();
      scene.add();
      scene.remove();
      return ((performance.now() - start) * 1e6) / scene.sections;
    },
  };
}

/** The same range under two circumstances. */
function compare(options: ScaleOptions, other?: ScaleOptions & { readonly name: string }): Trial {
  const scene = new ScaleScene(options);
  const against = other && new ScaleScene(other);
  const before = scene.hostBytes;
  let added = 0;
  return {
    ours: cycle("pml5", scene),
    baselines: other && against ? [cycle(other.name, against)] : [],
    check() {
      scene.add();
      added = scene.hostBytes - before;
      scene.remove();
    },
    note: () => `host memory +${(added / MIB).toFixed(1)} MiB when added`,
    close() {
      scene.close();
      against?.close();
    },
  };
}

const scaleCases: readonly BenchCase[] = SCALE.map(({ name, ...options }) => ({
  name: `hotplug/${name}`,
  operation: "section",
  prepare: () => compare(options),
}));

const SYNC = { levels: 4, bytes: 8 * TIB } as const;
const CHECKED = { levels: 4, bytes: 256 * GIB } as const;

export const kernelCases: readonly BenchCase[] = [
  ...directMapCases,
  ...scaleCases,
  {
    name: "sync/4-level/8tib/1000-processes",
    operation: "section",
    prepare: () =>
      compare({ ...SYNC, processes: 1000 }, { ...SYNC, processes: 1, name: "1 process" }),
  },
  {
    name: "check/4-level/256gib/overhead",
    operation: "section",
    quick: true,
    prepare: () => compare({ ...CHECKED, checked: true }, { ...CHECKED, name: "unchecked" }),
  },
];
