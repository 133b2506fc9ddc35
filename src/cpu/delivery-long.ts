/**
 * Interrupts and exceptions in IA-32e mode (SDM 3A, "Exception and Interrupt Handling in 64-bit
 * Mode"). Operating systems live on page faults: 64-bit words are pairs here, nothing is allocated,
 * and what one step finds for the next is in `found`.
 */
import { wordOf } from "../base/word64.ts";
import { isCanonicalPair } from "../mmu/canonical.ts";
import { FLAG } from "./builder/flags.ts";
import type { Cpu } from "./cpu.ts";
import { DescriptorWords, loadFromTable } from "./descriptor-words.ts";
import { isCode, isConformingCode, isNull, isPresent, RIGHTS, SYSTEM_TYPE } from "./descriptors.ts";
import { type Event, externalBit, pushedFlags } from "./event.ts";
import { fault, VECTOR } from "./faults.ts";
import { FrameImage } from "./frame-image.ts";
import { CELL, CONTROL, CS, gprOffset, RSP, SEGMENT, SS, segmentOffset, TR } from "./layout.ts";

const GATE_BYTES = 16;
/** Bit 1 of an error code: the index is one of the IDT. */
const IN_IDT = 2;
const STACK_ALIGN = -16;

const found = {
  selector: 0,
  offsetHi: 0,
  offsetLo: 0,
  /** 1..7, or 0 for none. */
  stackTable: 0,
  isTrap: false,
  /** RSP before the frame is pushed. */
  stackHi: 0,
  stackLo: 0,
};
const code = new DescriptorWords();
const frame = new FrameImage(6);

export function deliverLong(cpu: Cpu, event: Event): number {
  const ext = externalBit(event);
  let raised = readGate(cpu, event, ext) || readTarget(cpu, ext);
  if (raised !== 0) return raised;
  const cpl = isConformingCode(code.rights) ? cpu.cpl : code.dpl;
  raised = findStack(cpu, cpl, ext);
  if (raised !== 0) return raised;
  if (!isCanonicalPair(found.offsetHi, cpu.canonicalBits)) return fault(VECTOR.GP, ext);
  fillFrame(cpu, event);
  raised = frame.push(cpu, found.stackHi, found.stackLo, cpl) || code.markAccessed(cpu);
  if (raised === 0) enter(cpu, cpl);
  return raised;
}

function readGate(cpu: Cpu, event: Event, ext: number): number {
  const { state, mmu } = cpu;
  const index = event.vector * GATE_BYTES;
  const errorCode = event.vector * 8 + IN_IDT + ext;
  if (index + GATE_BYTES - 1 > state.get32(CONTROL.idtLimit)) return fault(VECTOR.GP, errorCode);
  let raised = loadFromTable(cpu, CONTROL.idtBase, index);
  if (raised !== 0) return raised;
  const { valueHi, valueLo } = mmu;
  raised = loadFromTable(cpu, CONTROL.idtBase, index + 8);
  if (raised !== 0) return raised;
  const type = (valueHi >>> 8) & 31;
  if (type !== SYSTEM_TYPE.interruptGate && type !== SYSTEM_TYPE.trapGate) {
    return fault(VECTOR.GP, errorCode);
  }
  const dpl = (valueHi >>> 13) & 3;
  if (event.kind === "software" && dpl < cpu.cpl) return fault(VECTOR.GP, errorCode);
  if ((valueHi & 0x8000) === 0) return fault(VECTOR.NP, errorCode);
  found.selector = valueLo >>> 16;
  found.offsetLo = (valueHi & 0xffff_0000) | (valueLo & 0xffff);
  found.offsetHi = mmu.valueLo;
  found.stackTable = valueHi & 7;
  found.isTrap = type === SYSTEM_TYPE.trapGate;
  return 0;
}

/** The handler's code segment: 64-bit code, not less privileged than now. */
function readTarget(cpu: Cpu, ext: number): number {
  const { selector } = found;
  if (isNull(selector)) return fault(VECTOR.GP, ext);
  const errorCode = (selector & 0xfffc) | ext;
  const raised = code.read(cpu, selector, VECTOR.GP, ext);
  if (raised !== 0) return raised;
  const { rights } = code;
  if (!isCode(rights) || code.dpl > cpu.cpl) return fault(VECTOR.GP, errorCode);
  if (!isPresent(rights)) return fault(VECTOR.NP, errorCode);
  const width = rights & (RIGHTS.long | RIGHTS.big);
  return width === RIGHTS.long ? 0 : fault(VECTOR.GP, errorCode);
}

/** RSP before the frame is pushed, aligned to 16 bytes. */
function findStack(cpu: Cpu, cpl: number, ext: number): number {
  const { state } = cpu;
  if (found.stackTable === 0 && cpl === cpu.cpl) {
    found.stackHi = state.get32(gprOffset(RSP) + 4);
    found.stackLo = state.get32(gprOffset(RSP)) & STACK_ALIGN;
    return 0;
  }
  const raised = loadTssPointer(
    cpu,
    found.stackTable ? 28 + found.stackTable * 8 : 4 + cpl * 8,
    ext,
  );
  if (raised !== 0) return raised;
  found.stackHi = cpu.mmu.valueHi;
  found.stackLo = cpu.mmu.valueLo & STACK_ALIGN;
  return isCanonicalPair(found.stackHi, cpu.canonicalBits) ? 0 : fault(VECTOR.SS, ext);
}

/** A stack pointer from the 64-bit TSS, or a fault. */
export function readTssPointer(cpu: Cpu, offset: number, ext: number): bigint | number {
  return loadTssPointer(cpu, offset, ext) || wordOf(cpu.mmu.valueHi, cpu.mmu.valueLo);
}

/** Leaves a stack pointer in the halves of the `Mmu`; #TS if it lies beyond the limit. */
function loadTssPointer(cpu: Cpu, offset: number, ext: number): number {
  const { state } = cpu;
  const at = segmentOffset(TR);
  if (offset + 7 > state.get32(at + SEGMENT.limit) >>> 0) {
    return fault(VECTOR.TS, (state.selector(TR) & 0xfffc) | ext);
  }
  return loadFromTable(cpu, at + SEGMENT.base, offset);
}

function fillFrame(cpu: Cpu, event: Event): void {
  const { state } = cpu;
  frame.begin();
  frame.add(0, state.selector(SS));
  frame.add(state.get32(gprOffset(RSP) + 4), state.get32(gprOffset(RSP)));
  frame.add(0, pushedFlags(cpu, event));
  frame.add(0, state.selector(CS));
  frame.add(state.get32(CELL.rip + 4), state.get32(CELL.rip));
  if (event.errorCode !== undefined) frame.add(0, event.errorCode);
}

function enter(cpu: Cpu, cpl: number): void {
  const { state } = cpu;
  // SS becomes a null selector whose RPL is the new level.
  if (cpl !== cpu.cpl) state.setSegmentParts(SS, cpl, 0, 0, 0, cpl << 5);
  code.loadInto(cpu, CS, (found.selector & 0xfffc) | cpl);
  state.setPair(gprOffset(RSP), frame.bottomHi, frame.bottomLo);
  state.setPair(CELL.rip, found.offsetHi, found.offsetLo);
  const cleared = FLAG.TF | FLAG.NT | FLAG.RF | FLAG.VM;
  state.setOther(found.isTrap ? cleared : cleared | FLAG.IF, false);
  state.set32(CELL.cpl, cpl);
  cpu.segmentsChanged();
}
