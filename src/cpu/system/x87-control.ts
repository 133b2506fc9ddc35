/** FNINIT, FLDCW, FNSTENV, FNSAVE and the like (SDM 1, "x87 FPU Control Instructions"). */
import { READ } from "../../mmu/access.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import { CELL, RAX } from "../layout.ts";
import { blockFlags, blockLinear, probe, readBlock, writeBlock } from "../memory-block.ts";
import { operand, readMemory, writeMemory } from "../operands.ts";
import { unavailable, waitFault } from "../x87/availability.ts";
import {
  initialize,
  loadRegisters,
  PACKED_REGISTERS_BYTES,
  PACKED_STRIDE,
  saveRegisters,
  setControl,
  setTagWord,
  tagWord,
} from "../x87/environment.ts";
import { CONTROL_WORD, STATUS } from "../x87/state.ts";
import { summarize, x87 } from "../x87/unit.ts";
import type { SystemGroup } from "./group.ts";
import { continuing } from "./x87-arithmetic.ts";

/** An instruction that does not wait for pending exceptions. */
function notWaiting(run: (cpu: Cpu, i: DecodedInstruction) => number) {
  return continuing((cpu, i) => unavailable(cpu.mmu.cr0) || run(cpu, i));
}

/** One that waits; `run` must end it by itself. */
function waiting(run: (cpu: Cpu, i: DecodedInstruction) => number) {
  return continuing((cpu, i) => x87.begin(cpu) || run(cpu, i));
}

/** One that waits, changes the stack alone, and clears C1. */
function onStack(run: (i: DecodedInstruction) => void) {
  return waiting((_cpu, i) => {
    run(i);
    return x87.finish(i);
  });
}

const fninit = notWaiting((cpu) => {
  initialize(cpu.state);
  summarize(cpu);
  cpu.vectorsChanged();
  return 0;
});

const CLEARED_BY_FNCLEX = CONTROL_WORD.masks | STATUS.SF | STATUS.ES | STATUS.B;

const fnclex = notWaiting((cpu) => {
  cpu.state.set32(CELL.fpuStatus, cpu.state.get32(CELL.fpuStatus) & ~CLEARED_BY_FNCLEX);
  cpu.vectorsChanged();
  return 0;
});

const fldcw = waiting((cpu, i) => {
  const raised = readMemory(cpu, i, 2);
  if (raised !== 0) return raised;
  setControl(cpu.state, Number(operand.value));
  summarize(cpu);
  return 0;
});

const fnstcw = notWaiting((cpu, i) =>
  writeMemory(cpu, i, 2, BigInt(cpu.state.get32(CELL.fpuControl))),
);

const fnstsw = notWaiting((cpu, i) => {
  const status = BigInt(cpu.state.get32(CELL.fpuStatus));
  if (i.memory !== 0) return writeMemory(cpu, i, 2, status);
  cpu.state.setGprSized(RAX, status, 2);
  return 0;
});

const wait = continuing((cpu) => waitFault(cpu.mmu.cr0, cpu.state.get32(CELL.fpuStatus)));

// --- Environment ----------------------------------------------------------------------------------

const buffer = new Uint8Array(128);
const view = new DataView(buffer.buffer);

const POINTER_MASK_REAL = 0xf_ffff;

/** Seven fields of 2 or 4 bytes, the upper half of the wider ones reserved. */
function environmentBytes(i: DecodedInstruction): number {
  return i.operandBytes === 2 ? 14 : 28;
}

/**
 * Fields 3 to 6: instruction pointer, its selector, data pointer, its selector. Selectors read as 0,
 * as where CPUID deprecates them; real-address mode stores linear addresses in two pieces.
 */
function pointerFields(cpu: Cpu, fieldBytes: number): number[] {
  const { state } = cpu;
  const instruction = Number(state.get64(CELL.fpuInstruction) & 0xffff_ffffn);
  const data = Number(state.get64(CELL.fpuData) & 0xffff_ffffn);
  const opcode = state.get32(CELL.fpuOpcode) & 0x7ff;
  if (cpu.realSegments) {
    const upper = (pointer: number) => ((pointer & POINTER_MASK_REAL) >>> 16) << 12;
    return [instruction & 0xffff, upper(instruction) | opcode, data & 0xffff, upper(data)];
  }
  return [instruction, fieldBytes === 4 ? opcode << 16 : 0, data, 0];
}

