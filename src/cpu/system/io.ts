/** IN and OUT, with the I/O permission bitmap (SDM 1, "Input/Output"). */
import { IMPLICIT } from "../../mmu/access.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import { GP } from "../faults.ts";
import { RAX, RDX, SEGMENT, segmentOffset, TR } from "../layout.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

const MAP_POINTER = 0x66;

/**
 * Whether the current privilege may use the ports.
 * @returns 0, or a fault
 */
export function checkPorts(cpu: Cpu, port: number, bytes: number): number {
  if (!cpu.protectedMode) return 0;
  if (!cpu.virtual8086 && cpu.cpl <= cpu.iopl) return 0;
  const { state, mmu } = cpu;
  const at = segmentOffset(TR);
  const limit = state.get32(at + SEGMENT.limit) >>> 0;
  const rights = state.get32(at + SEGMENT.rights);
  const has32BitTss = (rights & 0x8d) === 0x89;
  if (!has32BitTss || limit < MAP_POINTER + 1) return GP;
  const base = state.get64(at + SEGMENT.base);
  let raised = mmu.load(base + BigInt(MAP_POINTER), 2, IMPLICIT);
  if (raised !== 0) return raised;
  const byte = Number(mmu.value) + (port >> 3);
  if (byte + 1 > limit) return GP;
  raised = mmu.load(base + BigInt(byte), 2, IMPLICIT);
  if (raised !== 0) return raised;
  const mask = ((1 << bytes) - 1) << (port & 7);
  return Number(mmu.value) & mask ? GP : 0;
}

type PortBytes = 1 | 2 | 4;

function portOf(cpu: Cpu, i: DecodedInstruction, operandIndex: number): number {
  const immediate = cpu.rowOf(i).operands[operandIndex] === "Ib";
  return immediate ? i.immLo & 0xff : cpu.state.gpr32(RDX) & 0xffff;
}

const input: SystemFunction = (cpu, i) => {
  const bytes = Math.min(i.operandBytes, 4) as PortBytes;
  const port = portOf(cpu, i, 1);
  const raised = checkPorts(cpu, port, bytes);
  if (raised !== 0) return raised;
  cpu.state.setGprSized(RAX, BigInt(cpu.ports.read(port, bytes)), bytes);
  return 0;
};

const output: SystemFunction = (cpu, i) => {
  const bytes = Math.min(i.operandBytes, 4) as PortBytes;
  const port = portOf(cpu, i, 0);
  const raised = checkPorts(cpu, port, bytes);
  if (raised !== 0) return raised;
  const value = cpu.state.gpr32(RAX);
  cpu.ports.write(port, bytes, bytes === 4 ? value : value & (bytes === 2 ? 0xffff : 0xff));
  return 0;
};

export const PORT_INSTRUCTIONS: SystemGroup = {
  in: { run: input },
  out: { run: output },
};
