/** FXSAVE, FXRSTOR, LDMXCSR, STMXCSR (SDM 2A). */
import { READ } from "../../mmu/access.ts";
import { CR4 } from "../../mmu/control-bits.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import { GP } from "../faults.ts";
import { CELL } from "../layout.ts";
import { blockFlags, blockLinear, probe, readBlock, writeBlock } from "../memory-block.ts";
import { operand, readMemory, writeMemory } from "../operands.ts";
import { sseFault, unavailable } from "../x87/availability.ts";
import { LEGACY, loadX87, loadXmm, saveX87, saveXmm } from "../x87/environment.ts";
import { summarize } from "../x87/unit.ts";
import type { SystemGroup } from "./group.ts";
import { MXCSR } from "./sse-unit.ts";

const image = new Uint8Array(LEGACY.bytes);
const view = new DataView(image.buffer);
/** Bytes that FXSAVE leaves to software. */
const USED_BYTES = 464;
const XMM_END = 416;

/** How many XMM registers the current mode has. */
export function xmmCount(cpu: Cpu): number {
  return cpu.codeWidth === 64 ? 16 : 8;
}

/** Linear address of an aligned operand into `operand.linear`; #GP(0) if it is not. */
export function alignedBlock(
  cpu: Cpu,
  i: DecodedInstruction,
  bytes: number,
  alignment: bigint,
  write: boolean,
): number {
  const raised = blockLinear(cpu, i, bytes, write);
  if (raised !== 0) return raised;
  return operand.linear & (alignment - 1n) ? GP : 0;
}

export function isWide(i: DecodedInstruction): boolean {
  return i.operandBytes === 8;
}

/** After the x87 state was loaded: ES, and what it forbids. */
export function x87Loaded(cpu: Cpu): void {
  summarize(cpu);
  cpu.vectorsChanged();
}

/** The upper registers and what software keeps in the last bytes are not written. */
function fxsave(cpu: Cpu, i: DecodedInstruction): number {
  const { state } = cpu;
  const raised = unavailable(cpu.mmu.cr0) || alignedBlock(cpu, i, LEGACY.bytes, 16n, true);
  if (raised !== 0) return raised;
  const { linear } = operand;
  image.fill(0);
  saveX87(state, view, isWide(i));
  view.setUint32(LEGACY.mxcsr, state.get32(CELL.mxcsr), true);
  view.setUint32(LEGACY.mxcsrMask, MXCSR.existing, true);
  const withSse = (cpu.mmu.cr4 & CR4.OSFXSR) !== 0;
  const count = withSse ? xmmCount(cpu) : 0;
  saveXmm(state, view, count);
  const bytes = withSse && count === 16 ? XMM_END : LEGACY.xmm + count * 16;
  return writeBlock(cpu, linear, image.subarray(0, bytes), blockFlags(cpu, i));
}

function fxrstor(cpu: Cpu, i: DecodedInstruction): number {
  const { state } = cpu;
  const raised = unavailable(cpu.mmu.cr0) || alignedBlock(cpu, i, LEGACY.bytes, 16n, false);
  if (raised !== 0) return raised;
  const flags = blockFlags(cpu, i);
  const { linear } = operand;
  const used = image.subarray(0, USED_BYTES);
  const fault =
    probe(cpu, linear, LEGACY.bytes, READ | flags) || readBlock(cpu, linear, used, flags);
  if (fault !== 0) return fault;
  const mxcsr = view.getUint32(LEGACY.mxcsr, true);
  const withSse = (cpu.mmu.cr4 & CR4.OSFXSR) !== 0;
  if (withSse && mxcsr & ~MXCSR.existing) return GP;
  loadX87(state, view, isWide(i));
  if (withSse) {
    state.set32(CELL.mxcsr, mxcsr);
    loadXmm(state, view, xmmCount(cpu));
  }
  x87Loaded(cpu);
  return 0;
}

function ldmxcsr(cpu: Cpu, i: DecodedInstruction): number {
  const raised = sseFault(cpu.mmu.cr0, cpu.mmu.cr4) || readMemory(cpu, i, 4);
  if (raised !== 0) return raised;
  const value = Number(operand.value);
  if (value & ~MXCSR.existing) return GP;
  cpu.state.set32(CELL.mxcsr, value);
  return 0;
}

function stmxcsr(cpu: Cpu, i: DecodedInstruction): number {
  const raised = sseFault(cpu.mmu.cr0, cpu.mmu.cr4);
  return raised || writeMemory(cpu, i, 4, BigInt(cpu.state.get32(CELL.mxcsr)));
}

export const FX_STATE: SystemGroup = {
  fxsave: { run: fxsave, continues: true },
  fxrstor: { run: fxrstor, continues: true },
  ldmxcsr: { run: ldmxcsr, continues: true },
  stmxcsr: { run: stmxcsr, continues: true },
};
