/** Operands of instructions that TypeScript executes. */
import { STACK } from "../mmu/access.ts";
import type { AccessBytes } from "../mmu/mmu.ts";
import type { Cpu } from "./cpu.ts";
import { type DecodedInstruction, NO_REGISTER, SEGMENT_FS } from "./decode/decoded.ts";
import { fault, VECTOR } from "./faults.ts";
import { accessFlags } from "./frame-writer.ts";
import { SEGMENT, SS, segmentOffset } from "./layout.ts";

/** Result of the functions below that return a fault. */
export interface OperandResult {
  linear: bigint;
  value: bigint;
}

/** Shared: valid until the next call. */
export const operand: OperandResult = { linear: 0n, value: 0n };

/** Offset of the memory operand in its segment, cut to the address size. */
export function offsetOf(cpu: Cpu, i: DecodedInstruction): bigint {
  const { state } = cpu;
  let sum = (BigInt(i.dispHi) << 32n) | BigInt(i.dispLo >>> 0);
  if (i.ripRelative !== 0) sum += state.rip;
  if (i.base !== NO_REGISTER) sum += state.gpr(i.base);
  if (i.index !== NO_REGISTER) sum += state.gpr(i.index) << BigInt(i.scale);
  return BigInt.asUintN(i.addressBytes * 8, sum);
}

/**
 * Puts the linear address of `bytes` at an offset of a segment into `operand.linear`.
 * @returns 0, or #GP(0) or #SS(0)
 */
export function linearAt(
  cpu: Cpu,
  index: number,
  offset: bigint,
  bytes: number,
  write: boolean,
): number {
  const { state } = cpu;
  const at = segmentOffset(index);
  const base = state.get64(at + SEGMENT.base);
  if (cpu.codeWidth === 64) {
    operand.linear = BigInt.asUintN(64, index >= SEGMENT_FS ? base + offset : offset);
    return 0;
  }
  const low = state.get64(at + (write ? SEGMENT.writeLow : SEGMENT.readLow));
  const high = state.get64(at + (write ? SEGMENT.writeHigh : SEGMENT.readHigh));
  if (offset < low || offset + BigInt(bytes) - 1n > high) {
    return fault(index === SS ? VECTOR.SS : VECTOR.GP);
  }
  operand.linear = BigInt.asUintN(32, base + offset);
  return 0;
}

/** Reads the memory operand into `operand.value`; `operand.linear` is its address. */
export function readMemory(
  cpu: Cpu,
  i: DecodedInstruction,
  bytes: AccessBytes,
  displacement = 0n,
): number {
  const offset = BigInt.asUintN(i.addressBytes * 8, offsetOf(cpu, i) + displacement);
  const raised = linearAt(cpu, i.segment, offset, bytes, false);
  if (raised !== 0) return raised;
  const loaded = cpu.mmu.load(operand.linear, bytes, memoryFlags(cpu, i));
  operand.value = cpu.mmu.value;
  return loaded;
}

export function writeMemory(
  cpu: Cpu,
  i: DecodedInstruction,
  bytes: AccessBytes,
  value: bigint,
  displacement = 0n,
): number {
  const offset = BigInt.asUintN(i.addressBytes * 8, offsetOf(cpu, i) + displacement);
  const raised = linearAt(cpu, i.segment, offset, bytes, true);
  if (raised !== 0) return raised;
  return cpu.mmu.store(operand.linear, bytes, value, memoryFlags(cpu, i));
}

/** Reads a general register or memory operand (E) into `operand.value`. */
export function readE(cpu: Cpu, i: DecodedInstruction, bytes: AccessBytes): number {
  if (i.memory !== 0) return readMemory(cpu, i, bytes);
  operand.value = BigInt.asUintN(bytes * 8, cpu.state.gpr(i.rm));
  return 0;
}

/** Writes a general register of the operand size, or `bytes` bytes of memory (Rv/Mw). */
export function writeE(cpu: Cpu, i: DecodedInstruction, bytes: AccessBytes, value: bigint): number {
  if (i.memory !== 0) return writeMemory(cpu, i, bytes, value);
  cpu.state.setGprSized(i.rm, value, i.operandBytes);
  return 0;
}

function memoryFlags(cpu: Cpu, i: DecodedInstruction): number {
  return accessFlags(cpu.cpl) | (i.segment === SS ? STACK : 0);
}
