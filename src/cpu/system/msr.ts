/** RDMSR, WRMSR, XGETBV, XSETBV. */
import { CR4 } from "../../mmu/control-bits.ts";
import type { Cpu } from "../cpu.ts";
import { GP, UD } from "../faults.ts";
import { CONTROL, RAX, RCX, RDX } from "../layout.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";
import { MSRS } from "./msr-table.ts";
import { setPair } from "./time.ts";
import { inUse } from "./xsave.ts";
import { xcr0Bits } from "./xstate.ts";

const X2APIC = { first: 0x800, last: 0x8ff } as const;

function isX2Apic(number: number): boolean {
  return number >= X2APIC.first && number <= X2APIC.last;
}

/** The value of a model-specific register; undefined: #GP(0). */
export function readMsr(cpu: Cpu, number: number): bigint | undefined {
  if (isX2Apic(number)) return cpu.apic?.readMsr(number);
  const msr = MSRS.get(number);
  const exists = msr && (msr.feature === undefined || cpu.features.has(msr.feature));
  return exists ? msr.read(cpu) : undefined;
}

/** Writes a model-specific register. @returns false for #GP(0) */
export function writeMsr(cpu: Cpu, number: number, value: bigint): boolean {
  if (isX2Apic(number)) return cpu.apic?.writeMsr(number, value) ?? false;
  const msr = MSRS.get(number);
  const exists = msr && (msr.feature === undefined || cpu.features.has(msr.feature));
  return exists ? (msr.write?.(cpu, value) ?? false) : false;
}

function pairOf({ state }: Cpu): bigint {
  return (BigInt(state.gpr32(RDX)) << 32n) | BigInt(state.gpr32(RAX));
}

const rdmsr: SystemFunction = (cpu) => {
  const value = readMsr(cpu, cpu.state.gpr32(RCX));
  if (value === undefined) return GP;
  setPair(cpu, value);
  return 0;
};

const wrmsr: SystemFunction = (cpu) => (writeMsr(cpu, cpu.state.gpr32(RCX), pairOf(cpu)) ? 0 : GP);

/** Register 1 is XCR0 & XINUSE. */
const xgetbv: SystemFunction = (cpu) => {
  if (!(cpu.mmu.cr4 & CR4.OSXSAVE)) return UD;
  const number = cpu.state.gpr32(RCX);
  if (number > 1 || (number === 1 && !cpu.features.has("xgetbv1"))) return GP;
  const enabled = cpu.state.get64(CONTROL.xcr0);
  setPair(cpu, number === 0 ? enabled : enabled & inUse(cpu));
  return 0;
};

const xsetbv: SystemFunction = (cpu) => {
  if (!(cpu.mmu.cr4 & CR4.OSXSAVE)) return UD;
  const value = pairOf(cpu);
  const allowed = BigInt(xcr0Bits(cpu.features));
  const lawful = (value & 1n) !== 0n && (value & ~allowed) === 0n;
  if (cpu.state.gpr32(RCX) !== 0 || !lawful) return GP;
  cpu.state.set64(CONTROL.xcr0, value);
  return 0;
};

export const MODEL_SPECIFIC: SystemGroup = {
  rdmsr: { run: rdmsr },
  wrmsr: { run: wrmsr },
  xgetbv: { run: xgetbv, continues: true },
  xsetbv: { run: xsetbv },
};
