/**
 * Far JMP and CALL (SDM 2, "JMP", "CALL"): to a code segment, or through a call gate, a task gate
 * or a TSS.
 */
import { isCanonical } from "../mmu/canonical.ts";
import type { Cpu } from "./cpu.ts";
import { readTssPointer } from "./delivery-long.ts";
import { innerStack } from "./delivery-protected.ts";
import {
  type Descriptor,
  isCode,
  isConformingCode,
  isNull,
  isPresent,
  markAccessed,
  RIGHTS,
  readDescriptor,
  SYSTEM_TYPE,
  segmentValue,
} from "./descriptors.ts";
import { fault, GP, VECTOR } from "./faults.ts";
import { popWords, pushWords } from "./frame-writer.ts";
import { CS, RSP, SS } from "./layout.ts";
import { linearAt, operand } from "./operands.ts";
import { loadRealSegment } from "./segments.ts";
import { pushStack } from "./stack.ts";
import { switchTask } from "./task-switch.ts";

export type TransferKind = "jump" | "call";
type Width = 2 | 4 | 8;

/** @param bytes operand size. @returns 0, or a fault and nothing has changed */
export function transferFar(
  cpu: Cpu,
  kind: TransferKind,
  selector: number,
  offset: bigint,
  bytes: Width,
): number {
  if (cpu.realSegments) return transferReal(cpu, kind, selector, offset, bytes);
  if (isNull(selector)) return GP;
  const descriptor = readDescriptor(cpu, selector);
  if (typeof descriptor === "number") return descriptor;
  if (isCode(descriptor.rights)) return toCode(cpu, kind, selector, descriptor, offset, bytes);
  const type = descriptor.rights & 31;
  const isCallGate =
    type === SYSTEM_TYPE.callGate || (type === SYSTEM_TYPE.callGate16 && !cpu.longMode);
  if (isCallGate) return throughGate(cpu, kind, selector, descriptor);
  if (cpu.longMode) return fault(VECTOR.GP, selector & 0xfffc);
  return toTask(cpu, kind, selector, descriptor);
}

function transferReal(
  cpu: Cpu,
  kind: TransferKind,
  selector: number,
  offset: bigint,
  bytes: Width,
): number {
  const { state } = cpu;
  if (offset > BigInt(state.segment(CS).limit)) return GP;
  if (kind === "call") {
    const raised = pushStack(cpu, [BigInt(state.selector(CS)), state.rip], bytes);
    if (raised !== 0) return raised;
  }
  loadRealSegment(cpu, CS, selector);
  state.rip = offset;
  return 0;
}

/** Whether code may not be entered at this offset: #GP(0). */
function isBeyond(cpu: Cpu, code: Descriptor, offset: bigint): boolean {
  const wide = cpu.longMode && (code.rights & RIGHTS.long) !== 0;
  return wide ? !isCanonical(offset, cpu.canonicalBits) : offset > BigInt(code.limit);
}

function bothWidths(cpu: Cpu, rights: number): boolean {
  const both = RIGHTS.long | RIGHTS.big;
  return cpu.longMode && (rights & both) === both;
}

function toCode(
  cpu: Cpu,
  kind: TransferKind,
  selector: number,
  code: Descriptor,
  offset: bigint,
  bytes: Width,
): number {
  const { state, cpl } = cpu;
  const { rights, dpl } = code;
  const allowed = isConformingCode(rights) ? dpl <= cpl : (selector & 3) <= cpl && dpl === cpl;
  if (!allowed || bothWidths(cpu, rights)) return fault(VECTOR.GP, selector & 0xfffc);
  if (!isPresent(rights)) return fault(VECTOR.NP, selector & 0xfffc);
  if (isBeyond(cpu, code, offset)) return GP;
  const raised =
    (kind === "call" ? pushStack(cpu, [BigInt(state.selector(CS)), state.rip], bytes) : 0) ||
    markAccessed(cpu, code);
  if (raised !== 0) return raised;
  enterCode(cpu, code, selector, cpl, offset);
  return 0;
}

function enterCode(cpu: Cpu, code: Descriptor, selector: number, cpl: number, ip: bigint): void {
  cpu.state.setSegment(CS, segmentValue(code, (selector & 0xfffc) | cpl));
  cpu.state.rip = ip;
  cpu.cpl = cpl;
  cpu.modeChanged();
}

function toTask(cpu: Cpu, kind: TransferKind, selector: number, descriptor: Descriptor): number {
  const type = descriptor.rights & 31;
  const isGate = type === SYSTEM_TYPE.taskGate;
  const known = isGate || type === SYSTEM_TYPE.tss || type === SYSTEM_TYPE.tss16;
  const visible = descriptor.dpl >= Math.max(cpu.cpl, selector & 3);
  if (!known || !visible) return fault(VECTOR.GP, selector & 0xfffc);
  if (!isPresent(descriptor.rights)) return fault(VECTOR.NP, selector & 0xfffc);
  const target = isGate ? Number((descriptor.word >> 16n) & 0xffffn) : selector;
  return switchTask(cpu, target, kind, 0, undefined);
}

/** A call gate: where it leads, and the width of its frame. */
interface CallGate {
  readonly selector: number;
  readonly offset: bigint;
  readonly bytes: Width;
  /** Words to copy to the inner stack. */
  readonly parameters: number;
}

