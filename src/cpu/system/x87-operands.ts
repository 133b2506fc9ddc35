/** Memory operands of x87 instructions: numbers of every format, in and out. */
import { READ, WRITE } from "../../mmu/access.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import { operandForForm, operandParts, sizeBytesOf } from "../decode/operand.ts";
import { fromInteger } from "../float/convert.ts";
import {
  DOUBLE,
  EXTENDED,
  type Float,
  type Format,
  SINGLE,
  unpack,
  zero,
} from "../float/number.ts";
import { blockFlags, blockLinear, probe, readBlock, writeBlock } from "../memory-block.ts";
import { operand } from "../operands.ts";

export type SourceKind = "float" | "integer";

const FORMATS: Readonly<Record<number, Format>> = { 4: SINGLE, 8: DOUBLE, 10: EXTENDED };

/** Shared: the number that `loadSource` found, and its bits. */
export const loaded: { value: Float; bits: bigint } = { value: zero(false), bits: 0n };

const buffer = new Uint8Array(10);

/** Size of the memory operand in bytes. */
export function memoryBytes(cpu: Cpu, i: DecodedInstruction): number {
  const spec = operandForForm(cpu.rowOf(i).operands[0] ?? "", true);
  return sizeBytesOf(operandParts(spec).size, i.operandBytes);
}

export function formatOf(bytes: number): Format {
  return FORMATS[bytes] as Format;
}

/** Loads a memory operand, if there is one, into `loaded`. @returns 0 or a fault */
export function loadSource(cpu: Cpu, i: DecodedInstruction, kind: SourceKind): number {
  if (i.memory === 0) return 0;
  const bytes = memoryBytes(cpu, i);
  const raised = loadBits(cpu, i, bytes);
  if (raised !== 0) return raised;
  loaded.value =
    kind === "float"
      ? unpack(formatOf(bytes), loaded.bits)
      : fromInteger(BigInt.asIntN(bytes * 8, loaded.bits));
  return 0;
}

/** Loads `bytes` bytes, at most 10, into `loaded.bits`. */
export function loadBits(cpu: Cpu, i: DecodedInstruction, bytes: number): number {
  const flags = blockFlags(cpu, i);
  const target = buffer.subarray(0, bytes);
  const raised =
    blockLinear(cpu, i, bytes, false) ||
    probe(cpu, operand.linear, bytes, READ | flags) ||
    readBlock(cpu, operand.linear, target, flags);
  if (raised !== 0) return raised;
  let bits = 0n;
  for (let n = bytes - 1; n >= 0; n--) bits = (bits << 8n) | BigInt(target[n] as number);
  loaded.bits = bits;
  return 0;
}

/** Whether the operand can be stored. @returns 0 or a fault */
export function probeStore(cpu: Cpu, i: DecodedInstruction, bytes: number): number {
  return (
    blockLinear(cpu, i, bytes, true) ||
    probe(cpu, operand.linear, bytes, WRITE | blockFlags(cpu, i))
  );
}

/** Stores `bytes` bytes, at most 10: all, or none and a fault. */
export function storeBits(cpu: Cpu, i: DecodedInstruction, bytes: number, bits: bigint): number {
  const source = buffer.subarray(0, bytes);
  for (let n = 0; n < bytes; n++) source[n] = Number((bits >> BigInt(n * 8)) & 0xffn);
  return (
    blockLinear(cpu, i, bytes, true) || writeBlock(cpu, operand.linear, source, blockFlags(cpu, i))
  );
}
