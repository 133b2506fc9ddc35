/** One instruction, executed alone in 64-bit mode: what every test of an instruction group needs. */
import { ACTIVITY, CELL, CONTROL } from "../../src/cpu/layout.ts";
import { AT, Guest } from "./guest.ts";

const NAMES = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const;
export type Registers = Partial<Record<(typeof NAMES)[number] | "flags", bigint>>;

export interface Outcome {
  readonly registers: Required<Registers>;
  /** Vector of the fault, or undefined. */
  readonly vector: number | undefined;
  readonly errorCode: number;
  /** Bytes from AT.data on. */
  readonly memory: Uint8Array;
  readonly rip: bigint;
}

let shared: Guest | undefined;

/**
 * Executes the instruction of a listing. Registers not named are 0 but RSP, which is AT.stack; flags
 * are 2; `memory` lies at AT.data.
 */
export function execute(
  text: string,
  before: Registers = {},
  memory: readonly number[] = [],
): Outcome {
  shared ??= new Guest();
  const guest = shared;
  guest.cpu.reset();
  guest.longMode();
  const { state, engine } = guest.cpu;
  guest.memory.fill(AT.data, 256);
  guest.memory.writeBytes(AT.data, Uint8Array.from(memory));
  guest.code(text);
  NAMES.forEach((name, index) => {
    state.setGpr(index, before[name] ?? (name === "rsp" ? BigInt(AT.stack) : 0n));
  });
  guest.cpu.setFlags(Number(before.flags ?? 2n) | 2);
  state.set32(CONTROL.activity, ACTIVITY.running);
  engine.step();
  const fault = state.get32(CELL.fault);
  const registers = Object.fromEntries(NAMES.map((name, index) => [name, state.gpr(index)]));
  const bytes = new Uint8Array(256);
  guest.memory.readBytes(AT.data, bytes);
  return {
    registers: { ...registers, flags: BigInt(state.flags) } as Required<Registers>,
    vector: fault === 0 ? undefined : (fault >>> 16) & 0xff,
    errorCode: fault & 0xffff,
    memory: bytes,
    rip: state.rip,
  };
}

/** The status flags of an image by name, in the order CF PF AF ZF SF OF. */
export function flagNames(image: bigint): string {
  const names: readonly (readonly [string, bigint])[] = [
    ["CF", 1n],
    ["PF", 4n],
    ["AF", 16n],
    ["ZF", 64n],
    ["SF", 128n],
    ["OF", 2048n],
  ];
  return names.flatMap(([name, bit]) => (image & bit ? [name] : [])).join(" ");
}

/** Address of a listing's first byte. */
export const CODE_BASE = BigInt(AT.code);
