/** Random bytes as code: the processor survives, and ends at the limit. */
import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.ts";
import { Cpu } from "../../src/cpu/cpu.ts";
import { ACTIVITY, CONTROL } from "../../src/cpu/layout.ts";
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { HOSTILE_MODES, type HostileMode, prepare, RAM_BYTES, revive } from "../support/hostile.ts";

const MIB = 1 << 20;
const ALL = process.env.PML5_TEST_ALL === "1";
/** Instructions over all modes: a billion, or a thousandth of it. */
const TOTAL = ALL ? 1_000_000_000 : 1_000_000;
/** Instructions from one random image, and how often it is entered. */
const CASE = 4_000;
const MOST_REVIVALS = 400;

function newCpu(): { memory: PhysicalMemory; cpu: Cpu } {
  const memory = new PhysicalMemory({ linearBytes: 256 * MIB });
  memory.mapRam(0, RAM_BYTES);
  return { memory, cpu: new Cpu(memory, { recordBytes: MIB }) };
}

/** Runs one image, reviving the processor whenever it stops. @returns instructions begun */
function runCase(cpu: Cpu, memory: PhysicalMemory, mode: HostileMode, random: Random): number {
  let begun = 0;
  let revivals = 0;
  cpu.reset();
  prepare(cpu, memory, mode, random);
  while (begun < CASE && revivals < MOST_REVIVALS) {
    if (revivals > 0) revive(cpu, mode, random);
    const before = cpu.instructions;
    cpu.run(CASE - begun);
    const used = Number(cpu.instructions - before);
    expect(used).toBeLessThanOrEqual(CASE - begun);
    begun += used;
    revivals += 1;
    // HLT with nothing to wake it, a shutdown, or the limit.
    const activity = cpu.state.get32(CONTROL.activity);
    expect(Object.values(ACTIVITY)).toContain(activity);
  }
  return begun;
}

describe("Processor, random bytes as code", () => {
  const seed = Number(process.env.PML5_SEED ?? Math.floor(Math.random() * 2 ** 31));
  for (const mode of HOSTILE_MODES) {
    it(
      `survives ${mode.name} and stops at the limit`,
      () => {
        const share = TOTAL / HOSTILE_MODES.length;
        const { memory, cpu } = newCpu();
        let done = 0;
        let cases = 0;
        console.log(`hostile, ${mode.name}: PML5_SEED=${seed}, ${share} instructions`);
        while (done < share) {
          const caseSeed = (seed + cases) | 0;
          try {
            done += Math.max(runCase(cpu, memory, mode, new Random(caseSeed)), 1);
          } catch (error) {
            throw new Error(`${mode.name}: case seed ${caseSeed}`, { cause: error });
          }
          cases += 1;
        }
        expect(memory.linear.buffer.byteLength).toBe(256 * MIB);
      },
      ALL ? 7_200_000 : 60_000,
    );
  }
});
