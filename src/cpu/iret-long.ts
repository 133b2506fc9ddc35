/** IRET with a 64-bit operand size (SDM 2A, "IRET/IRETD/IRETQ"): on pairs, allocating nothing. */
import { isCanonicalPair } from "../mmu/canonical.ts";
import type { Cpu } from "./cpu.ts";
import { DescriptorWords } from "./descriptor-words.ts";
import { isNull, RIGHTS } from "./descriptors.ts";
import { GP } from "./faults.ts";
import { FrameImage } from "./frame-image.ts";
import { CELL, CS, gprOffset, RSP, SS } from "./layout.ts";
import { changeableFlags, dropUnreachable, refuseReturnCode } from "./return-rules.ts";
import { refuseStackSegment } from "./segments.ts";

/** Places in the frame. */
const RIP = 0;
const CODE = 1;
const FLAGS = 2;
const POINTER = 3;
const STACK = 4;
const FRAME_WORDS = 5;

const frame = new FrameImage(FRAME_WORDS);
const code = new DescriptorWords();
const stack = new DescriptorWords();

/** @returns 0 or a fault */
export function returnLong(cpu: Cpu): number {
  const { state } = cpu;
  const pointerHi = state.get32(gprOffset(RSP) + 4);
  const pointerLo = state.get32(gprOffset(RSP));
  let raised = frame.pop(cpu, pointerHi, pointerLo, FRAME_WORDS, cpu.cpl);
  if (raised !== 0) return raised;
  const selector = frame.lo(CODE) & 0xffff;
  raised = readCode(cpu, selector);
  if (raised !== 0) return raised;
  const cpl = selector & 3;
  const stackSelector = frame.lo(STACK) & 0xffff;
  const wide = (code.rights & RIGHTS.long) !== 0;
  if (isNull(stackSelector)) {
    if (!wide || cpl === 3 || (stackSelector & 3) !== cpl) return GP;
    raised = code.markAccessed(cpu);
  } else raised = readStack(cpu, stackSelector, cpl);
  if (raised !== 0) return raised;
  commit(cpu, selector, stackSelector, wide);
  return 0;
}

function readCode(cpu: Cpu, selector: number): number {
  if (isNull(selector)) return GP;
  const raised = code.read(cpu, selector) || refuseReturnCode(cpu, selector, code.rights, code.dpl);
  if (raised !== 0) return raised;
  const hi = frame.hi(RIP);
  const inCode =
    code.rights & RIGHTS.long
      ? isCanonicalPair(hi, cpu.canonicalBits)
      : hi === 0 && frame.lo(RIP) >>> 0 <= code.limit;
  return inCode ? 0 : GP;
}

function readStack(cpu: Cpu, selector: number, cpl: number): number {
  return (
    stack.read(cpu, selector) ||
    refuseStackSegment(selector, cpl, stack.rights, stack.dpl) ||
    code.markAccessed(cpu) ||
    stack.markAccessed(cpu)
  );
}

function commit(cpu: Cpu, selector: number, stackSelector: number, wide: boolean): void {
  const { state } = cpu;
  const cpl = selector & 3;
  const outer = cpl !== cpu.cpl;
  const changeable = changeableFlags(cpu);
  code.loadInto(cpu, CS, selector);
  if (isNull(stackSelector)) state.setSegmentParts(SS, stackSelector, 0, 0, 0, cpl << 5);
  else stack.loadInto(cpu, SS, stackSelector);
  state.setPair(CELL.rip, frame.hi(RIP), frame.lo(RIP));
  const small = !wide && (stack.rights & RIGHTS.big) === 0;
  const lo = frame.lo(POINTER);
  if (small) {
    const old = state.get32(gprOffset(RSP));
    state.set32(gprOffset(RSP), (old & 0xffff_0000) | (lo & 0xffff));
  } else state.setPair(gprOffset(RSP), frame.hi(POINTER), lo);
  state.flags = (state.flags & ~changeable) | (frame.lo(FLAGS) & changeable);
  state.set32(CELL.cpl, cpl);
  if (outer) dropUnreachable(cpu, cpl);
  cpu.segmentsChanged();
}
