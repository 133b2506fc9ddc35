/** IRET in every mode (SDM 2A, "IRET/IRETD/IRETQ"). */
import { isCanonical } from "../mmu/canonical.ts";
import { FLAG } from "./builder/flags.ts";
import type { Cpu } from "./cpu.ts";
import {
  type Descriptor,
  isNull,
  markAccessed,
  RIGHTS,
  readDescriptor,
  segmentValue,
} from "./descriptors.ts";
import { GP } from "./faults.ts";
import { returnLong } from "./iret-long.ts";
import { CONTROL, CS, RSP, SS } from "./layout.ts";
import { ALL_FLAGS, changeableFlags, dropUnreachable, refuseReturnCode } from "./return-rules.ts";
import { loadRealSegment, readStackSegment } from "./segments.ts";
import { dropStack, peekStack } from "./stack.ts";
import { returnToTask } from "./task-switch.ts";

const UPPER_FLAGS = 0xffff_0000;

const words: bigint[] = [];

/** @param bytes operand size: 2, 4 or 8. @returns 0 or a fault */
export function iret(cpu: Cpu, bytes: 2 | 4 | 8): number {
  if (cpu.virtual8086 && cpu.iopl < 3) return GP;
  if (cpu.protectedMode && !cpu.virtual8086 && cpu.state.has(FLAG.NT)) {
    return cpu.longMode ? GP : returnToTask(cpu);
  }
  const raised = returnBy(cpu, bytes);
  if (raised === 0) cpu.state.set32(CONTROL.nmiBlocked, 0);
  return raised;
}

function returnBy(cpu: Cpu, bytes: 2 | 4 | 8): number {
  if (bytes === 8) return returnLong(cpu);
  return cpu.realSegments ? returnReal(cpu, bytes) : returnProtected(cpu, bytes);
}

/** The stack's words from word `first` above rSP on into `words`. */
function readStack(cpu: Cpu, first: number, count: number, bytes: 2 | 4 | 8): number {
  return peekStack(cpu, first * bytes, words, count, bytes);
}

function returnReal(cpu: Cpu, bytes: 2 | 4 | 8): number {
  const { state } = cpu;
  const raised = readStack(cpu, 0, 3, bytes);
  if (raised !== 0) return raised;
  const [ip, selector, image] = words as [bigint, bigint, bigint];
  if (ip > 0xffffn) return GP;
  state.rip = ip;
  dropStack(cpu, 3 * bytes);
  loadRealSegment(cpu, CS, Number(selector & 0xffffn));
  // Virtual-8086 mode cannot change IOPL.
  const changeable = ALL_FLAGS & ~(cpu.virtual8086 ? FLAG.IOPL : 0);
  setFlags(cpu, Number(image & 0xffff_ffffn), bytes, changeable);
  return 0;
}

function returnProtected(cpu: Cpu, bytes: 2 | 4 | 8): number {
  const raised = readStack(cpu, 0, 3, bytes);
  if (raised !== 0) return raised;
  const [ip, csWord, flagWord] = words as [bigint, bigint, bigint];
  const selector = Number(csWord & 0xffffn);
  const image = Number(flagWord & 0xffff_ffffn);
  if (!cpu.longMode && bytes === 4 && image & FLAG.VM && cpu.cpl === 0) {
    return returnToVirtual8086(cpu, ip, selector, image);
  }
  const code = readReturnCode(cpu, selector);
  if (typeof code === "number") return code;
  const cpl = selector & 3;
  const wide = cpu.longMode && (code.rights & RIGHTS.long) !== 0;
  if (wide ? !isCanonical(ip, cpu.canonicalBits) : ip > BigInt(code.limit)) return GP;
  const outer = cpl !== cpu.cpl;
  // 64-bit mode always restores SS:RSP, others only on a change of level.
  if (outer || cpu.codeWidth === 64) return returnWithStack(cpu, bytes, code, ip, image, cpl, wide);
  const marked = markAccessed(cpu, code);
  if (marked !== 0) return marked;
  dropStack(cpu, 3 * bytes);
  commit(cpu, code, selector, ip, image, bytes);
  return 0;
}

/** The code segment to return to: RPL is the new level, not more privileged than now. */
export function readReturnCode(cpu: Cpu, selector: number): Descriptor | number {
  if (isNull(selector)) return GP;
  const code = readDescriptor(cpu, selector);
  if (typeof code === "number") return code;
  return refuseReturnCode(cpu, selector, code.rights, code.dpl) || code;
}

function returnWithStack(
  cpu: Cpu,
  bytes: 2 | 4 | 8,
  code: Descriptor,
  ip: bigint,
  image: number,
  cpl: number,
  wide: boolean,
): number {
  const { state } = cpu;
  const raised = readStack(cpu, 3, 2, bytes);
  if (raised !== 0) return raised;
  const pointer = words[0] as bigint;
  const selector = Number((words[1] as bigint) & 0xffffn);
  let stack: Descriptor | undefined;
  if (isNull(selector)) {
    if (!wide || cpl === 3 || (selector & 3) !== cpl) return GP;
  } else {
    const found = readStackSegment(cpu, selector, cpl);
    if (typeof found === "number") return found;
    stack = found;
  }
  const marked = markAccessed(cpu, code) || (stack ? markAccessed(cpu, stack) : 0);
  if (marked !== 0) return marked;
  const outer = cpl !== cpu.cpl;
  commit(cpu, code, code.selector, ip, image, bytes, cpl);
  if (stack) state.setSegment(SS, segmentValue(stack, selector));
  else state.setSegment(SS, { selector, base: 0n, limit: 0, rights: cpl << 5 });
  const small = !wide && stack !== undefined && (stack.rights & RIGHTS.big) === 0;
  state.setGprSized(RSP, pointer, small ? 2 : 4);
  if (outer) dropUnreachable(cpu, cpl);
  cpu.modeChanged();
  return 0;
}

function commit(
  cpu: Cpu,
  code: Descriptor,
  selector: number,
  ip: bigint,
  image: number,
  bytes: 2 | 4 | 8,
  cpl = cpu.cpl,
): void {
  const { state } = cpu;
  const changeable = changeableFlags(cpu);
  state.setSegment(CS, segmentValue(code, selector));
  state.rip = ip;
  cpu.cpl = cpl;
  setFlags(cpu, image, bytes, changeable);
  cpu.modeChanged();
}

function returnToVirtual8086(cpu: Cpu, ip: bigint, selector: number, image: number): number {
  const { state } = cpu;
  const raised = readStack(cpu, 3, 6, 4);
  if (raised !== 0) return raised;
  if (ip > 0xffffn) return GP;
  const [pointer, ss, es, ds, fs, gs] = words.map((word) => Number(word & 0xffff_ffffn)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  state.flags = (image & (ALL_FLAGS | FLAG.VM | FLAG.VIF | FLAG.VIP)) | 2;
  cpu.cpl = 3;
  state.rip = ip;
  state.setGpr(RSP, BigInt(pointer >>> 0));
  const selectors = [es, selector, ss, ds, fs, gs];
  for (let index = 0; index < 6; index++) {
    loadRealSegment(cpu, index, (selectors[index] as number) & 0xffff);
  }
  cpu.modeChanged();
  return 0;
}

/** A 16-bit image leaves the upper flags alone. */
function setFlags(cpu: Cpu, image: number, bytes: number, changeable: number): void {
  const mask = changeable & (bytes === 2 ? ~UPPER_FLAGS : -1);
  cpu.setFlags((cpu.state.flags & ~mask) | (image & mask));
}
