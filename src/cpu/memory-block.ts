/** Accesses of more than 8 bytes, made by instructions that TypeScript executes. */
import { hiOf, loOf } from "../base/word64.ts";
import { STACK, WRITE } from "../mmu/access.ts";
import { isCanonical } from "../mmu/canonical.ts";
import type { Cpu } from "./cpu.ts";
import type { DecodedInstruction } from "./decode/decoded.ts";
import { fault, VECTOR } from "./faults.ts";
import { accessFlags } from "./frame-writer.ts";
import { SS } from "./layout.ts";
import { linearAt, offsetOf } from "./operands.ts";

const PAGE_BYTES = 4096;
const WORD_BYTES = 8;

/**
 * Translates every page of `bytes` bytes, at most a page, at a linear address; nothing is read.
 * @param access READ or WRITE
 * @returns 0 or a fault
 */
export function probe(cpu: Cpu, linear: bigint, bytes: number, access: number): number {
  const inPage = loOf(linear) & (PAGE_BYTES - 1);
  const second = cpu.wrapLinear(linear + BigInt(PAGE_BYTES - inPage));
  const crosses = inPage + bytes > PAGE_BYTES;
  // A part that is not canonical comes before any page fault.
  if (crosses && cpu.longMode && !isCanonical(second, cpu.canonicalBits)) {
    return fault(access & STACK ? VECTOR.SS : VECTOR.GP);
  }
  const first = cpu.mmu.translate(hiOf(linear), loOf(linear), access);
  if (first !== 0 || !crosses) return first;
  return cpu.mmu.translate(hiOf(second), loOf(second), access);
}

/** Linear address of a memory operand of `bytes` into `operand.linear`; 0 or a segment's fault. */
export function blockLinear(
  cpu: Cpu,
  i: DecodedInstruction,
  bytes: number,
  write: boolean,
): number {
  return linearAt(cpu, i.segment, offsetOf(cpu, i), bytes, write);
}

/** Access flags of a memory operand. */
export function blockFlags(cpu: Cpu, i: DecodedInstruction): number {
  return accessFlags(cpu.cpl) | (i.segment === SS ? STACK : 0);
}

/** Fills `into` from a linear address. @returns 0 or a fault */
export function readBlock(cpu: Cpu, linear: bigint, into: Uint8Array, flags: number): number {
  for (let at = 0; at < into.length; ) {
    const piece = pieceBytes(into.length - at);
    const raised = cpu.mmu.load(cpu.wrapLinear(linear + BigInt(at)), piece, flags);
    if (raised !== 0) return raised;
    for (let n = 0; n < piece; n++) into[at + n] = Number((cpu.mmu.value >> BigInt(n * 8)) & 0xffn);
    at += piece;
  }
  return 0;
}

/** Writes `from` at a linear address: all of it, or nothing and a fault. */
export function writeBlock(cpu: Cpu, linear: bigint, from: Uint8Array, flags: number): number {
  const raised = probe(cpu, linear, from.length, WRITE | flags);
  if (raised !== 0) return raised;
  for (let at = 0; at < from.length; ) {
    const piece = pieceBytes(from.length - at);
    let word = 0n;
    for (let n = piece - 1; n >= 0; n--) word = (word << 8n) | BigInt(from[at + n] as number);
    const late = cpu.mmu.store(cpu.wrapLinear(linear + BigInt(at)), piece, word, flags);
    if (late !== 0) return late;
    at += piece;
  }
  return 0;
}

function pieceBytes(rest: number): 1 | 2 | 4 | 8 {
  if (rest >= WORD_BYTES) return WORD_BYTES;
  return rest >= 4 ? 4 : rest >= 2 ? 2 : 1;
}
