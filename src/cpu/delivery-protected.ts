/**
 * Interrupts and exceptions in protected mode without IA-32e, also out of virtual-8086 mode
 * (SDM 3A, "Exception- or Interrupt-Handler Procedures"; SDM 2A, "INT n").
 */
import { IMPLICIT } from "../mmu/access.ts";
import { FLAG } from "./builder/flags.ts";
import type { Cpu } from "./cpu.ts";
import {
  type Descriptor,
  isCode,
  isConformingCode,
  isNull,
  isPresent,
  isWritableData,
  markAccessed,
  RIGHTS,
  readDescriptor,
  SYSTEM_TYPE,
  segmentValue,
} from "./descriptors.ts";
import { type Event, externalBit, pushedFlags } from "./event.ts";
import { fault, VECTOR } from "./faults.ts";
import { pushWords } from "./frame-writer.ts";
import { CONTROL, CS, DS, ES, FS, GS, RSP, SEGMENT, SS, segmentOffset, TR } from "./layout.ts";
import type { SegmentValue } from "./state.ts";
import { switchTask } from "./task-switch.ts";

const GATE_BYTES = 8;
const IN_IDT = 2;

interface Gate {
  readonly type: number;
  readonly selector: number;
  readonly offset: number;
}

/** A stack to push on: SS:ESP, and SS's descriptor if it is a new one. */
export interface HandlerStack {
  readonly segment: SegmentValue;
  readonly pointer: number;
  readonly descriptor: Descriptor | undefined;
}

export function deliverProtected(cpu: Cpu, event: Event): number {
  const gate = readGate(cpu, event);
  if (typeof gate === "number") return gate;
  const ext = externalBit(event);
  if (gate.type === SYSTEM_TYPE.taskGate) {
    return switchTask(cpu, gate.selector, "event", ext, event.errorCode);
  }
  const code = readTarget(cpu, gate.selector, ext);
  if (typeof code === "number") return code;
  const cpl = isConformingCode(code.rights) ? cpu.cpl : code.dpl;
  if (cpu.virtual8086 && cpl !== 0) return fault(VECTOR.GP, (gate.selector & 0xfffc) | ext);
  if (gate.offset >>> 0 > code.limit) return fault(VECTOR.GP, ext);
  const stack = cpl === cpu.cpl ? currentStack(cpu) : innerStack(cpu, cpl, ext);
  if (typeof stack === "number") return stack;
  const pointer = pushFrame(cpu, event, gate, stack, cpl);
  if (pointer < 0) return -pointer;
  const raised = markAccessed(cpu, code);
  if (raised !== 0) return raised;
  enter(cpu, gate, code, cpl, stack, pointer);
  return 0;
}

function readGate(cpu: Cpu, event: Event): Gate | number {
  const { state, mmu } = cpu;
  const index = event.vector * GATE_BYTES;
  const errorCode = event.vector * 8 + IN_IDT + externalBit(event);
  if (index + GATE_BYTES - 1 > state.get32(CONTROL.idtLimit)) return fault(VECTOR.GP, errorCode);
  const linear = cpu.wrapLinear(state.get64(CONTROL.idtBase) + BigInt(index));
  const raised = mmu.load(linear, 8, IMPLICIT);
  if (raised !== 0) return raised;
  const word = mmu.value;
  const type = Number((word >> 40n) & 31n);
  const isGate = (type & ~9) === 6 || type === SYSTEM_TYPE.taskGate;
  if (!isGate) return fault(VECTOR.GP, errorCode);
  const dpl = Number((word >> 45n) & 3n);
  if (event.kind === "software" && dpl < cpu.cpl) return fault(VECTOR.GP, errorCode);
  if ((word & (1n << 47n)) === 0n) return fault(VECTOR.NP, errorCode);
  const wide = type >= SYSTEM_TYPE.interruptGate;
  const offset = Number(word & 0xffffn) | (wide ? Number((word >> 48n) & 0xffffn) << 16 : 0);
  return { type, selector: Number((word >> 16n) & 0xffffn), offset };
}

function readTarget(cpu: Cpu, selector: number, ext: number): Descriptor | number {
  if (isNull(selector)) return fault(VECTOR.GP, ext);
  const errorCode = (selector & 0xfffc) | ext;
  const code = readDescriptor(cpu, selector, VECTOR.GP, ext);
  if (typeof code === "number") return code;
  if (!isCode(code.rights) || code.dpl > cpu.cpl) return fault(VECTOR.GP, errorCode);
  return isPresent(code.rights) ? code : fault(VECTOR.NP, errorCode);
}

function currentStack(cpu: Cpu): HandlerStack {
  const { state } = cpu;
  return { segment: state.segment(SS), pointer: state.gpr32(RSP), descriptor: undefined };
}

