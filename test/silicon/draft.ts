/** A case under construction, and how its registers, flags and memory are set. */
import { CASE, type CaseMode, WINDOW_BYTES } from "./cases.ts";
import type { Random } from "./random.ts";

/** One case while it is being made. */
export interface Draft {
  readonly random: Random;
  readonly view: DataView;
  readonly mode: CaseMode;
  readonly vectors: boolean;
  /** Offset of the case in `view`. */
  readonly at: number;
  readonly windowAt: number;
  /** Address that the memory operand shall have. */
  readonly target: number;
}

export function getGpr({ view, at }: Draft, index: number): bigint {
  return view.getBigUint64(at + CASE.gpr + index * 8, true);
}

export function setGpr({ view, at }: Draft, index: number, value: bigint): void {
  view.setBigUint64(at + CASE.gpr + index * 8, BigInt.asUintN(64, value), true);
}

export function setFlags({ view, at }: Draft, set: number, clear: number): void {
  const flags = view.getUint32(at + CASE.flags, true);
  view.setUint32(at + CASE.flags, (flags & ~clear) | set, true);
}

/** Writes 8 bytes of memory as far as they lie in the window. */
export function setMemory({ view, at, windowAt }: Draft, address: number, value: bigint): void {
  for (let i = 0; i < 8; i++) {
    const offset = address + i - windowAt;
    if (offset < 0 || offset >= WINDOW_BYTES) continue;
    view.setUint8(at + CASE.window + offset, Number((value >> BigInt(i * 8)) & 0xffn));
  }
}
