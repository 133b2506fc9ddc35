/** Writes to and reads from a stack while an event is delivered or a far transfer is done. */

import { hiOf, loOf } from "../base/word64.ts";
import { STACK, USER, WRITE } from "../mmu/access.ts";
import type { Cpu } from "./cpu.ts";

/** Access flags of explicit accesses at a privilege level. */
export function accessFlags(cpl: number): number {
  return cpl === 3 ? USER : 0;
}

/**
 * Pushes words, the first at the highest address; all pages are checked before anything is written.
 * @param top linear address just above the first word
 * @param cpl privilege level of the accesses
 * @returns 0 or a fault
 */
export function pushWords(
  cpu: Cpu,
  top: bigint,
  words: readonly bigint[],
  bytes: 2 | 4 | 8,
  cpl: number,
): number {
  const flags = accessFlags(cpl) | STACK;
  const lowest = cpu.wrapLinear(top - BigInt(words.length * bytes));
  const first = cpu.wrapLinear(top - BigInt(bytes));
  // A word that crosses pages faults at its first byte in the page that refuses.
  const page = cpu.wrapLinear(top - 1n) & ~0xfffn;
  for (const linear of page > first ? [first, page, lowest] : [first, lowest]) {
    const fault = cpu.mmu.translate(hiOf(linear), loOf(linear), WRITE | flags);
    if (fault !== 0) return fault;
  }
  for (let i = 0; i < words.length; i++) {
    const linear = cpu.wrapLinear(top - BigInt((i + 1) * bytes));
    const fault = cpu.mmu.store(linear, bytes, words[i] as bigint, flags);
    if (fault !== 0) return fault;
  }
  return 0;
}

/**
 * Reads words, the first at the lowest address.
 * @returns 0 with `into` filled, or a fault
 */
export function popWords(
  cpu: Cpu,
  bottom: bigint,
  into: bigint[],
  count: number,
  bytes: 2 | 4 | 8,
  cpl: number,
): number {
  const flags = accessFlags(cpl) | STACK;
  for (let i = 0; i < count; i++) {
    const linear = cpu.wrapLinear(bottom + BigInt(i * bytes));
    const fault = cpu.mmu.load(linear, bytes, flags);
    if (fault !== 0) return fault;
    into[i] = cpu.mmu.value;
  }
  return 0;
}
