/** Far RET (SDM 2B, "RET"): within a level, or to an outer one. */
import { isCanonical } from "../mmu/canonical.ts";
import type { Cpu } from "./cpu.ts";
import { type Descriptor, isNull, markAccessed, RIGHTS, segmentValue } from "./descriptors.ts";
import { GP } from "./faults.ts";
import { readReturnCode } from "./iret.ts";
import { CS, RSP, SS } from "./layout.ts";
import { dropUnreachable } from "./return-rules.ts";
import { loadRealSegment, readStackSegment } from "./segments.ts";
import { dropStack, peekStack } from "./stack.ts";

type Width = 2 | 4 | 8;

const words: bigint[] = [];

/**
 * @param bytes operand size
 * @param released bytes of parameters to drop
 * @returns 0, or a fault and nothing has changed
 */
export function returnFar(cpu: Cpu, bytes: Width, released: number): number {
  const { state } = cpu;
  const raised = peekStack(cpu, 0, words, 2, bytes);
  if (raised !== 0) return raised;
  const ip = words[0] as bigint;
  const selector = Number((words[1] as bigint) & 0xffffn);
  if (cpu.realSegments) {
    if (ip > BigInt(state.segment(CS).limit)) return GP;
    dropStack(cpu, 2 * bytes + released);
    loadRealSegment(cpu, CS, selector);
    state.rip = ip;
    return 0;
  }
  const code = readReturnCode(cpu, selector);
  if (typeof code === "number") return code;
  const wide = cpu.longMode && (code.rights & RIGHTS.long) !== 0;
  if (wide ? !isCanonical(ip, cpu.canonicalBits) : ip > BigInt(code.limit)) return GP;
  if ((selector & 3) !== cpu.cpl) return returnOuter(cpu, bytes, released, code, ip, wide);
  const marked = markAccessed(cpu, code);
  if (marked !== 0) return marked;
  dropStack(cpu, 2 * bytes + released);
  state.setSegment(CS, segmentValue(code, selector));
  state.rip = ip;
  cpu.modeChanged();
  return 0;
}

function returnOuter(
  cpu: Cpu,
  bytes: Width,
  released: number,
  code: Descriptor,
  ip: bigint,
  wide: boolean,
): number {
  const { state } = cpu;
  const raised = peekStack(cpu, 2 * bytes + released, words, 2, bytes);
  if (raised !== 0) return raised;
  const pointer = words[0] as bigint;
  const selector = Number((words[1] as bigint) & 0xffffn);
  const cpl = code.selector & 3;
  const stack = outerStack(cpu, selector, cpl, wide);
  if (typeof stack === "number") return stack;
  const marked = markAccessed(cpu, code) || (stack ? markAccessed(cpu, stack) : 0);
  if (marked !== 0) return marked;
  state.setSegment(CS, segmentValue(code, code.selector));
  state.rip = ip;
  if (stack) state.setSegment(SS, segmentValue(stack, selector));
  else state.setSegment(SS, { selector, base: 0n, limit: 0, rights: cpl << 5 });
  cpu.cpl = cpl;
  const small = !wide && stack !== undefined && (stack.rights & RIGHTS.big) === 0;
  state.setGprSized(RSP, pointer, small ? 2 : bytes === 8 ? 8 : 4);
  dropUnreachable(cpu, cpl);
  cpu.modeChanged();
  dropStack(cpu, released);
  return 0;
}

/** @returns undefined for the null selector, where that is lawful; or a fault */
function outerStack(
  cpu: Cpu,
  selector: number,
  cpl: number,
  wide: boolean,
): Descriptor | undefined | number {
  if (!isNull(selector)) return readStackSegment(cpu, selector, cpl);
  return wide && cpl !== 3 && (selector & 3) === cpl ? undefined : GP;
}
