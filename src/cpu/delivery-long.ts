/** Interrupts and exceptions in IA-32e mode (SDM 3A, "Exception and Interrupt Handling in 64-bit Mode"). */
import { IMPLICIT } from "../mmu/access.ts";
import { isCanonical } from "../mmu/canonical.ts";
import { FLAG } from "./builder/flags.ts";
import type { Cpu } from "./cpu.ts";
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
import { type Event, externalBit, pushedFlags } from "./event.ts";
import { fault, VECTOR } from "./faults.ts";
import { pushWords } from "./frame-writer.ts";
import { CONTROL, CS, RSP, SEGMENT, SS, segmentOffset, TR } from "./layout.ts";

const GATE_BYTES = 16;
/** Bit 1 of an error code: the index is one of the IDT. */
const IN_IDT = 2;

interface Gate {
  readonly selector: number;
  readonly offset: bigint;
  /** 1..7, or 0 for none. */
  readonly stackTable: number;
  readonly isTrap: boolean;
}

export function deliverLong(cpu: Cpu, event: Event): number {
  const gate = readGate(cpu, event);
  if (typeof gate === "number") return gate;
  const ext = externalBit(event);
  const code = readTarget(cpu, gate.selector, ext);
  if (typeof code === "number") return code;
  const cpl = isConformingCode(code.rights) ? cpu.cpl : code.dpl;
  const stack = stackTop(cpu, gate, cpl, ext);
  if (typeof stack === "number") return stack;
  if (!isCanonical(gate.offset, cpu.canonicalBits)) return fault(VECTOR.GP, ext);
  const raised = pushFrame(cpu, event, stack, cpl) || markAccessed(cpu, code);
  if (raised !== 0) return raised;
  enter(cpu, gate, code, cpl, stack - BigInt(event.errorCode === undefined ? 40 : 48));
  return 0;
}

function readGate(cpu: Cpu, event: Event): Gate | number {
  const { state, mmu } = cpu;
  const index = event.vector * GATE_BYTES;
  const errorCode = event.vector * 8 + IN_IDT + externalBit(event);
  if (index + GATE_BYTES - 1 > state.get32(CONTROL.idtLimit)) return fault(VECTOR.GP, errorCode);
  const linear = state.get64(CONTROL.idtBase) + BigInt(index);
  let raised = mmu.load(linear, 8, IMPLICIT);
  if (raised !== 0) return raised;
  const low = mmu.value;
  raised = mmu.load(linear + 8n, 8, IMPLICIT);
  if (raised !== 0) return raised;
  const type = Number((low >> 40n) & 31n);
  if (type !== SYSTEM_TYPE.interruptGate && type !== SYSTEM_TYPE.trapGate) {
    return fault(VECTOR.GP, errorCode);
  }
  const dpl = Number((low >> 45n) & 3n);
  if (event.kind === "software" && dpl < cpu.cpl) return fault(VECTOR.GP, errorCode);
  if ((low & (1n << 47n)) === 0n) return fault(VECTOR.NP, errorCode);
  const offset =
    (low & 0xffffn) | ((low >> 32n) & 0xffff_0000n) | ((mmu.value & 0xffff_ffffn) << 32n);
  return {
    selector: Number((low >> 16n) & 0xffffn),
    offset,
    stackTable: Number((low >> 32n) & 7n),
    isTrap: type === SYSTEM_TYPE.trapGate,
  };
}

/** The handler's code segment: 64-bit code, not less privileged than now. */
function readTarget(cpu: Cpu, selector: number, ext: number): Descriptor | number {
  if (isNull(selector)) return fault(VECTOR.GP, ext);
  const errorCode = (selector & 0xfffc) | ext;
  const code = readDescriptor(cpu, selector, VECTOR.GP, ext);
  if (typeof code === "number") return code;
  if (!isCode(code.rights) || code.dpl > cpu.cpl) return fault(VECTOR.GP, errorCode);
  if (!isPresent(code.rights)) return fault(VECTOR.NP, errorCode);
  const width = code.rights & (RIGHTS.long | RIGHTS.big);
  return width === RIGHTS.long ? code : fault(VECTOR.GP, errorCode);
}

/** RSP before the frame is pushed, aligned to 16 bytes; or a fault. */
function stackTop(cpu: Cpu, gate: Gate, cpl: number, ext: number): bigint | number {
  const { state } = cpu;
  if (gate.stackTable === 0 && cpl === cpu.cpl) return state.gpr(RSP) & ~15n;
  const pointer = readTssPointer(
    cpu,
    gate.stackTable ? 28 + gate.stackTable * 8 : 4 + cpl * 8,
    ext,
  );
  if (typeof pointer === "number") return pointer;
  return isCanonical(pointer, cpu.canonicalBits) ? pointer & ~15n : fault(VECTOR.SS, ext);
}

/** A stack pointer from the 64-bit TSS; #TS if it lies beyond the limit. */
export function readTssPointer(cpu: Cpu, offset: number, ext: number): bigint | number {
  const { state, mmu } = cpu;
  const at = segmentOffset(TR);
  if (offset + 7 > state.get32(at + SEGMENT.limit) >>> 0) {
    return fault(VECTOR.TS, (state.selector(TR) & 0xfffc) | ext);
  }
  const raised = mmu.load(state.segmentBase(TR) + BigInt(offset), 8, IMPLICIT);
  return raised !== 0 ? raised : mmu.value;
}

function pushFrame(cpu: Cpu, event: Event, top: bigint, cpl: number): number {
  const { state } = cpu;
  const words = [
    BigInt(state.selector(SS)),
    state.gpr(RSP),
    BigInt(pushedFlags(cpu, event)),
    BigInt(state.selector(CS)),
    state.rip,
  ];
  if (event.errorCode !== undefined) words.push(BigInt(event.errorCode));
  return pushWords(cpu, top, words, 8, cpl);
}

function enter(cpu: Cpu, gate: Gate, code: Descriptor, cpl: number, pointer: bigint): void {
  const { state } = cpu;
  if (cpl !== cpu.cpl) {
    // SS becomes a null selector whose RPL is the new level.
    state.setSegment(SS, { selector: cpl, base: 0n, limit: 0, rights: cpl << 5 });
  }
  state.setSegment(CS, segmentValue(code, (gate.selector & 0xfffc) | cpl));
  state.setGpr(RSP, BigInt.asUintN(64, pointer));
  state.rip = gate.offset;
  state.setOther(FLAG.TF | FLAG.NT | FLAG.RF | FLAG.VM, false);
  if (!gate.isTrap) state.setOther(FLAG.IF, false);
  cpu.cpl = cpl;
  cpu.modeChanged();
}
