/** Our side of `cpu/*`: a processor alone, entered as a multiboot loader enters it. */
import { Cpu } from "../../src/cpu/cpu.ts";
import { CS } from "../../src/cpu/layout.ts";
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { CR0 } from "../../src/mmu/control-bits.ts";
import { WrongAnswer } from "../harness/case.ts";
import { buildImage, ENTRY } from "./image.ts";
import { WORKLOADS } from "./workloads.ts";

const MIB = 1 << 20;
const SLICE = 50_000_000;

/** The host compiles generated code well only after it has run for a while. */
const WARM_UP_MILLISECONDS = 3000;
const WARM_UP_COUNT = 200_000;

/** One processor for all cases. */
class Rig {
  readonly #memory = new PhysicalMemory({ linearBytes: 512 * MIB });
  readonly #cpu: Cpu;
  #begin = 0;
  #end = 0;

  constructor() {
    this.#memory.mapRam(0, 64 * MIB);
    // What is loaded from is there, as in a machine that has run for a while.
    for (let at = 8 * MIB; at < 48 * MIB; at += 4096) this.#memory.write32(at, 1);
    const write = (port: number, _bytes: number, value: number) => {
      if (port !== 0xe9) return;
      if (value === 0x53) this.#begin = performance.now();
      else this.#end = performance.now();
    };
    this.#cpu = new Cpu(this.#memory, { ports: { read: () => 0xff, write } });
  }

  warmUp(): this {
    const until = performance.now() + WARM_UP_MILLISECONDS;
    while (performance.now() < until) {
      for (const workload of WORKLOADS) {
        this.run(buildImage(workload, WARM_UP_COUNT / workload.operations ** 2));
      }
    }
    return this;
  }

  run(image: Uint8Array): number {
    this.#memory.writeBytes(ENTRY.base, image);
    this.#end = 0;
    this.#enter();
    let stopped = this.#cpu.run(SLICE);
    while (stopped === "limit") stopped = this.#cpu.run(SLICE);
    const asExpected = stopped === "halted" && this.#end > 0;
    if (!asExpected) throw new WrongAnswer(`pml5: the guest ended: ${stopped}`);
    return this.#end - this.#begin;
  }

  /** 32-bit protected mode, flat, without paging. */
  #enter(): void {
    const cpu = this.#cpu;
    const { state, mmu } = cpu;
    cpu.reset();
    mmu.writeCr0(CR0.PE | CR0.ET);
    for (let index = 0; index < 6; index++) {
      const rights = index === CS ? 0xc09b : 0xc093;
      state.setSegment(index, { selector: 8, base: 0n, limit: 0xffff_ffff, rights });
    }
    state.rip = BigInt(ENTRY.code32);
    cpu.modeChanged();
  }
}

let rig: Rig | undefined;

/** @returns milliseconds between the marks "S" and "E" */
export function runOurs(image: Uint8Array): number {
  rig ??= new Rig().warmUp();
  return rig.run(image);
}
