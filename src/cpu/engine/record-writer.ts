/** Turns a decoded instruction into a record. */
import {
  type DecodedInstruction,
  NO_REGISTER,
  SEGMENT_CS,
  SEGMENT_FS,
  SEGMENT_SS,
} from "../decode/decoded.ts";
import { operandForForm, operandParts } from "../decode/operand.ts";
import type { InstructionRow } from "../decode/row.ts";
import { instructionRows } from "../decode/rows.ts";
import { CELL, gprOffset, RSP, segmentOffset, X87, xmmOffset } from "../layout.ts";
import { COMPLEX, LINK_UNKNOWN, RECORD } from "./record.ts";

const FIXED_REGISTERS: Readonly<Record<string, number>> = {
  AL: 0,
  AX: 0,
  eAX: 0,
  rAX: 0,
  CL: 1,
  DX: 2,
};

const SEGMENT_NAMES = ["ES", "CS", "SS", "DS", "FS", "GS"];

export class RecordWriter {
  readonly #int32: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #state: number;

  /** @param state host address of the processor's state */
  constructor(bytes: Uint8Array, int32: Int32Array, state: number) {
    this.#bytes = bytes;
    this.#int32 = int32;
    this.#state = state;
  }

  /**
   * Fills the record at `at` but for the block's length and the count after it.
   * @param offset of the instruction in its page
   * @param long 64-bit mode
   */
  write(at: number, handler: number, offset: number, i: DecodedInstruction, long: boolean): void {
    const row = instructionRows[i.row] as InstructionRow;
    this.head(at, handler, offset, i.length);
    this.#immediate(at, i);
    if (i.memory !== 0) this.#address(at, offset, i, row, long);
    for (let slot = 0; slot < row.operands.length && slot < 4; slot++) {
      this.#operand(at, slot, row, offset, i, long);
    }
  }

  /** A record without operands. */
  head(at: number, handler: number, offset: number, length: number): void {
    const word = at >>> 2;
    this.#int32.fill(0, word, word + 16);
    this.#int32[word] = handler;
    this.#int32[(at + RECORD.offset) >>> 2] = offset | (length << 16);
  }

  /** A relative branch, or the fall-through to an offset from the start of the page. */
  target(at: number, offset: number, maskBytes: number): void {
    this.#pair(at + RECORD.immediate, offset < 0 ? -1 : 0, offset);
    this.#pair(at + RECORD.displacement, maskBytes === 8 ? -1 : 0, maskBytes === 2 ? 0xffff : -1);
    this.#int32[(at + RECORD.link) >>> 2] = LINK_UNKNOWN;
  }

  #immediate(at: number, i: DecodedInstruction): void {
    this.#pair(at + RECORD.immediate, i.immHi, i.immLo);
  }

  #address(
    at: number,
    offset: number,
    i: DecodedInstruction,
    row: InstructionRow,
    long: boolean,
  ): void {
    const zero = this.#state + CELL.zero;
    let base = i.base === NO_REGISTER ? zero : this.#state + gprOffset(i.base);
    let lo = i.dispLo;
    let hi = i.dispHi;
    if (i.ripRelative !== 0) {
      base = this.#state + CELL.ipBase;
      ({ hi, lo } = addSmall(hi, lo, offset + i.length));
    }
    // POP computes its address after it has incremented RSP (SDM 2B, POP).
    if (row.semantic === "pop" && i.base === RSP) ({ hi, lo } = addSmall(hi, lo, i.operandBytes));
    const index = i.index === NO_REGISTER ? zero : this.#state + gprOffset(i.index);
    const simple = long && i.addressBytes === 8 && i.segment < SEGMENT_FS;
    this.#int32[(at + RECORD.base) >>> 2] = base;
    this.#int32[(at + RECORD.index) >>> 2] = index;
    this.#pair(at + RECORD.displacement, hi, lo);
    this.#bytes[at + RECORD.scale] = i.scale | (simple ? 0 : COMPLEX);
    this.#segment(at, i, long);
  }

  /** String instructions use the segment without a memory operand by ModRM. */
  #segment(at: number, i: DecodedInstruction, long: boolean): void {
    const flat = long && i.segment < SEGMENT_FS;
    const segment = flat ? SEGMENT_CS : i.segment;
    // In 64-bit mode CS has base 0, which serves for all of ES, CS, SS and DS.
    this.#int32[(at + RECORD.segment) >>> 2] = this.#state + segmentOffset(segment);
    this.#bytes[at + RECORD.addressBytes] = i.addressBytes;
    this.#bytes[at + RECORD.long] = long ? 1 : 0;
    this.#bytes[at + RECORD.stack] = i.segment === SEGMENT_SS ? 1 : 0;
  }

  #operand(
    at: number,
    slot: number,
    row: InstructionRow,
    offset: number,
    i: DecodedInstruction,
    long: boolean,
  ): void {
    const spec = operandForForm(row.operands[slot] as string, i.memory !== 0);
    const { place, size } = operandParts(spec);
    if (place === "J") {
      const target = offset + i.length + i.immLo;
      this.target(at, target, i.operandBytes);
      return;
    }
    if (place === "I1") {
      this.#pair(at + RECORD.immediate, 0, 1);
      return;
    }
    if (place === "X" || place === "Y" || size === "BXAL") this.#segment(at, i, long);
    const address = this.#registerAddress(place, size, i);
    if (address !== 0) this.#int32[(at + RECORD.slot + slot * 4) >>> 2] = address;
  }

  /** Host address of a register operand, 0 for other operands. */
  #registerAddress(place: string, size: string, i: DecodedInstruction): number {
    switch (place) {
      case "fixed": {
        const segment = SEGMENT_NAMES.indexOf(size);
        if (segment >= 0) return this.#state + segmentOffset(segment);
        const number = FIXED_REGISTERS[size];
        return number === undefined ? 0 : this.#state + gprOffset(number);
      }
      case "E":
        return i.memory !== 0 ? 0 : this.#general(i.rm, size, i.rex);
      case "R":
      case "Z":
        return this.#general(i.rm, size, i.rex);
      case "G":
        return this.#general(i.reg, size, i.rex);
      case "B":
        return this.#general(i.vvvv, size, 1);
      case "S":
        return this.#state + segmentOffset(i.reg);
      case "V":
        return this.#state + xmmOffset(i.reg);
      case "U":
        return this.#state + xmmOffset(i.rm);
      case "W":
        return i.memory !== 0 ? 0 : this.#state + xmmOffset(i.rm);
      case "P":
        return this.#state + X87 + i.reg * 16;
      case "N":
        return this.#state + X87 + i.rm * 16;
      case "Q":
        return i.memory !== 0 ? 0 : this.#state + X87 + i.rm * 16;
      default:
        return 0;
    }
  }

  #general(number: number, size: string, rex: number): number {
    const high = size === "b" && rex === 0 && number >= 4 && number < 8;
    return this.#state + (high ? gprOffset(number - 4) + 1 : gprOffset(number));
  }

  #pair(at: number, hi: number, lo: number): void {
    this.#int32[at >>> 2] = lo;
    this.#int32[(at >>> 2) + 1] = hi;
  }
}

function addSmall(hi: number, lo: number, add: number): { hi: number; lo: number } {
  const sum = (lo >>> 0) + add;
  return { hi: (hi + (sum > 0xffff_ffff ? 1 : 0)) | 0, lo: sum | 0 };
}
