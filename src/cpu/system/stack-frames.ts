/** ENTER, PUSHA, POPA (SDM 2A, 2B, the instructions' pages) and BOUND. */
import { STACK, WRITE } from "../../mmu/access.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import { fault, VECTOR } from "../faults.ts";
import { accessFlags } from "../frame-writer.ts";
import { CELL, RBP, RSP, SS } from "../layout.ts";
import { linearAt, operand, readMemory } from "../operands.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

type WordBytes = 2 | 4 | 8;

const MASK_64 = 0xffff_ffff_ffff_ffffn;
const GENERAL_REGISTERS = 8;
/** Nesting levels of ENTER are taken modulo 32. */
const LEVELS = 32;

function stackMask(cpu: Cpu): bigint {
  return cpu.state.get64(CELL.stackMask);
}

/** A stack pointer register with its low part replaced. */
function joined(cpu: Cpu, old: bigint, pointer: bigint): bigint {
  const mask = stackMask(cpu);
  return (pointer & mask) | (old & ~mask & MASK_64);
}

/** Checks that a word can be written at a stack pointer. @returns 0 or a fault */
function checkPush(cpu: Cpu, pointer: bigint, bytes: WordBytes): number {
  const raised = linearAt(cpu, SS, pointer & stackMask(cpu), bytes, true);
  if (raised !== 0) return raised;
  return cpu.mmu.translateWhole(operand.linear, bytes, WRITE | STACK | accessFlags(cpu.cpl));
}

/**
 * Pushes words below `top`, the first at the highest address, each checked before any is written;
 * changes no register.
 * @returns 0 or a fault
 */
function pushBlock(cpu: Cpu, top: bigint, words: readonly bigint[], bytes: WordBytes): number {
  for (let n = 1; n <= words.length; n++) {
    const raised = checkPush(cpu, top - BigInt(n * bytes), bytes);
    if (raised !== 0) return raised;
  }
  words.forEach((word, n) => {
    const offset = (top - BigInt((n + 1) * bytes)) & stackMask(cpu);
    linearAt(cpu, SS, offset, bytes, true);
    cpu.mmu.store(operand.linear, bytes, word, STACK | accessFlags(cpu.cpl));
  });
  return 0;
}

/** Reads the word at a stack pointer into `mmu.value`. @returns 0 or a fault */
function readStack(cpu: Cpu, pointer: bigint, bytes: WordBytes): number {
  return (
    linearAt(cpu, SS, pointer & stackMask(cpu), bytes, false) ||
    cpu.mmu.load(operand.linear, bytes, STACK | accessFlags(cpu.cpl))
  );
}

const pusha: SystemFunction = (cpu, i) => {
  const { state } = cpu;
  const bytes = i.operandBytes as WordBytes;
  const words = Array.from({ length: GENERAL_REGISTERS }, (_, index) => state.gpr(index));
  const top = state.gpr(RSP);
  const raised = pushBlock(cpu, top, words, bytes);
  if (raised !== 0) return raised;
  state.setGpr(RSP, joined(cpu, top, top - BigInt(GENERAL_REGISTERS * bytes)));
  return 0;
};

/** The stack pointer's own word is skipped. */
const popa: SystemFunction = (cpu, i) => {
  const { state } = cpu;
  const bytes = i.operandBytes as WordBytes;
  const old = state.gpr(RSP);
  const words: bigint[] = [];
  for (let n = 0; n < GENERAL_REGISTERS; n++) {
    const raised = readStack(cpu, old + BigInt(n * bytes), bytes);
    if (raised !== 0) return raised;
    words.unshift(cpu.mmu.value);
  }
  words.forEach((word, index) => {
    if (index !== RSP) state.setGprSized(index, word, bytes);
  });
  state.setGpr(RSP, joined(cpu, old, old + BigInt(GENERAL_REGISTERS * bytes)));
  return 0;
};

/** The word at `offset` as it would be after `words` were pushed below `top`. */
function afterPushes(
  word: bigint,
  offset: bigint,
  top: bigint,
  words: readonly bigint[],
  bytes: number,
): bigint {
  let result = word;
  for (let n = 0; n < bytes; n++) {
    const below = top - 1n - (offset + BigInt(n));
    const pushed = below < 0n ? undefined : words[Math.floor(Number(below) / bytes)];
    if (pushed === undefined || below >= BigInt(words.length * bytes)) continue;
    const byte = (pushed >> BigInt((bytes - 1 - (Number(below) % bytes)) * 8)) & 0xffn;
    const shift = BigInt(n * 8);
    result = (result & ~(0xffn << shift)) | (byte << shift);
  }
  return result;
}

/**
 * Collects the frame pointers of the enclosing procedures, which rBP points behind, checking each
 * push that follows a read; reads see what was pushed before.
 * @returns 0 or a fault
 */
function copyDisplay(cpu: Cpu, count: number, bytes: WordBytes, words: bigint[]): number {
  const frame = cpu.state.gpr(RBP);
  const mask = stackMask(cpu);
  const top = cpu.state.gpr(RSP) & mask;
  for (let level = 1; level <= count; level++) {
    const offset = (frame - BigInt(level * bytes)) & mask;
    let raised = readStack(cpu, offset, bytes);
    if (raised !== 0) return raised;
    words.push(afterPushes(cpu.mmu.value, offset, top, words, bytes));
    raised = checkPush(cpu, top - BigInt(words.length * bytes), bytes);
    if (raised !== 0) return raised;
  }
  return 0;
}

/** All accesses are checked in the order of the manual; then everything is written. */
const enter: SystemFunction = (cpu, i) => {
  const { state } = cpu;
  const bytes = i.operandBytes as WordBytes;
  const level = i.imm2 % LEVELS;
  const top = state.gpr(RSP);
  const frame = joined(cpu, top, top - BigInt(bytes));
  const words = [state.gpr(RBP)];
  let raised = checkPush(cpu, frame, bytes) || copyDisplay(cpu, level - 1, bytes, words);
  if (raised !== 0) return raised;
  if (level > 0) {
    words.push(frame);
    raised = checkPush(cpu, top - BigInt(words.length * bytes), bytes);
  }
  // ENTER ends as if it wrote at the final stack pointer.
  const bottom = top - BigInt(words.length * bytes) - BigInt(i.immLo & 0xffff);
  raised ||= checkPush(cpu, bottom, bytes) || pushBlock(cpu, top, words, bytes);
  if (raised !== 0) return raised;
  state.setGprSized(RBP, frame, bytes);
  state.setGpr(RSP, joined(cpu, top, bottom));
  return 0;
};

function signedWord(value: bigint, bytes: number): bigint {
  return BigInt.asIntN(bytes * 8, value);
}

/** #BR unless lower bound <= index <= upper bound, all signed. */
const bound: SystemFunction = (cpu: Cpu, i: DecodedInstruction) => {
  const bytes = i.operandBytes as WordBytes;
  let raised = readMemory(cpu, i, bytes);
  if (raised !== 0) return raised;
  const lower = signedWord(operand.value, bytes);
  raised = readMemory(cpu, i, bytes, BigInt(bytes));
  if (raised !== 0) return raised;
  const index = signedWord(cpu.state.gpr(i.reg), bytes);
  return index < lower || index > signedWord(operand.value, bytes) ? fault(VECTOR.BR) : 0;
};

export const STACK_FRAMES: SystemGroup = {
  pusha: { run: pusha, continues: true },
  popa: { run: popa, continues: true },
  enter: { run: enter, continues: true },
  bound: { run: bound, continues: true },
};
