/** A segment descriptor as two int32, for the paths on which nothing may be allocated. */
import { wordOf } from "../base/word64.ts";
import { IMPLICIT } from "../mmu/access.ts";
import type { Cpu } from "./cpu.ts";
import { fault, VECTOR } from "./faults.ts";
import { CONTROL, LDTR, SEGMENT, segmentOffset } from "./layout.ts";

const ACCESSED = 1;
const PRESENT = 0x80;
const GRANULAR = 0x8000;
const RIGHTS_MASK = 0xf0ff;

/**
 * Reads 8 bytes of a table or TSS into the halves of `cpu.mmu`.
 * @param baseCell the i64 cell of its base
 * @param offset 0 .. 2^31-1
 * @returns 0 or a fault
 */
export function loadFromTable(cpu: Cpu, baseCell: number, offset: number): number {
  const { state, mmu } = cpu;
  const sum = (state.get32(baseCell) >>> 0) + offset;
  const hi = (state.get32(baseCell + 4) + (sum > 0xffff_ffff ? 1 : 0)) | 0;
  return mmu.loadPair(cpu.longMode ? hi : 0, sum | 0, IMPLICIT);
}

/** Is filled again and again. */
export class DescriptorWords {
  selector = 0;
  hi = 0;
  lo = 0;
  /** The cell with the base of the table that it was read from. */
  #table = 0;

  /** Descriptor bits 55:40, without those of the limit. */
  get rights(): number {
    return (this.hi >>> 8) & RIGHTS_MASK;
  }

  get dpl(): number {
    return (this.hi >>> 13) & 3;
  }

  /** As int32. */
  get base(): number {
    return (this.lo >>> 16) | ((this.hi & 0xff) << 16) | (this.hi & 0xff00_0000);
  }

  /** In bytes, 0 .. 2^32-1. */
  get limit(): number {
    const raw = (this.lo & 0xffff) | (this.hi & 0xf0000);
    return this.rights & GRANULAR ? ((raw << 12) | 0xfff) >>> 0 : raw;
  }

  /** Where it lies. */
  linear(cpu: Cpu): bigint {
    const base = cpu.state.get64(this.#table);
    return cpu.wrapLinear(base + BigInt(this.selector & 0xfff8));
  }

  /**
   * Reads a descriptor from the GDT or LDT.
   * @param vector the exception if the selector is outside its table (#GP, or #TS from a TSS)
   * @param ext EXT bit of that exception's error code
   * @returns 0 or a fault
   */
  read(cpu: Cpu, selector: number, vector: number = VECTOR.GP, ext = 0): number {
    const { state } = cpu;
    const local = (selector & 4) !== 0;
    const ldt = segmentOffset(LDTR);
    const usable = !local || (state.get32(ldt + SEGMENT.rights) & PRESENT) !== 0;
    const limit = local ? state.get32(ldt + SEGMENT.limit) >>> 0 : state.get32(CONTROL.gdtLimit);
    const index = selector & 0xfff8;
    if (!usable || index + 7 > limit) return fault(vector, (selector & 0xfffc) | ext);
    this.#table = local ? ldt + SEGMENT.base : CONTROL.gdtBase;
    const raised = loadFromTable(cpu, this.#table, index);
    if (raised !== 0) return raised;
    this.selector = selector;
    this.hi = cpu.mmu.valueHi;
    this.lo = cpu.mmu.valueLo;
    return 0;
  }

  /** The descriptor's 64 bits. */
  get word(): bigint {
    return wordOf(this.hi, this.lo);
  }

  /** Sets the accessed bit in memory. @returns 0 or a fault */
  markAccessed(cpu: Cpu): number {
    if (this.rights & ACCESSED) return 0;
    const type = BigInt(((this.hi >>> 8) & 0xff) | ACCESSED);
    return cpu.mmu.store(this.linear(cpu) + 5n, 1, type, IMPLICIT);
  }

  /** Loads it into a segment register, unchecked. */
  loadInto(cpu: Cpu, index: number, selector: number): void {
    const { base, limit, rights } = this;
    cpu.state.setSegmentParts(index, selector, 0, base, limit, rights | ACCESSED);
  }
}
