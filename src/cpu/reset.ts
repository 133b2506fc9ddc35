/** Registers after power-up and after INIT (SDM 3A, "Processor State After Reset"). */
import { CELL, CONTROL, CS, LDTR, RDX, TR, X87, XMM } from "./layout.ts";
import type { CpuState } from "./state.ts";

/** Family 6, model 158, stepping 9: CPUID.1:EAX, and EDX after reset. */
export const CPU_SIGNATURE = 0x000906e9;

/** Bits of IA32_MISC_ENABLE that are not 0 for ever. */
export const MISC_ENABLE = { fastStrings: 1n, monitor: 1n << 18n } as const;

const RESET_PAT = 0x0007_0406_0007_0406n;

export function resetState(state: CpuState): void {
  state.clear();
  state.rip = 0xfff0n;
  state.setGpr(RDX, BigInt(CPU_SIGNATURE));
  for (let index = 0; index < 6; index++) {
    state.setSegment(index, { selector: 0, base: 0n, limit: 0xffff, rights: 0x93 });
  }
  state.setSegment(CS, { selector: 0xf000, base: 0xffff_0000n, limit: 0xffff, rights: 0x9b });
  state.setSegment(LDTR, { selector: 0, base: 0n, limit: 0xffff, rights: 0x82 });
  state.setSegment(TR, { selector: 0, base: 0n, limit: 0xffff, rights: 0x8b });
  state.set32(CONTROL.idtLimit, 0xffff);
  state.set32(CONTROL.gdtLimit, 0xffff);
  state.set64(CONTROL.dr6, 0xffff_0ff0n);
  state.set64(CONTROL.dr7, 0x400n);
  state.set64(CONTROL.pat, RESET_PAT);
  state.set64(CONTROL.miscEnable, MISC_ENABLE.fastStrings | MISC_ENABLE.monitor);
  state.set64(CONTROL.xcr0, 1n);
  state.set32(CELL.mxcsr, 0x1f80);
  state.set32(CELL.fpuControl, 0x37f);
  state.set32(CELL.fpuTag, 0xffff);
}

const KEPT_BYTES = [
  [XMM, X87 + 8 * 16],
  [CELL.mxcsr, CELL.fpuData + 8],
  [CONTROL.mtrrVariable, CONTROL.mtrrDefault + 8],
] as const;
const KEPT_WORDS = [
  ...[CELL.instructions, CONTROL.xcr0, CONTROL.star, CONTROL.lstar, CONTROL.cstar],
  ...[CONTROL.sfmask, CONTROL.kernelGsBase, CONTROL.sysenterCs, CONTROL.sysenterEsp],
  ...[CONTROL.sysenterEip, CONTROL.tscAux, CONTROL.tscOffset, CONTROL.pat],
  ...[CONTROL.miscEnable, CONTROL.xss, CONTROL.biosSign, CONTROL.tscAdjust, CONTROL.mcgStatus],
] as const;

/** INIT keeps the FPU, the time-stamp counter and the registers that RDMSR reads. */
export function initialiseState(state: CpuState): void {
  const bytes = state.bytes();
  const vectors = KEPT_BYTES.map(([from, to]) => [from, bytes.slice(from, to)] as const);
  const words = KEPT_WORDS.map((at) => [at, state.get64(at)] as const);
  resetState(state);
  for (const [from, kept] of vectors) bytes.set(kept, from);
  for (const [at, value] of words) state.set64(at, value);
}
