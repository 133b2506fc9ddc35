/** Segment and system descriptors (SDM 3A, "Segment Descriptors"). */
import { IMPLICIT } from "../mmu/access.ts";
import type { Cpu } from "./cpu.ts";
import { fault, VECTOR } from "./faults.ts";
import { CONTROL, LDTR, SEGMENT, segmentOffset } from "./layout.ts";
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

const RIGHTS_MASK = 0xf0ff;

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

/** The descriptor of 8 bytes, taken apart. */
export function parseDescriptor(selector: number, linear: bigint, word: bigint): Descriptor {
  const rights = Number((word >> 40n) & 0xffffn) & RIGHTS_MASK;
  const raw = Number((word & 0xffffn) | ((word >> 32n) & 0xf0000n));
  const limit = rights & RIGHTS.granular ? ((raw << 12) | 0xfff) >>> 0 : raw;
  const base = ((word >> 16n) & 0xffffffn) | ((word >> 32n) & 0xff00_0000n);
  return { selector, linear, word, base, limit, rights, dpl: (rights >> 5) & 3 };
}

/** What a segment register holds after loading this descriptor. */
export function segmentValue(descriptor: Descriptor, selector: number): SegmentValue {
  const { base, limit, rights } = descriptor;
  return { selector, base, limit, rights: rights | RIGHTS.accessed };
}

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
  const { state, mmu } = cpu;
  const local = (selector & 4) !== 0;
  const ldt = segmentOffset(LDTR);
  const usable = !local || isPresent(state.get32(ldt + SEGMENT.rights));
  const limit = local ? state.get32(ldt + SEGMENT.limit) >>> 0 : state.get32(CONTROL.gdtLimit);
  const index = selector & 0xfff8;
  if (!usable || index + 7 > limit) return fault(vector, (selector & 0xfffc) | ext);
  const base = local ? state.get64(ldt + SEGMENT.base) : state.get64(CONTROL.gdtBase);
  const linear = cpu.wrapLinear(base + BigInt(index));
  const read = mmu.load(linear, 8, IMPLICIT);
  return read !== 0 ? read : parseDescriptor(selector, linear, mmu.value);
}

/** Sets the accessed bit in memory. @returns 0 or a fault */
export function markAccessed(cpu: Cpu, { linear, word, rights }: Descriptor): number {
  if (rights & RIGHTS.accessed) return 0;
  return cpu.mmu.store(linear + 5n, 1, ((word >> 40n) & 0xffn) | 1n, IMPLICIT);
}
