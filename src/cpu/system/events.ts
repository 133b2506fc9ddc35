/** INT n, INT3, INTO, INT1, IRET, HLT, UD. */

import { CR4 } from "../../mmu/control-bits.ts";
import { FLAG } from "../builder/flags.ts";
import type { Cpu } from "../cpu.ts";
import { softwareInterrupt } from "../exceptions.ts";
import { GP, UD, VECTOR } from "../faults.ts";
import { iret } from "../iret.ts";
import { ACTIVITY, CONTROL } from "../layout.ts";
import { interruptVirtual8086, isMonitored } from "../virtual-8086.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

/**
 * INT n in virtual-8086 mode with IOPL < 3 is left to the monitor, unless the redirection bitmap
 * sends it to the program's own table (SDM 3B, "Class 3—Software Interrupt in Virtual-8086 Mode").
 */
const int: SystemFunction = (cpu, i) => {
  const vector = i.immLo & 0xff;
  if (cpu.virtual8086 && cpu.mmu.cr4 & CR4.VME) {
    const monitored = isMonitored(cpu, vector);
    if (monitored < 0) return -monitored;
    if (monitored === 0) return interruptVirtual8086(cpu, vector);
  }
  if (cpu.virtual8086 && cpu.iopl < 3) return GP;
  return softwareInterrupt(cpu, vector);
};

function fixed(vector: number): SystemFunction {
  return (cpu: Cpu) => softwareInterrupt(cpu, vector);
}

const into: SystemFunction = (cpu) =>
  cpu.state.flags & FLAG.OF ? softwareInterrupt(cpu, VECTOR.OF) : 0;

const hlt: SystemFunction = (cpu) => {
  cpu.state.set32(CONTROL.activity, ACTIVITY.halted);
  return 0;
};

const undefined_: SystemFunction = () => UD;

export const EVENTS: SystemGroup = {
  int: { run: int },
  int3: { run: fixed(VECTOR.BP) },
  int1: { run: fixed(VECTOR.DB) },
  into: { run: into },
  iret: { run: (cpu, i) => iret(cpu, i.operandBytes as 2 | 4 | 8) },
  hlt: { run: hlt },
  ud0: { run: undefined_ },
  ud1: { run: undefined_ },
  ud2: { run: undefined_ },
};
