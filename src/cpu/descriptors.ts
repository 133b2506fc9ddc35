/** Segment and system descriptors (SDM 3A, "Segment Descriptors"). */
import { IMPLICIT } from "../mmu/access.ts";
import type { Cpu } from "./cpu.ts";
import { DescriptorWords } from "./descriptor-words.ts";
import { VECTOR } from "./faults.ts";
import type { SegmentValue } from "./state.ts";

/** Bits of a descriptor's rights (bits 55:40 as 15:0). */
export const RIGHTS = {
  accessed: 1,
  /** Data: writable; code: readable. */
  writable: 2,
  /** Code: conforming; data: expand-down. */
  conforming: 4,
  code: 8,
  /** Not a system descriptor. */
  segment: 0x10,
  present: 0x80,
  long: 0x2000,
  big: 0x4000,
  granular: 0x8000,
} as const;

export const SYSTEM_TYPE = {
  tss16: 1,
  ldt: 2,
  tss16Busy: 3,
  callGate16: 4,
  taskGate: 5,
  interruptGate16: 6,
  trapGate16: 7,
  tss: 9,
  tssBusy: 11,
  callGate: 12,
  interruptGate: 14,
  trapGate: 15,
} as const;

/** A descriptor as read from its table. */
export interface Descriptor {
  readonly selector: number;
  /** Where it lies: to set its accessed or busy bit. */
  readonly linear: bigint;
  readonly word: bigint;
  /** 32 bits; `upperBase` has the rest for system descriptors of IA-32e mode. */
  readonly base: bigint;
  readonly limit: number;
  readonly rights: number;
  readonly dpl: number;
}

export function isCode(rights: number): boolean {
  return (rights & (RIGHTS.segment | RIGHTS.code)) === (RIGHTS.segment | RIGHTS.code);
}

export function isPresent(rights: number): boolean {
  return (rights & RIGHTS.present) !== 0;
}

export function isConformingCode(rights: number): boolean {
  return isCode(rights) && (rights & RIGHTS.conforming) !== 0;
}

/** A writable data segment: what SS may be. */
export function isWritableData(rights: number): boolean {
  return (rights & (RIGHTS.segment | RIGHTS.code | RIGHTS.writable)) === 0x12;
}

/** Data, or code that can be read: what DS, ES, FS and GS may be. */
export function isReadable(rights: number): boolean {
  if ((rights & RIGHTS.segment) === 0) return false;
  return (rights & RIGHTS.code) === 0 || (rights & RIGHTS.writable) !== 0;
}

export function isNull(selector: number): boolean {
  return (selector & 0xfffc) === 0;
}

/** What a segment register holds after loading this descriptor. */
export function segmentValue(descriptor: Descriptor, selector: number): SegmentValue {
  const { base, limit, rights } = descriptor;
  return { selector, base, limit, rights: rights | RIGHTS.accessed };
}

const words = new DescriptorWords();

/**
 * Reads a descriptor from the GDT or LDT.
 * @param vector the exception if the selector is outside its table (#GP, or #TS from a TSS)
 * @param ext EXT bit of that exception's error code
 * @returns the descriptor, or the fault
 */
export function readDescriptor(
  cpu: Cpu,
  selector: number,
  vector: number = VECTOR.GP,
  ext = 0,
): Descriptor | number {
  const raised = words.read(cpu, selector, vector, ext);
  if (raised !== 0) return raised;
  const { word, rights, limit, dpl } = words;
  const base = BigInt(words.base >>> 0);
  return { selector, linear: words.linear(cpu), word, base, limit, rights, dpl };
}

/** Sets the accessed bit in memory. @returns 0 or a fault */
export function markAccessed(cpu: Cpu, { linear, word, rights }: Descriptor): number {
  if (rights & RIGHTS.accessed) return 0;
  return cpu.mmu.store(linear + 5n, 1, ((word >> 40n) & 0xffn) | 1n, IMPLICIT);
}
