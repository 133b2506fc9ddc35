/** Puts a processor into the state that a boot loader describes. */
import type { Cpu } from "../cpu/cpu.ts";
import { CONTROL } from "../cpu/layout.ts";
import { RESET_REGISTERS } from "../mmu/control-bits.ts";
import { type EntryState, GENERAL_REGISTERS, SEGMENT_REGISTERS } from "./boot/entry-state.ts";

export function enterAt(cpu: Cpu, entry: EntryState): void {
  const { state, mmu } = cpu;
  GENERAL_REGISTERS.forEach((name, index) => {
    state.setGpr(index, entry.registers[name] ?? 0n);
  });
  const { cr0, cr3, cr4, efer } = entry;
  mmu.restoreRegisters({ ...RESET_REGISTERS, cr0, cr3, cr4, efer });
  SEGMENT_REGISTERS.forEach((name, index) => {
    state.setSegment(index, entry.segments[name]);
  });
  state.set64(CONTROL.gdtBase, entry.gdtr.base);
  state.set32(CONTROL.gdtLimit, entry.gdtr.limit);
  state.set64(CONTROL.idtBase, entry.idtr.base);
  state.set32(CONTROL.idtLimit, entry.idtr.limit);
  state.rip = entry.rip;
  cpu.cpl = (entry.segments.ss.rights >> 5) & 3;
  cpu.setFlags(Number(entry.rflags));
  cpu.modeChanged();
}