function readCallGate(cpu: Cpu, selector: number, gate: Descriptor): CallGate | number {
  const errorCode = selector & 0xfffc;
  if (gate.dpl < Math.max(cpu.cpl, selector & 3)) return fault(VECTOR.GP, errorCode);
  if (!isPresent(gate.rights)) return fault(VECTOR.NP, errorCode);
  const { word } = gate;
  const target = Number((word >> 16n) & 0xffffn);
  const low = word & 0xffffn;
  const parameters = Number((word >> 32n) & 31n);
  if ((gate.rights & 31) === SYSTEM_TYPE.callGate16) {
    return { selector: target, offset: low, bytes: 2, parameters };
  }
  const offset = low | ((word >> 32n) & 0xffff_0000n);
  if (!cpu.longMode) return { selector: target, offset, bytes: 4, parameters };
  const upper = readDescriptor(cpu, selector + 8);
  if (typeof upper === "number") return fault(VECTOR.GP, errorCode);
  if ((upper.word >> 40n) & 31n) return fault(VECTOR.GP, errorCode);
  const high = (upper.word & 0xffff_ffffn) << 32n;
  return { selector: target, offset: offset | high, bytes: 8, parameters: 0 };
}

function throughGate(cpu: Cpu, kind: TransferKind, selector: number, found: Descriptor): number {
  const gate = readCallGate(cpu, selector, found);
  if (typeof gate === "number") return gate;
  if (isNull(gate.selector)) return GP;
  const errorCode = gate.selector & 0xfffc;
  const code = readDescriptor(cpu, gate.selector);
  if (typeof code === "number") return code;
  const conforming = isConformingCode(code.rights);
  const inner = kind === "call" && !conforming && code.dpl < cpu.cpl;
  const allowed = conforming || kind === "call" ? code.dpl <= cpu.cpl : code.dpl === cpu.cpl;
  const width = code.rights & (RIGHTS.long | RIGHTS.big);
  const wrongWidth = cpu.longMode && width !== RIGHTS.long;
  if (!isCode(code.rights) || !allowed || wrongWidth) return fault(VECTOR.GP, errorCode);
  if (!isPresent(code.rights)) return fault(VECTOR.NP, errorCode);
  if (isBeyond(cpu, code, gate.offset)) return GP;
  if (inner) return callInner(cpu, gate, code);
  const { state } = cpu;
  const words = [BigInt(state.selector(CS)), state.rip];
  const raised =
    (kind === "call" ? pushStack(cpu, words, gate.bytes) : 0) || markAccessed(cpu, code);
  if (raised !== 0) return raised;
  enterCode(cpu, code, gate.selector, cpu.cpl, gate.offset);
  return 0;
}

/** To a more privileged level, on its stack. */
function callInner(cpu: Cpu, gate: CallGate, code: Descriptor): number {
  return gate.bytes === 8 ? callInner64(cpu, gate, code) : callInner32(cpu, gate, code);
}

function callInner64(cpu: Cpu, gate: CallGate, code: Descriptor): number {
  const { state } = cpu;
  const cpl = code.dpl;
  const top = readTssPointer(cpu, 4 + cpl * 8, 0);
  if (typeof top === "number") return top;
  if (!isCanonical(top, cpu.canonicalBits)) return fault(VECTOR.SS);
  const words = [BigInt(state.selector(SS)), state.gpr(RSP), BigInt(state.selector(CS)), state.rip];
  const raised = pushWords(cpu, top, words, 8, cpl) || markAccessed(cpu, code);
  if (raised !== 0) return raised;
  state.setSegment(SS, { selector: cpl, base: 0n, limit: 0, rights: cpl << 5 });
  state.setGpr(RSP, BigInt.asUintN(64, top - 32n));
  enterCode(cpu, code, gate.selector, cpl, gate.offset);
  return 0;
}

function callInner32(cpu: Cpu, gate: CallGate, code: Descriptor): number {
  const { state } = cpu;
  const cpl = code.dpl;
  const bytes = gate.bytes as 2 | 4;
  const stack = innerStack(cpu, cpl, 0);
  if (typeof stack === "number") return stack;
  const parameters = readParameters(cpu, gate.parameters, bytes);
  if (typeof parameters === "number") return parameters;
  const words = [
    BigInt(state.selector(SS)),
    state.gpr(RSP) & 0xffff_ffffn,
    ...parameters,
    BigInt(state.selector(CS)),
    state.rip,
  ];
  const mask = stack.segment.rights & RIGHTS.big ? 0xffff_ffff : 0xffff;
  const top = (stack.pointer & mask) >>> 0;
  const low = top - words.length * bytes;
  if (low < 0 || top - 1 > stack.segment.limit) {
    return fault(VECTOR.SS, stack.segment.selector & 0xfffc);
  }
  const raised =
    pushWords(cpu, stack.segment.base + BigInt(top), words, bytes, cpl) ||
    markAccessed(cpu, code) ||
    (stack.descriptor ? markAccessed(cpu, stack.descriptor) : 0);
  if (raised !== 0) return raised;
  state.setSegment(SS, stack.segment);
  state.setGpr(RSP, BigInt(low));
  enterCode(cpu, code, gate.selector, cpl, gate.offset);
  return 0;
}

/** The caller's parameters, the one at the highest address first. */
function readParameters(cpu: Cpu, count: number, bytes: 2 | 4): bigint[] | number {
  if (count === 0) return [];
  const { state } = cpu;
  const big = (state.segment(SS).rights & RIGHTS.big) !== 0;
  const pointer = state.gpr(RSP) & (big ? 0xffff_ffffn : 0xffffn);
  const words: bigint[] = [];
  const raised =
    linearAt(cpu, SS, pointer, count * bytes, false) ||
    popWords(cpu, operand.linear, words, count, bytes, cpu.cpl);
  return raised !== 0 ? raised : words.reverse();
}
