/** Software interrupts that stay in virtual-8086 mode (SDM 3B, "Virtual Mode Extensions"). */
import { IMPLICIT, USER } from "../mmu/access.ts";
import { FLAG } from "./builder/flags.ts";
import type { Cpu } from "./cpu.ts";
import { GP } from "./faults.ts";
import { CS, SEGMENT, segmentOffset, TR } from "./layout.ts";
import { loadRealSegment } from "./segments.ts";
import { pushStack } from "./stack.ts";

const MAP_POINTER = 0x66n;
/** The redirection bitmap lies in front of the I/O permission bitmap. */
const BITMAP_BYTES = 32;

/** @returns 1 if the monitor gets the interrupt, 0 if the program does, or minus a fault */
export function isMonitored(cpu: Cpu, vector: number): number {
  const { state, mmu } = cpu;
  const at = segmentOffset(TR);
  const limit = state.get32(at + SEGMENT.limit) >>> 0;
  const base = state.segmentBase(TR);
  let raised = mmu.load(base + MAP_POINTER, 2, IMPLICIT);
  if (raised !== 0) return -raised;
  const byte = Number(mmu.value) - BITMAP_BYTES + (vector >> 3);
  if (byte < 0 || byte > limit) return -GP;
  raised = mmu.load(base + BigInt(byte), 1, IMPLICIT);
  return raised !== 0 ? -raised : (Number(mmu.value) >> (vector & 7)) & 1;
}

/** As in real-address mode; with IOPL < 3 the virtual interrupt flag stands for the real one. */
export function interruptVirtual8086(cpu: Cpu, vector: number): number {
  const { state, mmu } = cpu;
  const raised = mmu.load(BigInt(vector * 4), 4, USER);
  if (raised !== 0) return raised;
  const target = Number(mmu.value);
  const isVirtual = cpu.iopl < 3;
  const pushed = pushStack(
    cpu,
    [BigInt(imageOf(cpu) & 0xffff), BigInt(state.selector(CS)), state.rip],
    2,
  );
  if (pushed !== 0) return pushed;
  loadRealSegment(cpu, CS, target >>> 16);
  state.rip = BigInt(target & 0xffff);
  state.setOther(FLAG.TF | FLAG.NT | (isVirtual ? FLAG.VIF : FLAG.IF), false);
  return 0;
}

/** RFLAGS as a program with IOPL < 3 sees them: IOPL 3, and IF is VIF. */
export function imageOf(cpu: Cpu): number {
  const { flags } = cpu.state;
  if (cpu.iopl === 3) return flags;
  return (flags & ~FLAG.IF) | FLAG.IOPL | (flags & FLAG.VIF ? FLAG.IF : 0);
}
