/**
 * The running processor's registers, as seen from TypeScript: bigint and number accessors over the
 * bytes of layout.ts.
 */
import { badArgument } from "../base/errors.ts";
import type { LinearMemory } from "../memory/layout.ts";
import { FLAG, FORM_PARITY_INVERTED, FORM_SIGN_INVERTED, STATUS_FLAGS } from "./builder/flags.ts";
import { CELL, gprOffset, SEGMENT, STATE_BYTES, segmentOffset } from "./layout.ts";

const MASK_64 = 0xffff_ffff_ffff_ffffn;
const SIGN_64 = 1n << 63n;

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
    const result = this.get64(CELL.flagResult);
    const minuend = this.get64(CELL.flagMinuend);
    const subtrahend = this.get64(CELL.flagSubtrahend);
    const form = this.get32(CELL.flagForm);
    const difference = BigInt.asUintN(64, minuend - subtrahend);
    const shifted = BigInt.asUintN(64, difference << BigInt(form & 63));
    const overflow = ((minuend ^ subtrahend) & (minuend ^ shifted) & SIGN_64) !== 0n;
    const adjust = ((minuend ^ subtrahend ^ difference) & 16n) !== 0n;
    const sign = ((result & SIGN_64) !== 0n) !== ((form & FORM_SIGN_INVERTED) !== 0);
    const parity = isEven(Number(result & 0xffn)) !== ((form & FORM_PARITY_INVERTED) !== 0);
    return (
      (minuend < subtrahend ? FLAG.CF : 0) |
      (parity ? FLAG.PF : 0) |
      (adjust ? FLAG.AF : 0) |
      (result === 0n ? FLAG.ZF : 0) |
      (sign ? FLAG.SF : 0) |
      (overflow ? FLAG.OF : 0)
    );
  }

  /** The mirror of `FlagWriter.setAll`. */
  #setStatusFlags(value: number): void {
    const carry = BigInt(value & 1);
    const half = BigInt((value >> 4) & 1);
    const overflow = BigInt((value >> 11) & 1);
    this.set64(CELL.flagResult, value & FLAG.ZF ? 0n : 256n);
    this.set64(CELL.flagMinuend, (half << 4n) | ((carry ^ 1n) << 63n));
    this.set64(CELL.flagSubtrahend, (half << 3n) | ((overflow ^ carry) << 62n) | (carry << 63n));
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
  setSegment(index: number, value: SegmentValue): void {
    const at = segmentOffset(index);
    this.set32(at + SEGMENT.selector, value.selector);
    this.set64(at + SEGMENT.base, value.base);
    this.set32(at + SEGMENT.limit, value.limit);
    this.set32(at + SEGMENT.rights, value.rights);
    const { low, high } = windowOf(value);
    const isCode = (value.rights & 8) !== 0;
    const reads = !isCode || (value.rights & 2) !== 0;
    const writes = !isCode && (value.rights & 2) !== 0;
    this.#setWindow(at + SEGMENT.readLow, reads ? low : 1n, reads ? high : 0n);
    this.#setWindow(at + SEGMENT.writeLow, writes ? low : 1n, writes ? high : 0n);
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

  #setWindow(at: number, low: bigint, high: bigint): void {
    this.set64(at, low);
    this.set64(at + 8, high);
  }
}

/** The offsets that may be accessed (SDM 3A, "Limit Checking"); empty for an unusable segment. */
function windowOf({ rights, limit }: SegmentValue): { low: bigint; high: bigint } {
  const usable = (rights & 0x90) === 0x90;
  if (!usable) return { low: 1n, high: 0n };
  const expandsDown = (rights & 0x0c) === 0x04;
  if (!expandsDown) return { low: 0n, high: BigInt(limit) };
  return { low: BigInt(limit) + 1n, high: rights & 0x4000 ? 0xffff_ffffn : 0xffffn };
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
