/** `cpu/*`: guests in 64-bit mode, beside QEMU's TCG where it is installed. */
import type { BenchCase, Side, Trial } from "../harness/case.ts";
import { buildImage } from "./image.ts";
import { runOurs } from "./ours.ts";
import { hasQemu, runQemu } from "./qemu.ts";
import { WORKLOADS, type Workload } from "./workloads.ts";

/** The first guess, and what is too short to be told from the noise. */
const FIRST_COUNT = 2_000;
const LEAST_MILLISECONDS = 20;
const MOST_COUNT = 0x7fff_ffff;

/** Runs the guest about as long as it is asked to; finds out by itself how often that is. */
function guestSide(
  name: string,
  workload: Workload,
  run: (image: Uint8Array) => Promise<number> | number,
): Side {
  let count = FIRST_COUNT;
  return {
    name,
    async measure(milliseconds) {
      const wanted = Math.max(milliseconds, LEAST_MILLISECONDS);
      for (;;) {
        const took = await run(buildImage(workload, count));
        const used = count;
        const factor = Math.min(wanted / Math.max(took, 0.1), 100);
        count = Math.max(1, Math.min(Math.round(count * factor), MOST_COUNT));
        if (took >= wanted / 2 || used === MOST_COUNT) {
          return (took * 1e6) / (used * workload.operations);
        }
      }
    },
  };
}

function prepare(workload: Workload): Trial {
  const ours = guestSide("pml5", workload, runOurs);
  if (!hasQemu()) console.log(`cpu/${workload.name}: QEMU is not installed`);
  const baselines = hasQemu() ? [guestSide("QEMU TCG", workload, runQemu)] : [];
  // A guest that goes astray never writes its second mark, and its side says so.
  return { ours, baselines, check: () => void runOurs(buildImage(workload, 1)) };
}

export const cpuCases: readonly BenchCase[] = WORKLOADS.map((workload) => ({
  name: `cpu/${workload.name}`,
  operation: workload.operation,
  quick: true,
  ...(workload.atMost === undefined ? {} : { targets: [{ atMost: workload.atMost }] }),
  prepare: () => prepare(workload),
}));
