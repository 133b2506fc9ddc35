/** MASKMOVQ and MASKMOVDQU: chosen bytes of a vector register to DS:rDI. */
import { WRITE } from "../../mmu/access.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import { accessFlags } from "../frame-writer.ts";
import { RDI, X87, xmmOffset } from "../layout.ts";
import { probe } from "../memory-block.ts";
import { linearAt, operand } from "../operands.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

/**
 * All bytes are checked, even those that are not stored: the manual leaves that to the processor,
 * and AMD's do it, with a mask of zeros too.
 */
function maskedStore(offsetOf: (index: number) => number, bytes: number): SystemFunction {
  return (cpu: Cpu, i: DecodedInstruction) => {
    const { state, mmu } = cpu;
    const flags = accessFlags(cpu.cpl);
    const offset = BigInt.asUintN(i.addressBytes * 8, state.gpr(RDI));
    const raised =
      linearAt(cpu, i.segment, offset, bytes, true) ||
      probe(cpu, operand.linear, bytes, WRITE | flags);
    if (raised !== 0) return raised;
    const registers = state.bytes();
    const data = offsetOf(i.reg);
    const mask = offsetOf(i.rm);
    for (let n = 0; n < bytes; n++) {
      if (((registers[mask + n] as number) & 0x80) === 0) continue;
      const linear = cpu.wrapLinear(operand.linear + BigInt(n));
      mmu.store(linear, 1, BigInt(registers[data + n] as number), flags);
    }
    return 0;
  };
}

export const MASKED_STORES: SystemGroup = {
  maskmovq: { run: maskedStore((index) => X87 + index * 16, 8), continues: true },
  maskmovdqu: { run: maskedStore(xmmOffset, 16), continues: true },
};
