/**
 * The running processor's registers, as seen from TypeScript: bigint and number accessors over the
 * bytes of layout.ts.
 */
import { badArgument } from "../base/errors.ts";
import { hiOf, loOf } from "../base/word64.ts";
import type { LinearMemory } from "../memory/layout.ts";
import { FLAG, FORM_PARITY_INVERTED, FORM_SIGN_INVERTED, STATUS_FLAGS } from "./builder/flags.ts";
import { CELL, gprOffset, SEGMENT, STATE_BYTES, segmentOffset } from "./layout.ts";

const MASK_64 = 0xffff_ffff_ffff_ffffn;

/** A segment register with its hidden part. */
export interface SegmentValue {
  readonly selector: number;
  readonly base: bigint;
  /** In bytes, granularity applied: 0 .. 2^32-1. */
  readonly limit: number;
  /** Descriptor bits 40..55: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15. */
  readonly rights: number;
}

export class CpuState {
  /** Host address of the state. */
  readonly base: number;
  readonly #bytes: Uint8Array;
  readonly #int32: Int32Array;
  readonly #int64: BigInt64Array;

  constructor(linear: LinearMemory) {
    this.base = linear.reserve(STATE_BYTES);
    this.#bytes = linear.bytes;
    this.#int32 = linear.int32;
    this.#int64 = new BigInt64Array(linear.buffer);
    this.flags = 2;
  }

  // --- Cells ------------------------------------------------------------------------------------

  get32(offset: number): number {
    return this.#int32[(this.base + offset) >>> 2] as number;
  }

  set32(offset: number, value: number): void {
    this.#int32[(this.base + offset) >>> 2] = value;
  }

  /** 0 .. 2^64-1. */
  get64(offset: number): bigint {
    return BigInt.asUintN(64, this.#int64[(this.base + offset) >>> 3] as bigint);
  }

  set64(offset: number, value: bigint): void {
    this.#int64[(this.base + offset) >>> 3] = value;
  }

  /** Sets an i64 cell by its halves. */
  setPair(offset: number, hi: number, lo: number): void {
    this.#int32[(this.base + offset) >>> 2] = lo;
    this.#int32[(this.base + offset + 4) >>> 2] = hi;
  }

  /** All bytes of the state: to keep it, or to compare two. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(this.base, this.base + STATE_BYTES);
  }

  /** Everything zero; flags as they are with no bit set. */
  clear(): void {
    this.bytes().fill(0);
    this.flags = 2;
  }

  // --- General registers ------------------------------------------------------------------------

  /** @param index 0..15 in the order of the encoding: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8… */
  gpr(index: number): bigint {
    return this.get64(gprOffset(checkIndex(index)));
  }

  setGpr(index: number, value: bigint): void {
    this.set64(gprOffset(checkIndex(index)), value);
  }

  /** The low 32 bits, unsigned. */
  gpr32(index: number): number {
    return this.get32(gprOffset(index)) >>> 0;
  }

  /** Writes as an instruction of this operand size does: 4 bytes clear the upper half. */
  setGprSized(index: number, value: bigint, bytes: number): void {
    const old = this.gpr(index);
    if (bytes >= 4) this.setGpr(index, BigInt.asUintN(bytes * 8, value));
    else {
      const mask = (1n << BigInt(bytes * 8)) - 1n;
      this.setGpr(index, (old & ~mask & MASK_64) | (value & mask));
    }
  }

  get rip(): bigint {
    return this.get64(CELL.rip);
  }

  set rip(value: bigint) {
    this.set64(CELL.rip, value);
  }

  // --- Flags ------------------------------------------------------------------------------------

  /** RFLAGS; bit 1 is always set. */
  get flags(): number {
    return this.get32(CELL.flagsOther) | this.#statusFlags();
  }

  set flags(value: number) {
    this.set32(CELL.flagsOther, (value & ~STATUS_FLAGS) | 2);
    this.#setStatusFlags(value);
  }

  /** Whether a flag other than the six status flags is set. */
  has(flag: number): boolean {
    return (this.get32(CELL.flagsOther) & flag) !== 0;
  }

  /** Sets or clears flags other than the six status flags. */
  setOther(flags: number, on: boolean): void {
    const old = this.get32(CELL.flagsOther);
    this.set32(CELL.flagsOther, on ? old | flags : old & ~flags);
  }

  /** The mirror of `FlagWriter`'s reading half; see there. */
  #statusFlags(): number {
    const resultLo = this.get32(CELL.flagResult);
    const resultHi = this.get32(CELL.flagResult + 4);
    const minuendLo = this.get32(CELL.flagMinuend);
    const minuendHi = this.get32(CELL.flagMinuend + 4);
    const subtrahendLo = this.get32(CELL.flagSubtrahend);
    const subtrahendHi = this.get32(CELL.flagSubtrahend + 4);
    const form = this.get32(CELL.flagForm);
    const borrowsLo = minuendLo >>> 0 < subtrahendLo >>> 0 ? 1 : 0;
    const differenceLo = (minuendLo - subtrahendLo) | 0;
    const differenceHi = (minuendHi - subtrahendHi - borrowsLo) | 0;
    const equalHi = minuendHi === subtrahendHi;
    const borrows = equalHi ? borrowsLo === 1 : minuendHi >>> 0 < subtrahendHi >>> 0;
    const signBit = 63 - (form & 63);
    const sign = signBit >= 32 ? differenceHi >>> (signBit - 32) : differenceLo >>> signBit;
    const overflow = ((minuendHi ^ subtrahendHi) >>> 31) & ((minuendHi >>> 31) ^ sign);
    const adjust = (minuendLo ^ subtrahendLo ^ differenceLo) & 16;
    const negative = resultHi >>> 31 !== ((form & FORM_SIGN_INVERTED) !== 0 ? 1 : 0);
    const parity = isEven(resultLo & 0xff) !== ((form & FORM_PARITY_INVERTED) !== 0);
    return (
      (borrows ? FLAG.CF : 0) |
      (parity ? FLAG.PF : 0) |
      (adjust ? FLAG.AF : 0) |
      ((resultLo | resultHi) === 0 ? FLAG.ZF : 0) |
      (negative ? FLAG.SF : 0) |
      ((overflow & 1) !== 0 ? FLAG.OF : 0)
    );
  }

