/**
 * Task switches outside IA-32e mode (SDM 3A, "Task Switching"): by JMP, CALL, INT, exception or
 * IRET, with task-state segments of 16 and 32 bits.
 */
import { IMPLICIT } from "../mmu/access.ts";
import { CR0 } from "../mmu/control-bits.ts";
import { FLAG } from "./builder/flags.ts";
import type { Cpu } from "./cpu.ts";
import { type Descriptor, isNull, isPresent, readDescriptor, SYSTEM_TYPE } from "./descriptors.ts";
import { fault, VECTOR } from "./faults.ts";
import { CONTROL, CS, LDTR, SEGMENT, segmentOffset, TR } from "./layout.ts";
import { pushStack } from "./stack.ts";
import { loadTaskSegments } from "./task-segments.ts";

export type TaskSwitchKind = "jump" | "call" | "event" | "return";

/** Where a task-state segment keeps things. */
interface TssLayout {
  readonly bytes: 2 | 4;
  readonly least: number;
  readonly cr3: number;
  readonly ip: number;
  readonly flags: number;
  readonly registers: number;
  readonly segments: number;
  /** ES CS SS DS, and FS GS if there is room. */
  readonly segmentCount: number;
  readonly segmentStep: number;
  readonly ldt: number;
}

const TSS16: TssLayout = {
  bytes: 2,
  least: 0x2b,
  cr3: -1,
  ip: 0x0e,
  flags: 0x10,
  registers: 0x12,
  segments: 0x22,
  segmentCount: 4,
  segmentStep: 2,
  ldt: 0x2a,
};
const TSS32: TssLayout = {
  bytes: 4,
  least: 0x67,
  cr3: 0x1c,
  ip: 0x20,
  flags: 0x24,
  registers: 0x28,
  segments: 0x48,
  segmentCount: 6,
  segmentStep: 4,
  ldt: 0x60,
};
const LINK = 0;
const TRAP = 0x64;
const BUSY = 2;
const WIDE = 8;
/** L0..L3 of DR7, and LE. */
const LOCAL_BREAKPOINTS = 0x155n;

const layoutOf = (rights: number) => (rights & WIDE ? TSS32 : TSS16);

/** What a task-state segment held. */
export interface TaskImage {
  readonly cr3: bigint;
  readonly ip: bigint;
  readonly flags: number;
  readonly registers: readonly bigint[];
  readonly segments: readonly number[];
  readonly ldt: number;
  readonly trap: boolean;
}

/** IRET with NT: back to the task that the link names. */
export function returnToTask(cpu: Cpu): number {
  const { mmu, state } = cpu;
  const raised = mmu.load(state.segmentBase(TR) + BigInt(LINK), 2, IMPLICIT);
  return raised !== 0 ? raised : switchTask(cpu, Number(mmu.value), "return", 0, undefined);
}

/**
 * Switches to the task of a TSS descriptor.
 * @param ext EXT bit of error codes
 * @param errorCode of an exception, to be pushed on the new task's stack
 * @returns 0, or a fault of the old task; one of the new task comes before its first instruction
 */
export function switchTask(
  cpu: Cpu,
  selector: number,
  kind: TaskSwitchKind,
  ext: number,
  errorCode: number | undefined,
): number {
  const target = readTaskDescriptor(cpu, selector, kind, ext);
  if (typeof target === "number") return target;
  const image = readImage(cpu, target);
  if (typeof image === "number") return image;
  const raised = saveTask(cpu, kind) || markBusy(cpu, target, selector, kind);
  if (raised !== 0) return raised;
  enterTask(cpu, target, selector, kind, image);
  const late = loadTaskSegments(cpu, image, ext) || pushErrorCode(cpu, target, errorCode);
  if (late !== 0) cpu.lateFault = late;
  else if (image.trap) raiseTrap(cpu);
  return 0;
}

function readTaskDescriptor(cpu: Cpu, selector: number, kind: TaskSwitchKind, ext: number) {
  const returns = kind === "return";
  const vector = returns || kind === "event" ? VECTOR.TS : VECTOR.GP;
  const code = (selector & 0xfffc) | ext;
  if (isNull(selector) || selector & 4) return fault(vector, code);
  const descriptor = readDescriptor(cpu, selector, vector, ext);
  if (typeof descriptor === "number") return descriptor;
  const type = descriptor.rights & 31;
  const wanted: readonly number[] = returns
    ? [SYSTEM_TYPE.tss16Busy, SYSTEM_TYPE.tssBusy]
    : [SYSTEM_TYPE.tss16, SYSTEM_TYPE.tss];
  if (!wanted.includes(type)) return fault(vector, code);
  if (!isPresent(descriptor.rights)) return fault(VECTOR.NP, code);
  const { least } = layoutOf(descriptor.rights);
  return descriptor.limit < least ? fault(VECTOR.TS, code) : descriptor;
}

