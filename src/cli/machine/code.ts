/** The bytes at a processor's instruction pointer. */
import type { Cpu } from "../../cpu/cpu.ts";
import { FETCH, USER } from "../../mmu/access.ts";

const MAX_INSTRUCTION_BYTES = 15;

/** At most 15 bytes; fewer where memory is not mapped. Nothing is cached or marked. */
export function codeBytes(cpu: Cpu): Uint8Array {
  const bytes = new Uint8Array(MAX_INSTRUCTION_BYTES);
  const access = FETCH | (cpu.cpl === 3 ? USER : 0);
  for (let i = 0; i < bytes.length; i++) {
    const { fault, physical } = cpu.mmu.explain(cpu.wrapLinear(cpu.codeLinear + BigInt(i)), access);
    if (fault !== 0) return bytes.subarray(0, i);
    bytes[i] = cpu.memory.read8(physical);
  }
  return bytes;
}
