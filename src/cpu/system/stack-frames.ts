/** ENTER, PUSHA, POPA (SDM 2A, 2B, the instructions' pages) and BOUND. */
import { hiOf, loOf } from "../../base/word64.ts";
import { STACK, WRITE } from "../../mmu/access.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import { fault, VECTOR } from "../faults.ts";
import { accessFlags, popWords, pushWords } from "../frame-writer.ts";
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

/**
 * Pushes words below `top`, the first at the highest address; changes no register.
 * @returns 0 or a fault
 */
function pushBlock(cpu: Cpu, top: bigint, words: readonly bigint[], bytes: WordBytes): number {
  const total = words.length * bytes;
  const raised = linearAt(cpu, SS, (top - BigInt(total)) & stackMask(cpu), total, true);
  if (raised !== 0) return raised;
  return pushWords(cpu, operand.linear + BigInt(total), words, bytes, cpu.cpl);
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

const popped: bigint[] = [];

/** The stack pointer's own word is skipped. */
const popa: SystemFunction = (cpu, i) => {
  const { state } = cpu;
  const bytes = i.operandBytes as WordBytes;
  const old = state.gpr(RSP);
  const total = GENERAL_REGISTERS * bytes;
  const raised =
    linearAt(cpu, SS, old & stackMask(cpu), total, false) ||
    popWords(cpu, operand.linear, popped, GENERAL_REGISTERS, bytes, cpu.cpl);
  if (raised !== 0) return raised;
  for (let index = 0; index < GENERAL_REGISTERS; index++) {
    const word = popped[GENERAL_REGISTERS - 1 - index] as bigint;
    if (index !== RSP) state.setGprSized(index, word, bytes);
  }
  state.setGpr(RSP, joined(cpu, old, old + BigInt(total)));
  return 0;
};

/** Checks that a word can be written at a stack pointer. @returns 0 or a fault */
function checkPush(cpu: Cpu, pointer: bigint, bytes: WordBytes): number {
  const raised = linearAt(cpu, SS, pointer & stackMask(cpu), bytes, true);
  if (raised !== 0) return raised;
  const access = WRITE | STACK | accessFlags(cpu.cpl);
  const { linear } = operand;
  const last = cpu.wrapLinear(linear + BigInt(bytes - 1));
  const first = cpu.mmu.translate(hiOf(linear), loOf(linear), access);
  if (first !== 0 || linear >> 12n === last >> 12n) return first;
  const page = last & ~0xfffn;
  return cpu.mmu.translate(hiOf(page), loOf(page), access);
}

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
    let raised =
      linearAt(cpu, SS, offset, bytes, false) ||
      cpu.mmu.load(operand.linear, bytes, accessFlags(cpu.cpl) | STACK);
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