/** Reads all of the new task before anything is written. */
function readImage(cpu: Cpu, target: Descriptor): TaskImage | number {
  const layout = layoutOf(target.rights);
  let raised = 0;
  const read = (offset: number, bytes: 2 | 4): bigint => {
    if (raised === 0)
      raised = cpu.mmu.load(cpu.wrapLinear(target.base + BigInt(offset)), bytes, IMPLICIT);
    return raised === 0 ? cpu.mmu.value : 0n;
  };
  const { bytes } = layout;
  const image: TaskImage = {
    cr3: layout.cr3 < 0 ? 0n : read(layout.cr3, 4),
    ip: read(layout.ip, bytes),
    flags: Number(read(layout.flags, bytes)),
    registers: Array.from({ length: 8 }, (_, i) => read(layout.registers + i * bytes, bytes)),
    segments: Array.from({ length: 6 }, (_, i) =>
      i < layout.segmentCount ? Number(read(layout.segments + i * layout.segmentStep, 2)) : 0,
    ),
    ldt: Number(read(layout.ldt, 2)),
    trap: layout === TSS32 && (read(TRAP, 2) & 1n) !== 0n,
  };
  return raised !== 0 ? raised : image;
}

/** Writes the registers to the current task's TSS. */
function saveTask(cpu: Cpu, kind: TaskSwitchKind): number {
  const { state, mmu } = cpu;
  const at = segmentOffset(TR);
  const layout = layoutOf(state.get32(at + SEGMENT.rights));
  const base = state.segmentBase(TR);
  const flags = kind === "return" ? state.flags & ~FLAG.NT : state.flags;
  const words: [number, 2 | 4, bigint][] = [
    [layout.ip, layout.bytes, state.rip],
    [layout.flags, layout.bytes, BigInt(flags)],
  ];
  for (let i = 0; i < 8; i++) {
    words.push([layout.registers + i * layout.bytes, layout.bytes, state.gpr(i)]);
  }
  for (let i = 0; i < layout.segmentCount; i++) {
    words.push([layout.segments + i * layout.segmentStep, 2, BigInt(state.selector(i))]);
  }
  for (const [offset, bytes, value] of words) {
    const raised = mmu.store(cpu.wrapLinear(base + BigInt(offset)), bytes, value, IMPLICIT);
    if (raised !== 0) return raised;
  }
  return 0;
}

/** The busy bits of both descriptors, and the link back. */
function markBusy(cpu: Cpu, target: Descriptor, selector: number, kind: TaskSwitchKind): number {
  const { state, mmu } = cpu;
  if (kind === "jump" || kind === "return") {
    const raised = changeBusy(cpu, state.selector(TR), false);
    if (raised !== 0) return raised;
  }
  if (kind === "call" || kind === "event") {
    const link = BigInt(state.selector(TR));
    const raised = mmu.store(cpu.wrapLinear(target.base + BigInt(LINK)), 2, link, IMPLICIT);
    if (raised !== 0) return raised;
  }
  return kind === "return" ? 0 : changeBusy(cpu, selector, true);
}

function changeBusy(cpu: Cpu, selector: number, busy: boolean): number {
  const descriptor = readDescriptor(cpu, selector);
  if (typeof descriptor === "number") return descriptor;
  const byte = Number((descriptor.word >> 40n) & 0xffn);
  const changed = busy ? byte | BUSY : byte & ~BUSY;
  return cpu.mmu.store(descriptor.linear + 5n, 1, BigInt(changed), IMPLICIT);
}

/** From here on the new task is the current one. */
function enterTask(
  cpu: Cpu,
  target: Descriptor,
  selector: number,
  kind: TaskSwitchKind,
  image: TaskImage,
): void {
  const { state, mmu } = cpu;
  const { base, limit, rights } = target;
  state.setSegment(TR, { selector, base, limit, rights: rights | BUSY });
  mmu.writeCr0(mmu.cr0 | CR0.TS);
  const wide = (rights & WIDE) !== 0;
  if (wide && mmu.cr0 & CR0.PG) mmu.writeCr3(image.cr3);
  image.registers.forEach((value, i) => {
    state.setGpr(i, wide ? value : value | 0xffff_0000n);
  });
  state.rip = image.ip;
  const nested = kind === "call" || kind === "event" ? FLAG.NT : 0;
  const kept = wide ? 0 : state.flags & ~0xffff;
  state.flags = kept | image.flags | nested | 2;
  state.set64(CONTROL.dr7, state.get64(CONTROL.dr7) & ~LOCAL_BREAKPOINTS);
  // The selectors count from now on, valid or not; unusable until they are loaded.
  image.segments.forEach((value, i) => {
    state.setSegment(i, { selector: value, base: 0n, limit: 0, rights: 0 });
  });
  state.setSegment(LDTR, { selector: image.ldt, base: 0n, limit: 0, rights: 0 });
  const code = image.segments[CS] as number;
  cpu.cpl = image.flags & FLAG.VM ? 3 : code & 3;
}

function pushErrorCode(cpu: Cpu, target: Descriptor, errorCode: number | undefined): number {
  if (errorCode === undefined) return 0;
  return pushStack(cpu, [BigInt(errorCode)], layoutOf(target.rights).bytes);
}

/** T of the new TSS: #DB before its first instruction, BT set in DR6. */
function raiseTrap(cpu: Cpu): void {
  const { state } = cpu;
  state.set64(CONTROL.dr6, state.get64(CONTROL.dr6) | 0x8000n);
  cpu.lateFault = fault(VECTOR.DB);
}
