/** MOV to and from control and debug registers, CLTS, SMSW, LMSW, XSETBV. */
import { hiOf, loOf, wordOf } from "../../base/word64.ts";
import { CR0, CR4 } from "../../mmu/control-bits.ts";
import type { Cpu } from "../cpu.ts";
import { fault, GP, UD, VECTOR } from "../faults.ts";
import { CONTROL } from "../layout.ts";
import { operand, readE, writeE } from "../operands.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

const DR6_FIXED = 0xffff_0ff0n;
const DR7_GENERAL_DETECT = 1n << 13n;

const movFromCr: SystemFunction = (cpu, i) => {
  cpu.state.setGprSized(i.rm, readControl(cpu, i.reg), cpu.codeWidth === 64 ? 8 : 4);
  return 0;
};

function readControl(cpu: Cpu, number: number): bigint {
  const { mmu, state } = cpu;
  switch (number) {
    case 0:
      return wordOf(0, mmu.cr0);
    case 2:
      return state.get64(CONTROL.cr2);
    case 3:
      return mmu.cr3;
    case 4:
      return wordOf(0, mmu.cr4);
    default:
      return cpu.apic ? BigInt(cpu.apic.taskPriority >> 4) : state.get64(CONTROL.cr8);
  }
}

const movToCr: SystemFunction = (cpu, i) => {
  const { state } = cpu;
  const long = cpu.codeWidth === 64;
  const value = BigInt.asUintN(long ? 64 : 32, state.gpr(i.rm));
  return writeControl(cpu, i.reg, value);
};

/** @returns 0, or #GP(0) and nothing has changed */
export function writeControl(cpu: Cpu, number: number, value: bigint): number {
  const { mmu, state } = cpu;
  let raised = 0;
  if (number === 0) raised = mmu.writeCr0(loOf(value), hiOf(value));
  else if (number === 2) state.set64(CONTROL.cr2, value);
  else if (number === 3) raised = mmu.writeCr3(value);
  else if (number === 4) raised = mmu.writeCr4(loOf(value), hiOf(value));
  else if (value > 15n) return GP;
  else if (cpu.apic) cpu.apic.taskPriority = Number(value) << 4;
  else state.set64(CONTROL.cr8, value);
  if (raised === 0) cpu.modeChanged();
  return raised;
}

const clts: SystemFunction = (cpu) => {
  const raised = cpu.mmu.writeCr0(cpu.mmu.cr0 & ~CR0.TS);
  cpu.modeChanged();
  return raised;
};

/** User-mode instruction prevention: #GP(0) outside CPL 0 with CR4.UMIP. */
export function preventedByUmip(cpu: Cpu): boolean {
  return (cpu.mmu.cr4 & CR4.UMIP) !== 0 && cpu.cpl > 0;
}

const smsw: SystemFunction = (cpu, i) => {
  if (preventedByUmip(cpu)) return GP;
  return writeE(cpu, i, 2, wordOf(0, cpu.mmu.cr0));
};

/** Changes PE, MP, EM and TS; cannot clear PE. */
const lmsw: SystemFunction = (cpu, i) => {
  const raised = readE(cpu, i, 2);
  if (raised !== 0) return raised;
  const { cr0 } = cpu.mmu;
  const low = Number(operand.value & 15n) | (cr0 & CR0.PE);
  return writeControl(cpu, 0, wordOf(0, (cr0 & ~15) | low));
};

/** DR4 and DR5 are DR6 and DR7 unless CR4.DE. */
function debugOffset(cpu: Cpu, number: number): number {
  const aliased = number === 4 || number === 5;
  if (aliased && cpu.mmu.cr4 & CR4.DE) return -1;
  const index = aliased ? number + 2 : number;
  return index < 4 ? CONTROL.dr0 + index * 8 : index === 6 ? CONTROL.dr6 : CONTROL.dr7;
}

function generalDetect(cpu: Cpu): boolean {
  return (cpu.state.get64(CONTROL.dr7) & DR7_GENERAL_DETECT) !== 0n;
}

const movFromDr: SystemFunction = (cpu, i) => {
  const offset = debugOffset(cpu, i.reg);
  if (offset < 0) return UD;
  if (generalDetect(cpu)) return fault(VECTOR.DB);
  cpu.state.setGprSized(i.rm, cpu.state.get64(offset), cpu.codeWidth === 64 ? 8 : 4);
  return 0;
};

const movToDr: SystemFunction = (cpu, i) => {
  const { state } = cpu;
  const offset = debugOffset(cpu, i.reg);
  if (offset < 0) return UD;
  if (generalDetect(cpu)) return fault(VECTOR.DB);
  const value = BigInt.asUintN(cpu.codeWidth === 64 ? 64 : 32, state.gpr(i.rm));
  const special = offset === CONTROL.dr6 || offset === CONTROL.dr7;
  if (special && value >> 32n) return GP;
  if (offset === CONTROL.dr6) state.set64(offset, (value & 0xe00fn) | DR6_FIXED);
  else if (offset === CONTROL.dr7) state.set64(offset, (value & 0xffff_2fffn) | 0x400n);
  else state.set64(offset, value);
  return 0;
};

export const CONTROL_REGISTERS: SystemGroup = {
  movfromcr: { run: movFromCr, continues: true },
  // CR8 decides about interrupts.
  movtocr: { run: movToCr, looksUp: (i) => i.reg !== 8 },
  clts: { run: clts },
  smsw: { run: smsw, continues: true },
  lmsw: { run: lmsw },
  movfromdr: { run: movFromDr, continues: true },
  movtodr: { run: movToDr },
};
