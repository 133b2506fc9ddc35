/** A random encoding of a row. */
import { DECODE_OK, DecodedInstruction } from "../../src/cpu/decode/decoded.ts";
import { Decoder } from "../../src/cpu/decode/decoder.ts";
import type { InstructionRow } from "../../src/cpu/decode/row.ts";
import type { CaseMode } from "./cases.ts";
import { type Random, writeValue } from "./random.ts";

const MAP_BYTES = { "1": [], "0f": [0x0f], "0f38": [0x0f, 0x38], "0f3a": [0x0f, 0x3a] } as const;
const MAP_NUMBERS = { "1": 0, "0f": 1, "0f38": 2, "0f3a": 3 } as const;
const MANDATORY: Readonly<Record<string, number>> = { "66": 0x66, f2: 0xf2, f3: 0xf3 };
const VEX_PP: Readonly<Record<string, number>> = { none: 0, "66": 1, f3: 2, f2: 3 };
const GS = 0x65;
const MEANINGLESS_SEGMENTS = [0x26, 0x2e, 0x36, 0x3e];
const TAIL_BYTES = 16;
/**
 * F2 and F3 are reserved for instructions that do not know them; on AMD processors they turn LOOPE
 * into LOOPNE and back.
 */
function takesVainRep(row: InstructionRow): boolean {
  return row.prefix === "any" && row.rep === "none" && !row.semantic.startsWith("loop");
}

export interface Encoding {
  readonly bytes: Uint8Array;
  readonly decoded: DecodedInstruction;
  /** Index of a 4-byte displacement that stands alone (no base, no index), or -1. */
  readonly loneDisplacement: number;
}

/** What the encoder may choose. */
export interface Freedom {
  readonly mode: CaseMode;
  /** Registers 0..7 for operands and 8..15 for addresses only, no REP: for code in sequence. */
  readonly sequence: boolean;
}

const decoder = new Decoder("all");
const buffer = new Uint8Array(64);
const tail = new DataView(new ArrayBuffer(TAIL_BYTES));

/** @returns undefined if the random choice turned out to be another row's encoding */
export function encode(
  row: InstructionRow,
  random: Random,
  freedom: Freedom,
): Encoding | undefined {
  const bytes: number[] = [];
  if (!row.vex) writePrefixes(row, random, freedom, bytes);
  const memory = row.form === "memory" || (row.form === "any" && random.once(2));
  const rex = freedom.sequence ? sequenceRex(random, memory) : 0x40 | random.below(16);
  if (row.vex) writeVex(row, random, freedom.mode === 64 ? rex : rex & 8, bytes);
  else {
    const extends64 = freedom.sequence ? rex !== 0x40 : !random.once(4);
    if (freedom.mode === 64 && extends64) bytes.push(rex);
    bytes.push(...MAP_BYTES[row.map]);
  }
  bytes.push(row.opcode + random.below(row.opcodeCount));
  let lone = -1;
  if (row.hasModrm) lone = writeModrm(row, random, memory, freedom, bytes);
  for (let i = 0; i < TAIL_BYTES; i += 8) writeValue(random, tail, i);
  buffer.set(bytes);
  buffer.set(new Uint8Array(tail.buffer), bytes.length);
  const decoded = new DecodedInstruction();
  const status = decoder.decode(buffer, 0, bytes.length + TAIL_BYTES, freedom.mode, decoded);
  if (status !== DECODE_OK || decoded.row !== row.id) return undefined;
  return { bytes: buffer.slice(0, decoded.length), decoded, loneDisplacement: lone };
}

/** W at random; base and index are extended, registers are not. */
function sequenceRex(random: Random, memory: boolean): number {
  return 0x40 | (random.below(2) << 3) | (memory ? 3 : 0);
}

function writePrefixes(
  row: InstructionRow,
  random: Random,
  { mode, sequence }: Freedom,
  bytes: number[],
): void {
  const prefixes: number[] = [];
  const mandatory = MANDATORY[row.prefix];
  if (mandatory !== undefined) prefixes.push(mandatory);
  // With 66, processors disagree about the size of near branches in 64-bit mode.
  const sized = row.size64 !== "forced" && row.prefix !== "none";
  if (sized && random.once(row.byteSized ? 16 : 4)) prefixes.push(0x66);
  if (row.rep !== "none" && !sequence) {
    if (random.once(2)) prefixes.push(random.once(2) ? 0xf2 : 0xf3);
  } else if (takesVainRep(row) && random.once(64)) {
    prefixes.push(random.once(2) ? 0xf2 : 0xf3);
  }
  // 16-bit addresses and GS lead nowhere in 32-bit code: CMPS would fault for two reasons.
  const reaches = mode === 64 || row.semantic !== "cmps";
  if (!sequence && reaches && random.once(12)) prefixes.push(0x67);
  if (row.lockable && random.once(5)) prefixes.push(0xf0);
  // Without a ModRM operand, sequences leave the address to chance: see aimMemoryOperand.
  if ((row.hasModrm || !sequence) && reaches && random.once(16)) prefixes.push(GS);
  else if (random.once(40)) prefixes.push(random.pick(MEANINGLESS_SEGMENTS));
  while (prefixes.length > 0) {
    bytes.push(...prefixes.splice(random.below(prefixes.length), 1));
  }
}

function writeVex(row: InstructionRow, random: Random, rex: number, bytes: number[]): void {
  const pp = VEX_PP[row.prefix] ?? 0;
  const vvvv = row.operands.some((operand) => operand.startsWith("B")) ? random.below(16) : 0;
  bytes.push(0xc4, ((~rex & 7) << 5) | MAP_NUMBERS[row.map]);
  bytes.push(((rex & 8) << 4) | ((~vvvv & 15) << 3) | pp);
}

/** @returns index of a displacement without registers, or -1 */
function writeModrm(
  row: InstructionRow,
  random: Random,
  memory: boolean,
  { sequence }: Freedom,
  bytes: number[],
): number {
  if (row.modrm >= 0) {
    bytes.push(row.modrm);
    return -1;
  }
  const reg = row.digit >= 0 ? row.digit : random.below(8);
  if (!memory) {
    bytes.push(0xc0 | (reg << 3) | random.below(8));
    return -1;
  }
  let mod = random.below(3);
  // In sequences the base is R12..R15: SIB for R12, and R13 needs a displacement.
  const rm = sequence ? 4 + random.below(4) : random.below(8);
  if (sequence && mod === 0) mod = 1;
  bytes.push((mod << 6) | (reg << 3) | rm);
  let base = rm;
  if (rm === 4) {
    base = sequence ? 4 + random.below(4) : random.below(8);
    const index = random.below(sequence ? 4 : 8);
    bytes.push((random.below(4) << 6) | (index << 3) | base);
  }
  const lone = mod === 0 && base === 5;
  const at = bytes.length;
  if (mod === 1) bytes.push(sequence ? (random.below(32) - 16) & 0xff : random.below(256));
  if (mod === 2 || lone) {
    const displacement = sequence || random.once(2) ? random.below(256) - 128 : random.u32();
    for (let i = 0; i < 4; i++) bytes.push((displacement >> (i * 8)) & 0xff);
  }
  return lone ? at : -1;
}
