/** What tells the MMU that translations or rights changed: INVLPG, INVPCID, RDPKRU, WRPKRU. */
import { CR4 } from "../../mmu/control-bits.ts";
import { GP, UD } from "../faults.ts";
import { RAX, RCX, RDX } from "../layout.ts";
import { linearAt, offsetOf, operand, readMemory } from "../operands.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

/** No segment fault: INVLPG takes any address. */
const invlpg: SystemFunction = (cpu, i) => {
  const raised = linearAt(cpu, i.segment, offsetOf(cpu, i), 1, false);
  if (raised === 0) cpu.mmu.invlpg(operand.linear);
  return 0;
};

const invpcid: SystemFunction = (cpu, i) => {
  const type = cpu.state.gpr(i.reg);
  let raised = readMemory(cpu, i, 8);
  if (raised !== 0) return raised;
  const pcid = operand.value;
  raised = readMemory(cpu, i, 8, 8n);
  if (raised !== 0) return raised;
  return type > 3n ? GP : cpu.mmu.invpcid(Number(type), pcid, operand.value);
};

const rdpkru: SystemFunction = (cpu) => {
  const { state, mmu } = cpu;
  if (!(mmu.cr4 & CR4.PKE)) return UD;
  if (state.gpr32(RCX) !== 0) return GP;
  state.setGpr(RAX, BigInt(mmu.pkru >>> 0));
  state.setGpr(RDX, 0n);
  return 0;
};

const wrpkru: SystemFunction = (cpu) => {
  const { state, mmu } = cpu;
  if (!(mmu.cr4 & CR4.PKE)) return UD;
  if (state.gpr32(RCX) !== 0 || state.gpr32(RDX) !== 0) return GP;
  mmu.pkru = state.gpr32(RAX);
  return 0;
};

export const TRANSLATION: SystemGroup = {
  invlpg: { run: invlpg, looksUp: () => true },
  invpcid: { run: invpcid, looksUp: () => true },
  rdpkru: { run: rdpkru, continues: true },
  wrpkru: { run: wrpkru, continues: true },
};
