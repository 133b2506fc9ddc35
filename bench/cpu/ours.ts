/** Our side of `cpu/*`: a processor alone, entered as a multiboot loader enters it. */
import { Cpu } from "../../src/cpu/cpu.ts";
import { CS } from "../../src/cpu/layout.ts";
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { CR0 } from "../../src/mmu/control-bits.ts";
import { WrongAnswer } from "../harness/case.ts";
import { ENTRY } from "./image.ts";

const MIB = 1 << 20;
const SLICE = 50_000_000;

/** @returns milliseconds between the marks "S" and "E" */
export function runOurs(image: Uint8Array): number {
  let begin = 0;
  let end = 0;
  const memory = new PhysicalMemory({ linearBytes: 512 * MIB });
  memory.mapRam(0, 64 * MIB);
  memory.writeBytes(ENTRY.base, image);
  // What is loaded from is there, as in a machine that has run for a while.
  for (let at = 8 * MIB; at < 48 * MIB; at += 4096) memory.write32(at, 1);
  const cpu = new Cpu(memory, {
    ports: {
      read: () => 0xff,
      write: (port, _bytes, value) => {
        if (port === 0xe9 && value === 0x53) begin = performance.now();
        else if (port === 0xe9) end = performance.now();
      },
    },
  });
  const { state, mmu } = cpu;
  mmu.writeCr0(CR0.PE | CR0.ET);
  for (let index = 0; index < 6; index++) {
    const rights = index === CS ? 0xc09b : 0xc093;
    state.setSegment(index, { selector: 8, base: 0n, limit: 0xffff_ffff, rights });
  }
  state.rip = BigInt(ENTRY.code32);
  cpu.modeChanged();
  let stopped = cpu.run(SLICE);
  while (stopped === "limit") stopped = cpu.run(SLICE);
  if (stopped !== "halted" || end === 0) throw new WrongAnswer(`pml5: the guest ended: ${stopped}`);
  return end - begin;
}
