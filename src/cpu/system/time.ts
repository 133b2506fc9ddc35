/** RDTSC, RDTSCP, RDPID, RDPMC; RDRAND and RDSEED. */
import { CR4 } from "../../mmu/control-bits.ts";
import { STATUS_FLAGS } from "../builder/flags.ts";
import type { Cpu } from "../cpu.ts";
import { GP } from "../faults.ts";
import { CONTROL, RAX, RCX, RDX } from "../layout.ts";
import { readTsc } from "../time.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

const LOW = 0xffff_ffffn;

/** EDX:EAX; the upper halves become 0. */
export function setPair(cpu: Cpu, value: bigint): void {
  cpu.state.setGpr(RAX, value & LOW);
  cpu.state.setGpr(RDX, value >> 32n);
}

const rdtsc: SystemFunction = (cpu) => {
  if (cpu.mmu.cr4 & CR4.TSD && cpu.cpl > 0) return GP;
  setPair(cpu, readTsc(cpu));
  return 0;
};

const rdtscp: SystemFunction = (cpu, i) => {
  const raised = rdtsc(cpu, i);
  if (raised === 0) cpu.state.setGpr(RCX, cpu.state.get64(CONTROL.tscAux));
  return raised;
};

const rdpid: SystemFunction = (cpu, i) => {
  const bytes = cpu.codeWidth === 64 ? 8 : 4;
  cpu.state.setGprSized(i.rm, cpu.state.get64(CONTROL.tscAux), bytes);
  return 0;
};

/** No performance counters are announced, so no number is valid. */
const rdpmc: SystemFunction = () => GP;

/** Always succeeds: CF = 1, the other status flags 0. */
const random: SystemFunction = (cpu, i) => {
  const word = (BigInt(cpu.random.next()) << 32n) | BigInt(cpu.random.next());
  cpu.state.setGprSized(i.rm, word, i.operandBytes);
  cpu.state.flags = (cpu.state.flags & ~STATUS_FLAGS) | 1;
  return 0;
};

export const TIME_AND_CHANCE: SystemGroup = {
  rdtsc: { run: rdtsc },
  rdtscp: { run: rdtscp },
  rdpid: { run: rdpid, continues: true },
  rdpmc: { run: rdpmc },
  rdrand: { run: random, continues: true },
  rdseed: { run: random, continues: true },
};
