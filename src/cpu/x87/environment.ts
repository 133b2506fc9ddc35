/** Images of the x87 state: tag words, FNSTENV's environment, and FXSAVE's legacy region. */
import { EXTENDED, unpack } from "../float/number.ts";
import { CELL, xmmOffset } from "../layout.ts";
import type { CpuState } from "../state.ts";
import { ALL_EMPTY, ANY_TOP, CONTROL_WORD, TOP_SHIFT } from "./state.ts";
import { readRegister, writeRegister } from "./unit.ts";

const REGISTERS = 8;
const REGISTER_BYTES = 10;

/** FNINIT's state. */
export function initialize(state: CpuState): void {
  state.set32(CELL.fpuControl, CONTROL_WORD.initial);
  state.set32(CELL.fpuStatus, 0);
  state.set32(CELL.fpuTag, ALL_EMPTY);
  state.set32(CELL.fpuOpcode, 0);
  state.set64(CELL.fpuInstruction, 0n);
  state.set64(CELL.fpuData, 0n);
}

/** FNINIT's state and zeros in all registers: what XRSTOR calls the initial configuration. */
export function initializeAll(state: CpuState): void {
  initialize(state);
  for (let number = 0; number < REGISTERS; number++) writeRegister(state, number, 0n);
}

/** The tag word with its kinds: 0 valid, 1 zero, 2 special, 3 empty. */
export function tagWord(state: CpuState): number {
  const cell = state.get32(CELL.fpuTag);
  let word = 0;
  for (let number = 0; number < REGISTERS; number++) {
    const empty = ((cell >> (number * 2)) & 3) === 3;
    word |= (empty ? 3 : kindOf(readRegister(state, number))) << (number * 2);
  }
  return word;
}

function kindOf(bits: bigint): number {
  const a = unpack(EXTENDED, bits);
  if (a.kind === "zero") return 1;
  return a.kind === "finite" && !a.denormal ? 0 : 2;
}

/** Keeps only which registers are empty. */
export function setTagWord(state: CpuState, word: number): void {
  let cell = 0;
  for (let number = 0; number < REGISTERS; number++) {
    if (((word >> (number * 2)) & 3) === 3) cell |= 3 << (number * 2);
  }
  state.set32(CELL.fpuTag, cell);
}

/** One bit a register: 1 in use. */
function shortTag(state: CpuState): number {
  const cell = state.get32(CELL.fpuTag);
  let short = 0;
  for (let number = 0; number < REGISTERS; number++) {
    if (((cell >> (number * 2)) & 3) !== 3) short |= 1 << number;
  }
  return short;
}

function setShortTag(state: CpuState, short: number): void {
  let cell = 0;
  for (let number = 0; number < REGISTERS; number++) {
    if (((short >> number) & 1) === 0) cell |= 3 << (number * 2);
  }
  state.set32(CELL.fpuTag, cell);
}

export function setControl(state: CpuState, word: number): void {
  state.set32(CELL.fpuControl, (word & CONTROL_WORD.writable) | CONTROL_WORD.fixed);
}

function physical(state: CpuState, index: number): number {
  return (((state.get32(CELL.fpuStatus) & ANY_TOP) >> TOP_SHIFT) + index) & 7;
}

/** Writes ST(0) … ST(7) at a stride. */
export function saveRegisters(state: CpuState, view: DataView, at: number, stride: number): void {
  for (let index = 0; index < REGISTERS; index++) {
    const bits = readRegister(state, physical(state, index));
    view.setBigUint64(at + index * stride, bits & 0xffff_ffff_ffff_ffffn, true);
    view.setUint16(at + index * stride + 8, Number(bits >> 64n), true);
  }
}

export function loadRegisters(state: CpuState, view: DataView, at: number, stride: number): void {
  for (let index = 0; index < REGISTERS; index++) {
    const low = view.getBigUint64(at + index * stride, true);
    const high = BigInt(view.getUint16(at + index * stride + 8, true));
    writeRegister(state, physical(state, index), (high << 64n) | low);
  }
}

/** Bytes of eight registers as FNSAVE packs them. */
export const PACKED_REGISTERS_BYTES = REGISTERS * REGISTER_BYTES;
export const PACKED_STRIDE = REGISTER_BYTES;

// --- FXSAVE's legacy region (SDM 1, "FXSAVE Area") ------------------------------------------------

export const LEGACY = {
  control: 0,
  status: 2,
  tag: 4,
  opcode: 6,
  instruction: 8,
  data: 16,
  mxcsr: 24,
  mxcsrMask: 28,
  registers: 32,
  registerStride: 16,
  xmm: 160,
  bytes: 512,
} as const;

/** @param wide 64-bit pointers (REX.W); otherwise 32 bits and a selector, which is 0 */
export function saveX87(state: CpuState, view: DataView, wide: boolean): void {
  view.setUint16(LEGACY.control, state.get32(CELL.fpuControl), true);
  view.setUint16(LEGACY.status, state.get32(CELL.fpuStatus), true);
  view.setUint16(LEGACY.tag, shortTag(state), true);
  view.setUint16(LEGACY.opcode, state.get32(CELL.fpuOpcode), true);
  const pointer = (cell: number) => BigInt.asUintN(wide ? 64 : 32, state.get64(cell));
  view.setBigUint64(LEGACY.instruction, pointer(CELL.fpuInstruction), true);
  view.setBigUint64(LEGACY.data, pointer(CELL.fpuData), true);
  saveRegisters(state, view, LEGACY.registers, LEGACY.registerStride);
}

export function loadX87(state: CpuState, view: DataView, wide: boolean): void {
  setControl(state, view.getUint16(LEGACY.control, true));
  state.set32(CELL.fpuStatus, view.getUint16(LEGACY.status, true));
  setShortTag(state, view.getUint8(LEGACY.tag));
  state.set32(CELL.fpuOpcode, view.getUint16(LEGACY.opcode, true) & 0x7ff);
  const pointer = (at: number) => BigInt.asUintN(wide ? 64 : 32, view.getBigUint64(at, true));
  state.set64(CELL.fpuInstruction, pointer(LEGACY.instruction));
  state.set64(CELL.fpuData, pointer(LEGACY.data));
  loadRegisters(state, view, LEGACY.registers, LEGACY.registerStride);
}

/** @param count 16 in 64-bit mode, else 8 */
export function saveXmm(state: CpuState, view: DataView, count: number): void {
  for (let n = 0; n < count * 2; n++) {
    view.setBigUint64(LEGACY.xmm + n * 8, state.get64(xmmOffset(0) + n * 8), true);
  }
}

export function loadXmm(state: CpuState, view: DataView, count: number): void {
  for (let n = 0; n < count * 2; n++) {
    state.set64(xmmOffset(0) + n * 8, view.getBigInt64(LEGACY.xmm + n * 8, true));
  }
}
