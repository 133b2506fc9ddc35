/**
 * INS and OUTS (SDM 2A, 2B). One iteration at a time: with REP and a count left, the instruction
 * pointer stays, so that an interrupt or a fault finds what is still to be done.
 *
 * INS checks that it can write before it reads the port, which may not be read twice.
 */
import { WRITE } from "../../mmu/access.ts";
import { FLAG } from "../builder/flags.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import { accessFlags } from "../frame-writer.ts";
import { ES, RCX, RDI, RDX, RSI } from "../layout.ts";
import { linearAt, operand } from "../operands.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";
import { checkPorts } from "./io.ts";

type PortBytes = 1 | 2 | 4;

/** Moves one element. @returns 0, or a fault with nothing done */
type Transfer = (cpu: Cpu, i: DecodedInstruction, port: number, bytes: PortBytes) => number;

function addressPart(cpu: Cpu, i: DecodedInstruction, register: number): bigint {
  return BigInt.asUintN(i.addressBytes * 8, cpu.state.gpr(register));
}

/** Adds to the part of a register that is of the address size. */
function move(cpu: Cpu, i: DecodedInstruction, register: number, by: number): void {
  const sum = cpu.state.gpr(register) + BigInt(by);
  cpu.state.setGprSized(register, sum, i.addressBytes);
}

const input: Transfer = (cpu, i, port, bytes) => {
  const raised =
    linearAt(cpu, ES, addressPart(cpu, i, RDI), bytes, true) ||
    cpu.mmu.translateWhole(operand.linear, bytes, WRITE | accessFlags(cpu.cpl));
  if (raised !== 0) return raised;
  const value = BigInt(cpu.ports.read(port, bytes) >>> 0);
  return cpu.mmu.store(operand.linear, bytes, value, accessFlags(cpu.cpl));
};

const output: Transfer = (cpu, i, port, bytes) => {
  const raised =
    linearAt(cpu, i.segment, addressPart(cpu, i, RSI), bytes, false) ||
    cpu.mmu.load(operand.linear, bytes, accessFlags(cpu.cpl));
  if (raised === 0) cpu.ports.write(port, bytes, Number(cpu.mmu.value));
  return raised;
};

function repeated(transfer: Transfer, register: number): SystemFunction {
  return (cpu, i) => {
    const { state } = cpu;
    const bytes = Math.min(i.operandBytes, 4) as PortBytes;
    if (i.rep !== 0 && addressPart(cpu, i, RCX) === 0n) return 0;
    const port = state.gpr32(RDX) & 0xffff;
    const raised = checkPorts(cpu, port, bytes) || transfer(cpu, i, port, bytes);
    if (raised !== 0) return raised;
    move(cpu, i, register, state.has(FLAG.DF) ? -bytes : bytes);
    if (i.rep === 0) return 0;
    move(cpu, i, RCX, -1);
    if (addressPart(cpu, i, RCX) !== 0n) {
      const width = cpu.codeWidth === 64 ? 64 : 32;
      state.rip = BigInt.asUintN(width, state.rip - BigInt(i.length));
    }
    return 0;
  };
}

export const STRING_PORT_INSTRUCTIONS: SystemGroup = {
  ins: { run: repeated(input, RDI) },
  outs: { run: repeated(output, RSI) },
};
