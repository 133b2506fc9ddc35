/** The time-stamp counter: one tick a nanosecond of the machine's time. */
import type { Cpu } from "./cpu.ts";
import { CONTROL } from "./layout.ts";

export const TSC_HZ = 1e9;

/** IA32_TIME_STAMP_COUNTER now. */
export function readTsc(cpu: Cpu): bigint {
  return BigInt.asUintN(64, BigInt(Math.floor(cpu.time)) + cpu.state.get64(CONTROL.tscOffset));
}

/** Writes the counter, and moves IA32_TSC_ADJUST by as much. */
export function writeTsc(cpu: Cpu, value: bigint): void {
  const by = value - readTsc(cpu);
  writeTscAdjust(cpu, cpu.state.get64(CONTROL.tscAdjust) + by);
}

/** Writes IA32_TSC_ADJUST, and moves the counter by as much. */
export function writeTscAdjust(cpu: Cpu, value: bigint): void {
  const { state } = cpu;
  const by = value - state.get64(CONTROL.tscAdjust);
  state.set64(CONTROL.tscAdjust, BigInt.asUintN(64, value));
  state.set64(CONTROL.tscOffset, BigInt.asUintN(64, state.get64(CONTROL.tscOffset) + by));
  cpu.apic?.tscChanged();
}
