/** Interrupts in real-address mode (SDM 3B, "Interrupt and Exception Handling"). */

import { FLAG } from "./builder/flags.ts";
import type { Cpu } from "./cpu.ts";
import type { Event } from "./event.ts";
import { fault, VECTOR } from "./faults.ts";
import { CONTROL, CS, RSP, SS } from "./layout.ts";

const FRAME_BYTES = 6;

export function deliverReal(cpu: Cpu, event: Event): number {
  const { state, mmu } = cpu;
  const entry = event.vector * 4;
  if (entry + 3 > state.get32(CONTROL.idtLimit)) return fault(VECTOR.GP);
  const read = mmu.load(state.get64(CONTROL.idtBase) + BigInt(entry), 4);
  if (read !== 0) return read;
  const target = Number(mmu.value);
  const pointer = (state.gpr32(RSP) - FRAME_BYTES) & 0xffff;
  if (pointer + FRAME_BYTES - 1 > 0xffff) return fault(VECTOR.SS);
  const stack = state.segmentBase(SS) + BigInt(pointer);
  const words = [state.rip, BigInt(state.selector(CS)), BigInt(state.flags & 0xffff)];
  for (let i = 0; i < words.length; i++) {
    const written = mmu.store(stack + BigInt(2 * i), 2, words[i] as bigint);
    if (written !== 0) return written;
  }
  state.setGprSized(RSP, BigInt(pointer), 2);
  state.setOther(FLAG.IF | FLAG.TF | FLAG.AC | FLAG.RF, false);
  const selector = target >>> 16;
  state.setSegment(CS, {
    ...state.segment(CS),
    selector,
    base: BigInt(selector * 16),
  });
  state.rip = BigInt(target & 0xffff);
  cpu.modeChanged();
  return 0;
}