  /** The mirror of `FlagWriter.setAll`. */
  #setStatusFlags(value: number): void {
    const carry = value & 1;
    const half = (value >> 4) & 1;
    const overflow = (value >> 11) & 1;
    this.setPair(CELL.flagResult, 0, value & FLAG.ZF ? 0 : 256);
    this.setPair(CELL.flagMinuend, (carry ^ 1) << 31, half << 4);
    this.setPair(CELL.flagSubtrahend, ((overflow ^ carry) << 30) | (carry << 31), half << 3);
    this.set32(
      CELL.flagForm,
      (value & FLAG.SF ? FORM_SIGN_INVERTED : 0) | (value & FLAG.PF ? 0 : FORM_PARITY_INVERTED),
    );
  }

  // --- Segments ---------------------------------------------------------------------------------

  /** @param index ES 0, CS 1, SS 2, DS 3, FS 4, GS 5, LDTR 6, TR 7 */
  segment(index: number): SegmentValue {
    const at = segmentOffset(index);
    return {
      selector: this.get32(at + SEGMENT.selector),
      base: this.get64(at + SEGMENT.base),
      limit: this.get32(at + SEGMENT.limit) >>> 0,
      rights: this.get32(at + SEGMENT.rights),
    };
  }

  /** Sets a segment register as it is, unchecked, with the windows that follow from it. */
  setSegment(index: number, { selector, base, limit, rights }: SegmentValue): void {
    this.setSegmentParts(index, selector, hiOf(base), loOf(base), limit, rights);
  }

  /** The same without a bigint. @param limit int32 or 0 .. 2^32-1 */
  setSegmentParts(
    index: number,
    selector: number,
    baseHi: number,
    baseLo: number,
    limit: number,
    rights: number,
  ): void {
    const at = segmentOffset(index);
    this.setPair(at + SEGMENT.base, baseHi, baseLo);
    this.set32(at + SEGMENT.selector, selector);
    this.set32(at + SEGMENT.rights, rights);
    this.set32(at + SEGMENT.limit, limit);
    const isCode = (rights & 8) !== 0;
    const usable = (rights & 0x90) === 0x90;
    const reads = usable && (!isCode || (rights & 2) !== 0);
    const writes = usable && !isCode && (rights & 2) !== 0;
    this.#setWindow(at + SEGMENT.readLow, reads, limit, rights);
    this.#setWindow(at + SEGMENT.writeLow, writes, limit, rights);
  }

  segmentBase(index: number): bigint {
    return this.get64(segmentOffset(index) + SEGMENT.base);
  }

  setSegmentBase(index: number, base: bigint): void {
    this.set64(segmentOffset(index) + SEGMENT.base, base);
  }

  selector(index: number): number {
    return this.get32(segmentOffset(index) + SEGMENT.selector);
  }

  /** The offsets that may be accessed (SDM 3A, "Limit Checking"); empty for an unusable segment. */
  #setWindow(at: number, allowed: boolean, limit: number, rights: number): void {
    if (!allowed) {
      this.setPair(at, 0, 1);
      this.setPair(at + 8, 0, 0);
    } else if ((rights & 0x0c) === 0x04) {
      // Expand-down: all above the limit.
      this.setPair(at, limit >>> 0 === 0xffff_ffff ? 1 : 0, limit + 1);
      this.setPair(at + 8, 0, rights & 0x4000 ? -1 : 0xffff);
    } else {
      this.setPair(at, 0, 0);
      this.setPair(at + 8, 0, limit);
    }
  }
}

function isEven(byte: number): boolean {
  let bits = byte ^ (byte >> 4);
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return (bits & 1) === 0;
}

function checkIndex(index: number): number {
  if (!(index >= 0 && index < 16)) badArgument("register", "0..15", index);
  return index;
}
