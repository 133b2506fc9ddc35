/** Descriptor-table registers and segment registers: LGDT … STR, MOV and POP of segments. */
import { isCanonical } from "../../mmu/canonical.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import { GP, UD } from "../faults.ts";
import { accessFlags } from "../frame-writer.ts";
import { CELL, CONTROL, CS, DS, ES, FS, GS, LDTR, RSP, SS, TR } from "../layout.ts";
import { linearAt, operand, readE, readMemory, writeE, writeMemory } from "../operands.ts";
import { loadLdtr, loadSegment, loadTaskRegister } from "../segments.ts";
import { preventedByUmip } from "./control-registers.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

/** LGDT and LIDT. A base of 24 bits goes with a 16-bit operand size. */
function loadTable(baseCell: number, limitCell: number): SystemFunction {
  return (cpu, i) => {
    const wide = cpu.codeWidth === 64;
    let raised = readMemory(cpu, i, 2);
    if (raised !== 0) return raised;
    const limit = Number(operand.value);
    raised = readMemory(cpu, i, wide ? 8 : 4, 2n);
    if (raised !== 0) return raised;
    const base = !wide && i.operandBytes === 2 ? operand.value & 0xff_ffffn : operand.value;
    const bits = cpu.mmu.registers.features.la57 ? 57 : 48;
    if (wide && !isCanonical(base, bits)) return GP;
    cpu.state.set64(baseCell, base);
    cpu.state.set32(limitCell, limit);
    return 0;
  };
}

function storeTable(baseCell: number, limitCell: number): SystemFunction {
  return (cpu, i) => {
    if (preventedByUmip(cpu)) return GP;
    const bytes = cpu.codeWidth === 64 ? 8 : 4;
    // The base first: it reaches further, so that a fault leaves nothing written.
    const base = cpu.state.get64(baseCell);
    const limit = BigInt(cpu.state.get32(limitCell));
    return writeMemory(cpu, i, bytes, base, 2n) || writeMemory(cpu, i, 2, limit);
  };
}

const lldt: SystemFunction = (cpu, i) => readE(cpu, i, 2) || loadLdtr(cpu, Number(operand.value));

const ltr: SystemFunction = (cpu, i) =>
  readE(cpu, i, 2) || loadTaskRegister(cpu, Number(operand.value));

function storeSelector(index: number): SystemFunction {
  return (cpu, i) => {
    if (preventedByUmip(cpu)) return GP;
    return writeE(cpu, i, 2, BigInt(cpu.state.selector(index)));
  };
}

const movSegment: SystemFunction = (cpu, i) => {
  if (i.reg === CS) return UD;
  const raised = readE(cpu, i, 2) || loadSegment(cpu, i.reg, Number(operand.value));
  if (raised === 0 && i.reg === SS) cpu.beginShadow();
  return raised;
};

/** POP of a segment register that the opcode names. */
const POPPED: Readonly<Record<string, number>> = { ES, SS, DS, FS, GS };

function popSegment(cpu: Cpu, i: DecodedInstruction, index: number): number {
  const { state } = cpu;
  const mask = state.get64(CELL.stackMask);
  const pointer = state.gpr(RSP);
  let raised = linearAt(cpu, SS, pointer & mask, i.operandBytes, false);
  if (raised !== 0) return raised;
  raised = cpu.mmu.load(operand.linear, 2, accessFlags(cpu.cpl) | STACK_FLAG);
  if (raised !== 0) return raised;
  raised = loadSegment(cpu, index, Number(cpu.mmu.value));
  if (raised !== 0) return raised;
  const sum = (pointer + BigInt(i.operandBytes)) & mask;
  state.setGpr(RSP, sum | (pointer & ~mask & 0xffff_ffff_ffff_ffffn));
  if (index === SS) cpu.beginShadow();
  return 0;
}

const STACK_FLAG = 16;

const popSegmentHelper: SystemFunction = (cpu, i) => {
  const name = cpu.rowOf(i).operands[0] as string;
  return popSegment(cpu, i, POPPED[name] as number);
};

export const TABLES: SystemGroup = {
  lgdt: { run: loadTable(CONTROL.gdtBase, CONTROL.gdtLimit) },
  lidt: { run: loadTable(CONTROL.idtBase, CONTROL.idtLimit) },
  sgdt: { run: storeTable(CONTROL.gdtBase, CONTROL.gdtLimit), continues: true },
  sidt: { run: storeTable(CONTROL.idtBase, CONTROL.idtLimit), continues: true },
  lldt: { run: lldt },
  ltr: { run: ltr },
  sldt: { run: storeSelector(LDTR), continues: true },
  str: { run: storeSelector(TR), continues: true },
  movsreg: { run: movSegment },
  popsreg: { run: popSegmentHelper },
};
