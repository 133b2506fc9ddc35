/**
 * What concerns caches of data, of which there are none here: WBINVD, INVD, WBNOINVD, the CLFLUSH
 * family; MONITOR and MWAIT, which come back at once.
 */

import type { Cpu } from "../cpu.ts";
import { GP, UD } from "../faults.ts";
import { accessFlags } from "../frame-writer.ts";
import { CONTROL, RAX, RCX } from "../layout.ts";
import { linearAt, operand, readMemory } from "../operands.ts";
import { MISC_ENABLE } from "../reset.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

const nothing: SystemFunction = () => 0;

/** Checked like a read of one byte. */
const flushLine: SystemFunction = (cpu, i) => readMemory(cpu, i, 1);

/** Only in ring 0, and while IA32_MISC_ENABLE does not hide them. */
function hasMonitor(cpu: Cpu): boolean {
  return cpu.cpl === 0 && (cpu.state.get64(CONTROL.miscEnable) & MISC_ENABLE.monitor) !== 0n;
}

/** Checks the address in rAX like a read; ECX must be 0. */
const monitor: SystemFunction = (cpu, i) => {
  if (!hasMonitor(cpu)) return UD;
  if (cpu.state.gpr32(RCX) !== 0) return GP;
  const offset = BigInt.asUintN(i.addressBytes * 8, cpu.state.gpr(RAX));
  const raised = linearAt(cpu, i.segment, offset, 1, false);
  return raised !== 0 ? raised : cpu.mmu.load(operand.linear, 1, accessFlags(cpu.cpl));
};

/** ECX bit 0 asks for interrupts as break events even when masked. */
const mwait: SystemFunction = (cpu) => {
  if (!hasMonitor(cpu)) return UD;
  return cpu.state.gpr32(RCX) & ~1 ? GP : 0;
};

export const CACHES: SystemGroup = {
  wbinvd: { run: nothing, continues: true },
  wbnoinvd: { run: nothing, continues: true },
  invd: { run: nothing, continues: true },
  clflush: { run: flushLine, continues: true },
  clflushopt: { run: flushLine, continues: true },
  clwb: { run: flushLine, continues: true },
  monitor: { run: monitor, continues: true },
  mwait: { run: mwait },
};
