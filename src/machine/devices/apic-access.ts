/**
 * How software reaches a local APIC's registers: a page of memory in xAPIC mode, MSRs in x2APIC
 * mode. Which registers each has, and what is reserved, is the table in apic-registers.ts.
 */
import type { ApicMode } from "./apic-base.ts";
import { REG, registerRule } from "./apic-registers.ts";

const FIRST_MSR = 0x800;

export interface ApicRegisterFile {
  readonly mode: ApicMode;
  /** The 32-bit x2APIC identifier. */
  readonly x2Id: number;
  commandHi: number;
  /** @param index of a register that the rules let software read */
  read(index: number): number;
  /** @param value within the register's writable bits */
  write(index: number, value: number): void;
  /** An access named no register. */
  illegal(): void;
}

/** Reads at `offset` of the page; registers are 32 bits wide at each 16 bytes. */
export function readWindow(file: ApicRegisterFile, offset: number, bytes: 1 | 2 | 4): number {
  const index = offset >> 4;
  const access = registerRule(index)?.xapic;
  if (!access) file.illegal();
  const shift = 8 * (offset & 15);
  if (!access?.includes("r") || shift >= 32) return 0;
  return (file.read(index) >>> shift) & (bytes === 4 ? -1 : 2 ** (8 * bytes) - 1);
}

/** Only aligned 32-bit writes are defined; others are lost. */
export function writeWindow(
  file: ApicRegisterFile,
  offset: number,
  bytes: 1 | 2 | 4,
  value: number,
): void {
  if (bytes !== 4 || (offset & 15) !== 0) return;
  const index = offset >> 4;
  const rule = registerRule(index);
  if (!rule?.xapic) file.illegal();
  else if (rule.xapic.includes("w")) file.write(index, value & rule.writable);
}

/** RDMSR. @returns undefined for #GP(0) */
export function readApicMsr(file: ApicRegisterFile, msr: number): bigint | undefined {
  const index = msr - FIRST_MSR;
  if (file.mode !== "x2APIC" || !registerRule(index)?.x2apic.includes("r")) return undefined;
  if (index === REG.id) return BigInt(file.x2Id);
  const low = BigInt(file.read(index) >>> 0);
  return index === REG.commandLo ? low | (BigInt(file.commandHi >>> 0) << 32n) : low;
}

/** WRMSR. @returns false for #GP(0), having changed nothing */
export function writeApicMsr(file: ApicRegisterFile, msr: number, value: bigint): boolean {
  const index = msr - FIRST_MSR;
  const rule = registerRule(index);
  if (file.mode !== "x2APIC" || !rule?.x2apic.includes("w")) return false;
  const high = Number(value >> 32n);
  const low = Number(value & 0xffffffffn);
  if ((low & ~rule.writable) !== 0) return false;
  // Only the command register has 64 bits, the destination on top.
  if (index === REG.commandLo) file.commandHi = high;
  else if (high !== 0) return false;
  file.write(index, low);
  return true;
}
