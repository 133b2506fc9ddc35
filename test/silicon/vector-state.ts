/** The state of x87, MMX and SSE as an FXSAVE image (SDM 1, "FXSAVE Area"). */
import type { Cpu } from "../../src/cpu/cpu.ts";
import { CELL, X87, XMM } from "../../src/cpu/layout.ts";

/** Offsets in the image. */
export const FX = {
  control: 0,
  status: 2,
  /** One bit a register: 1 in use. */
  tag: 4,
  mxcsr: 24,
  /** ST0..ST7, or MM0..MM7: 16 bytes each, of which 10 count. */
  registers: 32,
  xmm: 160,
} as const;

const XMM_BYTES = 256;
const X87_REGISTER_BYTES = 10;

/** Number of the physical register that is ST(`index`) under a status word. */
function physical(status: number, index: number): number {
  return ((status >> 11) + index) & 7;
}

export function loadVectors(cpu: Cpu, image: Uint8Array): void {
  const { state, memory } = cpu;
  const { bytes } = memory.linear;
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const status = view.getUint16(FX.status, true);
  state.set32(CELL.fpuControl, view.getUint16(FX.control, true));
  state.set32(CELL.fpuStatus, status);
  state.set32(CELL.fpuTag, fullTag(view, status));
  state.set32(CELL.fpuOpcode, 0);
  state.set64(CELL.fpuInstruction, 0n);
  state.set64(CELL.fpuData, 0n);
  state.set32(CELL.mxcsr, view.getUint32(FX.mxcsr, true));
  for (let index = 0; index < 8; index++) {
    const from = FX.registers + index * 16;
    bytes.set(
      image.subarray(from, from + X87_REGISTER_BYTES),
      state.base + X87 + physical(status, index) * 16,
    );
  }
  bytes.set(image.subarray(FX.xmm, FX.xmm + XMM_BYTES), state.base + XMM);
  cpu.vectorsChanged();
}

/** Writes what is compared; the rest of the image stays 0. */
export function saveVectors(cpu: Cpu, image: Uint8Array): void {
  const { state, memory } = cpu;
  const { bytes } = memory.linear;
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const status = state.get32(CELL.fpuStatus);
  view.setUint16(FX.control, state.get32(CELL.fpuControl), true);
  view.setUint16(FX.status, status, true);
  view.setUint8(FX.tag, shortTag(state.get32(CELL.fpuTag)));
  view.setUint32(FX.mxcsr, state.get32(CELL.mxcsr), true);
  for (let index = 0; index < 8; index++) {
    const from = state.base + X87 + physical(status, index) * 16;
    image.set(bytes.subarray(from, from + X87_REGISTER_BYTES), FX.registers + index * 16);
  }
  image.set(bytes.subarray(state.base + XMM, state.base + XMM + XMM_BYTES), FX.xmm);
}

/** Clears of a native image what `saveVectors` does not write. */
export function keepCompared(image: Uint8Array): void {
  image.fill(0, 5, FX.mxcsr);
  image.fill(0, FX.mxcsr + 4, FX.registers);
  for (let index = 0; index < 8; index++) {
    const from = FX.registers + index * 16;
    image.fill(0, from + X87_REGISTER_BYTES, from + 16);
  }
  image.fill(0, FX.xmm + XMM_BYTES, 512);
}

function shortTag(tag: number): number {
  let short = 0;
  for (let index = 0; index < 8; index++) {
    if (((tag >> (index * 2)) & 3) !== 3) short |= 1 << index;
  }
  return short;
}

/** What FXRSTOR makes of the short tag: 3 empty, 1 zero, 2 special, 0 valid. */
function fullTag(view: DataView, status: number): number {
  const short = view.getUint8(FX.tag);
  let tag = 0;
  for (let index = 0; index < 8; index++) {
    const number = physical(status, index);
    const kind = (short >> number) & 1 ? kindOf(view, FX.registers + index * 16) : 3;
    tag |= kind << (number * 2);
  }
  return tag;
}

function kindOf(view: DataView, at: number): number {
  const exponent = view.getUint16(at + 8, true) & 0x7fff;
  const mantissa = view.getBigUint64(at, true);
  if (exponent === 0) return mantissa === 0n ? 1 : 2;
  return exponent === 0x7fff || mantissa >> 63n === 0n ? 2 : 0;
}