function writeEnvironment(cpu: Cpu, i: DecodedInstruction): void {
  const { state } = cpu;
  const fieldBytes = environmentBytes(i) / 7;
  const fields = [
    state.get32(CELL.fpuControl),
    state.get32(CELL.fpuStatus),
    tagWord(state),
    ...pointerFields(cpu, fieldBytes),
  ];
  fields.forEach((field, n) => {
    if (fieldBytes === 2) view.setUint16(n * 2, field, true);
    else view.setUint32(n * 4, n < 3 ? field | 0xffff_0000 : field, true);
  });
  if (fieldBytes === 4) view.setUint32(24, 0xffff_0000, true);
}

function readEnvironment(cpu: Cpu, i: DecodedInstruction): void {
  const { state } = cpu;
  const fieldBytes = environmentBytes(i) / 7;
  const field = (n: number) =>
    fieldBytes === 2 ? view.getUint16(n * 2, true) : view.getUint32(n * 4, true);
  setControl(state, field(0) & 0xffff);
  state.set32(CELL.fpuStatus, field(1) & 0xffff);
  setTagWord(state, field(2));
  state.set64(CELL.fpuInstruction, BigInt(field(3)));
  state.set64(CELL.fpuData, BigInt(field(5)));
  summarize(cpu);
  cpu.vectorsChanged();
}

function storeImage(cpu: Cpu, i: DecodedInstruction, bytes: number): number {
  const raised = blockLinear(cpu, i, bytes, true);
  if (raised !== 0) return raised;
  return writeBlock(cpu, operand.linear, buffer.subarray(0, bytes), blockFlags(cpu, i));
}

function loadImage(cpu: Cpu, i: DecodedInstruction, bytes: number): number {
  const flags = blockFlags(cpu, i);
  return (
    blockLinear(cpu, i, bytes, false) ||
    probe(cpu, operand.linear, bytes, READ | flags) ||
    readBlock(cpu, operand.linear, buffer.subarray(0, bytes), flags)
  );
}

/** Masks all exceptions afterwards. */
const fnstenv = notWaiting((cpu, i) => {
  writeEnvironment(cpu, i);
  const raised = storeImage(cpu, i, environmentBytes(i));
  if (raised !== 0) return raised;
  const { state } = cpu;
  state.set32(CELL.fpuControl, state.get32(CELL.fpuControl) | CONTROL_WORD.masks);
  summarize(cpu);
  return 0;
});

const fldenv = waiting((cpu, i) => {
  const raised = loadImage(cpu, i, environmentBytes(i));
  if (raised === 0) readEnvironment(cpu, i);
  return raised;
});

const fnsave = notWaiting((cpu, i) => {
  const bytes = environmentBytes(i);
  writeEnvironment(cpu, i);
  saveRegisters(cpu.state, view, bytes, PACKED_STRIDE);
  const raised = storeImage(cpu, i, bytes + PACKED_REGISTERS_BYTES);
  if (raised !== 0) return raised;
  initialize(cpu.state);
  cpu.vectorsChanged();
  return 0;
});

const frstor = waiting((cpu, i) => {
  const bytes = environmentBytes(i);
  const raised = loadImage(cpu, i, bytes + PACKED_REGISTERS_BYTES);
  if (raised !== 0) return raised;
  readEnvironment(cpu, i);
  loadRegisters(cpu.state, view, bytes, PACKED_STRIDE);
  return 0;
});

export const X87_CONTROL: SystemGroup = {
  fninit,
  fnclex,
  fldcw,
  fnstcw,
  fnstsw,
  wait,
  fnstenv,
  fldenv,
  fnsave,
  frstor,
  fnop: waiting(() => 0),
  ffree: onStack((i) => x87.setEmpty(i.rm, true)),
  ffreep: onStack((i) => {
    x87.setEmpty(i.rm, true);
    x87.pop();
  }),
  fincstp: onStack(() => {
    x87.top = x87.top + 1;
  }),
  fdecstp: onStack(() => {
    x87.top = x87.top - 1;
  }),
};
