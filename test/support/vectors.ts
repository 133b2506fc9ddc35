/** One vector or x87 instruction, executed alone in 64-bit mode. */
import { ACTIVITY, CELL, CONTROL, X87, xmmOffset } from "../../src/cpu/layout.ts";
import { CR4 } from "../../src/mmu/control-bits.ts";
import { AT, Guest } from "./guest.ts";

export interface VectorState {
  /** XMM0, XMM1, … */
  readonly xmm?: readonly bigint[];
  /** MM0, MM1, …: the low 8 bytes of the x87 registers. */
  readonly mm?: readonly bigint[];
  readonly mxcsr?: number;
  readonly rax?: bigint;
  readonly flags?: number;
  /** Bytes at AT.data. */
  readonly memory?: readonly number[];
  /** Bits of CR0 and CR4 to change. */
  readonly cr0Set?: number;
  readonly cr4Clear?: number;
}

export interface VectorOutcome {
  readonly xmm: readonly bigint[];
  readonly mm: readonly bigint[];
  readonly mxcsr: number;
  readonly rax: bigint;
  readonly flags: number;
  readonly vector: number | undefined;
  readonly memory: Uint8Array;
}

let shared: Guest | undefined;

/** The processor of `executeVector`, for what an outcome does not tell. */
export function vectorGuest(): Guest {
  shared ??= new Guest();
  return shared;
}

/** Executes the instruction of a listing. RAX points to AT.data unless it is given. */
export function executeVector(text: string, before: VectorState = {}): VectorOutcome {
  const guest = vectorGuest();
  const { cpu } = guest;
  cpu.reset();
  guest.longMode();
  const { state, mmu } = cpu;
  mmu.writeCr4(mmu.cr4 | CR4.OSFXSR | CR4.OSXMMEXCPT);
  mmu.writeCr4(mmu.cr4 & ~(before.cr4Clear ?? 0));
  mmu.writeCr0(mmu.cr0 | (before.cr0Set ?? 0));
  cpu.modeChanged();
  guest.memory.fill(AT.data, 1024);
  guest.memory.writeBytes(AT.data, Uint8Array.from(before.memory ?? []));
  guest.code(text);
  before.xmm?.forEach((word, index) => {
    state.set64(xmmOffset(index), BigInt.asIntN(64, word));
    state.set64(xmmOffset(index) + 8, BigInt.asIntN(64, word >> 64n));
  });
  before.mm?.forEach((word, index) => {
    state.set64(X87 + index * 16, word);
  });
  state.setGpr(0, before.rax ?? BigInt(AT.data));
  state.set32(CELL.mxcsr, before.mxcsr ?? 0x1f80);
  cpu.setFlags(before.flags ?? 2);
  state.set32(CONTROL.activity, ACTIVITY.running);
  cpu.engine.step();
  const fault = state.get32(CELL.fault);
  const memory = new Uint8Array(1024);
  guest.memory.readBytes(AT.data, memory);
  const numbers = Array.from({ length: 16 }, (_, index) => index);
  return {
    xmm: numbers.map(
      (index) => state.get64(xmmOffset(index)) | (state.get64(xmmOffset(index) + 8) << 64n),
    ),
    mm: numbers.slice(0, 8).map((index) => state.get64(X87 + index * 16)),
    mxcsr: state.get32(CELL.mxcsr),
    rax: state.gpr(0),
    flags: state.flags,
    vector: fault === 0 ? undefined : (fault >>> 16) & 0xff,
    memory,
  };
}
