/** Random cases: an encoding, registers that make it do something, memory, flags. */
import { NO_REGISTER } from "../../src/cpu/decode/decoded.ts";
import type { InstructionRow } from "../../src/cpu/decode/row.ts";
import { CASE, CODE_MAX_BYTES, FX_BYTES, PLACE, type Records, WINDOW_BYTES } from "./cases.ts";
import { type Draft, getGpr, setGpr } from "./draft.ts";
import { type Encoding, encode } from "./encoder.ts";
import { type Random, writeValue } from "./random.ts";
import { aimBranch, prepare } from "./scenes.ts";
import { endsSequence } from "./undefined-results.ts";
import { writeVectors } from "./vector-values.ts";

/** Where the window lies: amid a page, at its two ends, before the read-only page. */
const WINDOWS = [
  PLACE.data + 0x400,
  PLACE.data + 0x400,
  PLACE.data + 0x400,
  PLACE.data,
  PLACE.data + 4096 - WINDOW_BYTES / 2,
  PLACE.readOnly - WINDOW_BYTES / 2,
  PLACE.readOnly - WINDOW_BYTES,
] as const;

const STATUS = 0x8d5;
const DF = 0x400;
const NT = 0x4000;
const ID = 0x20_0000;
const RSP = 4;

/**
 * Writes a case of one instruction.
 * @returns false if no encoding of the row was found
 */
export function writeSingle(
  cases: Records,
  index: number,
  row: InstructionRow,
  random: Random,
  vectors: boolean,
): boolean {
  const draft = begin(cases, index, random, vectors);
  for (let attempt = 0; attempt < 64; attempt++) {
    const encoding = encode(row, random, { mode: cases.mode, sequence: false });
    if (!encoding) continue;
    aimMemoryOperand(draft, encoding);
    prepare(draft, row, encoding.decoded);
    aimBranch(draft, row, encoding.bytes, 0);
    writeCode(draft, [encoding]);
    return true;
  }
  return false;
}

/** Writes a case of up to `length` instructions; addresses are in R8..R15 and RSP. */
export function writeSequence(
  cases: Records,
  index: number,
  rows: readonly InstructionRow[],
  random: Random,
  length: number,
): InstructionRow[] {
  const draft = begin(cases, index, random, false);
  const encodings: Encoding[] = [];
  const chosen: InstructionRow[] = [];
  let bytes = 0;
  for (let attempt = 0; attempt < length * 4 && chosen.length < length; attempt++) {
    const row = random.pick(rows);
    const encoding = encode(row, random, { mode: cases.mode, sequence: true });
    if (!encoding) continue;
    const { memory, base, index: scaled } = encoding.decoded;
    if (memory !== 0 && base === NO_REGISTER && scaled === NO_REGISTER) continue;
    if (bytes + encoding.bytes.length > CODE_MAX_BYTES) break;
    aimBranch(draft, row, encoding.bytes, bytes);
    encodings.push(encoding);
    chosen.push(row);
    bytes += encoding.bytes.length;
    if (endsSequence(row)) break;
  }
  const middle = BigInt(draft.windowAt + WINDOW_BYTES / 2);
  for (let register = 8; register < 12; register++) {
    setGpr(draft, register, BigInt(random.below(5) - 2));
  }
  for (let register = 12; register < 16; register++) {
    setGpr(draft, register, middle + BigInt(random.below(16) - 8));
  }
  setGpr(draft, RSP, middle & ~7n);
  writeCode(draft, encodings);
  return chosen;
}

function begin(cases: Records, index: number, random: Random, vectors: boolean): Draft {
  const { view, mode } = cases;
  const at = cases.at(index);
  const windowAt = random.pick(WINDOWS);
  for (let i = 0; i < 16; i++) writeValue(random, view, at + CASE.gpr + i * 8);
  for (let i = 0; i < WINDOW_BYTES; i += 8) writeValue(random, view, at + CASE.window + i);
  if (vectors) writeVectors(random, new DataView(view.buffer, at + CASE.fx, FX_BYTES));
  const flags =
    (random.u32() & STATUS) |
    (random.once(4) ? DF : 0) |
    (random.once(16) ? NT : 0) |
    (random.once(16) ? ID : 0);
  view.setBigUint64(at + CASE.flags, BigInt(flags | 0x202), true);
  view.setBigUint64(at + CASE.windowAt, BigInt(windowAt), true);
  return { random, view, mode, vectors, at, windowAt, target: chooseTarget(random, windowAt) };
}

/** The middle of the window, where a page may end; half of the time aligned to 16. */
function chooseTarget(random: Random, windowAt: number): number {
  const target = windowAt + WINDOW_BYTES / 2 + random.below(48) - 24;
  return random.once(2) ? target & ~15 : target;
}

/** Makes the memory operand lie at the target, for all but a few cases. */
function aimMemoryOperand(draft: Draft, encoding: Encoding): void {
  const { decoded } = encoding;
  if (decoded.memory === 0) return;
  const segmentBase = decoded.segment === 5 ? PLACE.gsBase : 0;
  const wanted = BigInt(draft.target - segmentBase);
  const displacement = (BigInt(decoded.dispHi) << 32n) | BigInt(decoded.dispLo >>> 0);
  const { base, index, scale } = decoded;
  if (base === NO_REGISTER && index === NO_REGISTER) {
    patchDisplacement(encoding, wanted);
    return;
  }
  // With a base added, AMD processors want the offset to be canonical too, Intel's the sum. At the
  // end of a 32-bit segment, alignment and limit are checked in the vendor's order.
  const mayMiss = segmentBase === 0 && !(draft.vectors && draft.mode === 32);
  if (mayMiss && draft.random.once(32)) return;
  if (base === NO_REGISTER) setGpr(draft, index, (wanted - displacement) >> BigInt(scale));
  else if (base === index)
    setGpr(draft, base, (wanted - displacement) / (1n + (1n << BigInt(scale))));
  else {
    if (index !== NO_REGISTER && draft.random.once(2)) {
      setGpr(draft, index, BigInt(draft.random.below(9) - 4));
    }
    const step = index === NO_REGISTER ? 0n : getGpr(draft, index) << BigInt(scale);
    setGpr(draft, base, wanted - displacement - step);
  }
}

/** A displacement of 4 bytes that stands alone, or the address of MOV AL, [moffs] at the end. */
function patchDisplacement(encoding: Encoding, wanted: bigint): void {
  const { bytes, decoded, loneDisplacement } = encoding;
  // 16 bits do not reach the window.
  if (decoded.addressBytes === 2) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (loneDisplacement >= 0) {
    const origin = decoded.ripRelative !== 0 ? BigInt(PLACE.code + bytes.length) : 0n;
    view.setInt32(loneDisplacement, Number(wanted - origin), true);
  } else if (decoded.addressBytes === 8) view.setBigUint64(bytes.length - 8, wanted, true);
  else view.setUint32(bytes.length - 4, Number(wanted), true);
}

function writeCode(draft: Draft, encodings: readonly Encoding[]): void {
  const { view, at } = draft;
  if (draft.mode === 32) keepLowHalves(draft);
  let length = 0;
  for (const { bytes } of encodings) {
    for (const byte of bytes) view.setUint8(at + CASE.code + length++, byte);
  }
  view.setUint8(at + CASE.length, length);
}

/** 32-bit code has eight registers of 32 bits. */
function keepLowHalves(draft: Draft): void {
  for (let index = 0; index < 16; index++) {
    setGpr(draft, index, index < 8 ? BigInt.asUintN(32, getGpr(draft, index)) : 0n);
  }
}