/** SS:ESP of a more privileged level, from the TSS; its faults are #TS. */
export function innerStack(cpu: Cpu, cpl: number, ext: number): HandlerStack | number {
  const { state, mmu } = cpu;
  const wide = (state.get32(segmentOffset(TR) + SEGMENT.rights) & 8) !== 0;
  const offset = wide ? 4 + cpl * 8 : 2 + cpl * 4;
  const bytes = wide ? 4 : 2;
  if (offset + bytes + 1 > state.get32(segmentOffset(TR) + SEGMENT.limit) >>> 0) {
    return fault(VECTOR.TS, (state.selector(TR) & 0xfffc) | ext);
  }
  const at = cpu.wrapLinear(state.segmentBase(TR) + BigInt(offset));
  let raised = mmu.load(at, bytes, IMPLICIT);
  if (raised !== 0) return raised;
  const pointer = Number(mmu.value);
  raised = mmu.load(cpu.wrapLinear(at + BigInt(bytes)), 2, IMPLICIT);
  if (raised !== 0) return raised;
  const selector = Number(mmu.value);
  const descriptor = innerStackSegment(cpu, selector, cpl, ext);
  if (typeof descriptor === "number") return descriptor;
  return { segment: segmentValue(descriptor, selector), pointer, descriptor };
}

/** The stack segment that a TSS names for a level (SDM 3A, "Stack Switching"). */
export function innerStackSegment(
  cpu: Cpu,
  selector: number,
  cpl: number,
  ext: number,
): Descriptor | number {
  const errorCode = (selector & 0xfffc) | ext;
  if (isNull(selector)) return fault(VECTOR.TS, ext);
  const descriptor = readDescriptor(cpu, selector, VECTOR.TS, ext);
  if (typeof descriptor === "number") return descriptor;
  const suits = isWritableData(descriptor.rights) && descriptor.dpl === cpl;
  if ((selector & 3) !== cpl || !suits) return fault(VECTOR.TS, errorCode);
  return isPresent(descriptor.rights) ? descriptor : fault(VECTOR.SS, errorCode);
}

/** @returns the new stack pointer, or minus the fault */
function pushFrame(cpu: Cpu, event: Event, gate: Gate, stack: HandlerStack, cpl: number): number {
  const { state } = cpu;
  const bytes = gate.type >= SYSTEM_TYPE.interruptGate ? 4 : 2;
  const words = frameWords(cpu, event, cpl);
  const mask = stack.segment.rights & RIGHTS.big ? 0xffff_ffff : 0xffff;
  const size = words.length * bytes;
  const top = (stack.pointer & mask) >>> 0;
  const low = ((top - size) & mask) >>> 0;
  if (!fits(stack.segment, low, size)) {
    const own = stack.descriptor === undefined;
    const errorCode = own ? 0 : stack.segment.selector & 0xfffc;
    return -fault(VECTOR.SS, errorCode | externalBit(event));
  }
  const linear = stack.segment.base + BigInt(low + size);
  const raised =
    pushWords(cpu, linear, words, bytes, cpl) ||
    (stack.descriptor ? markAccessed(cpu, stack.descriptor) : 0);
  if (raised !== 0) return -raised;
  return ((state.gpr32(RSP) & ~mask) | low) >>> 0;
}

function frameWords(cpu: Cpu, event: Event, cpl: number): bigint[] {
  const { state } = cpu;
  const words: bigint[] = [];
  if (cpu.virtual8086) for (const s of [GS, FS, DS, ES]) words.push(BigInt(state.selector(s)));
  if (cpl !== cpu.cpl) words.push(BigInt(state.selector(SS)), BigInt(state.gpr32(RSP)));
  words.push(BigInt(pushedFlags(cpu, event)), BigInt(state.selector(CS)), state.rip);
  if (event.errorCode !== undefined) words.push(BigInt(event.errorCode));
  return words;
}

/** Whether `bytes` from `offset` on lie in a stack segment. */
function fits(segment: SegmentValue, offset: number, bytes: number): boolean {
  const last = offset + bytes - 1;
  const expandsDown = (segment.rights & RIGHTS.conforming) !== 0;
  if (!expandsDown) return last <= segment.limit;
  return offset > segment.limit && last <= (segment.rights & RIGHTS.big ? 0xffff_ffff : 0xffff);
}

function enter(
  cpu: Cpu,
  gate: Gate,
  code: Descriptor,
  cpl: number,
  stack: HandlerStack,
  pointer: number,
): void {
  const { state } = cpu;
  if (cpu.virtual8086) {
    for (const s of [DS, ES, FS, GS]) {
      state.setSegment(s, { selector: 0, base: 0n, limit: 0, rights: 0 });
    }
  }
  if (stack.descriptor) state.setSegment(SS, stack.segment);
  state.setSegment(CS, segmentValue(code, (gate.selector & 0xfffc) | cpl));
  state.setGpr(RSP, BigInt(pointer));
  state.rip = BigInt(gate.offset >>> 0);
  state.setOther(FLAG.TF | FLAG.NT | FLAG.RF | FLAG.VM, false);
  const isTrap = (gate.type & 1) === 1;
  if (!isTrap) state.setOther(FLAG.IF, false);
  cpu.cpl = cpl;
  cpu.modeChanged();
}
