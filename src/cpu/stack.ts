/** The current stack, as far transfers and IRET use it. */
import type { Cpu } from "./cpu.ts";
import { popWords, pushWords } from "./frame-writer.ts";
import { CELL, RSP, SS } from "./layout.ts";
import { linearAt, operand } from "./operands.ts";

const MASK_64 = 0xffff_ffff_ffff_ffffn;

/**
 * Reads words from `offset` bytes above rSP on, and leaves rSP alone.
 * @returns 0 with `into` filled, or a fault
 */
export function peekStack(
  cpu: Cpu,
  offset: number,
  into: bigint[],
  count: number,
  bytes: 2 | 4 | 8,
): number {
  const { state } = cpu;
  const pointer = (state.gpr(RSP) + BigInt(offset)) & state.get64(CELL.stackMask);
  const raised = linearAt(cpu, SS, pointer, count * bytes, false);
  if (raised !== 0) return raised;
  return popWords(cpu, operand.linear, into, count, bytes, cpu.cpl);
}

/** Pushes words, the first at the highest address. @returns 0, or a fault and nothing has changed */
export function pushStack(cpu: Cpu, words: readonly bigint[], bytes: 2 | 4 | 8): number {
  const { state } = cpu;
  const total = BigInt(words.length * bytes);
  const pointer = (state.gpr(RSP) - total) & state.get64(CELL.stackMask);
  const raised =
    linearAt(cpu, SS, pointer, Number(total), true) ||
    pushWords(cpu, operand.linear + total, words, bytes, cpu.cpl);
  if (raised === 0) dropStack(cpu, -Number(total));
  return raised;
}

/** Moves rSP up by `bytes` in the width of the stack. */
export function dropStack(cpu: Cpu, bytes: number): void {
  const { state } = cpu;
  const mask = state.get64(CELL.stackMask);
  const old = state.gpr(RSP);
  state.setGpr(RSP, ((old + BigInt(bytes)) & mask) | (old & ~mask & MASK_64));
}
