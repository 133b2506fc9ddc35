/** The operands of one decode of ours against iced's. */

import type { Instruction } from "iced-x86";
import { MemorySizeExt, OpKind, Register } from "iced-x86";
import { wordOf } from "../../../src/base/word64.ts";
import type { DecodedInstruction } from "../../../src/cpu/decode/decoded.ts";
import { NO_REGISTER, SEGMENT_DS, SEGMENT_SS } from "../../../src/cpu/decode/decoded.ts";
import type { OperandSpec } from "../../../src/cpu/decode/operand.ts";
import { operandForForm, operandParts, sizeBytesOf } from "../../../src/cpu/decode/operand.ts";

/** Where every instruction is; high enough for backward branches, low enough for 16-bit IP. */
export const INSTRUCTION_POINTER = 0x4000;

const GENERAL_BY_SIZE: Readonly<Record<number, number>> = {
  2: Register.AX,
  4: Register.EAX,
  8: Register.RAX,
};

/** Iced's lists of string operands: by address size 2, 4, 8. */
const SOURCE_KINDS = [OpKind.MemorySegSI, OpKind.MemorySegESI, OpKind.MemorySegRSI];
const DESTINATION_KINDS = [OpKind.MemoryESDI, OpKind.MemoryESEDI, OpKind.MemoryESRDI];

/**
 * @param wideWords iced gives 16-bit register operands of this instruction the operand size
 * @returns what differs, "" for nothing
 */
export function operandMismatch(
  specs: readonly OperandSpec[],
  ours: DecodedInstruction,
  theirs: Instruction,
  mode: number,
  wideWords: boolean,
): string {
  // Iced lists the implicit destination of MASKMOVQ; the manual does not.
  const implicit = isImplicitDestination(theirs.opKind(0)) ? 1 : 0;
  const count = theirs.opCount - implicit;
  if (specs.length !== count) return `${specs.length} operands, iced has ${count}`;
  if (implicit === 1 && segmentMismatch(ours, theirs, mode) !== "") return "segment";
  for (let i = 0; i < count; i++) {
    let spec = operandForForm(specs[i] as string, ours.memory !== 0);
    if (wideWords && ours.memory === 0) spec = spec.replace(/^([EG])w$/, "$1v");
    else if (wideWords) spec = spec.replace(/^Gw$/, "Gv");
    const mismatch = oneMismatch(spec, i + implicit, ours, theirs, mode);
    if (mismatch !== "") return `operand ${i} ${spec}: ${mismatch}`;
  }
  return "";
}

function isImplicitDestination(kind: OpKind): boolean {
  return kind >= OpKind.MemorySegDI && kind <= OpKind.MemorySegRDI;
}

function oneMismatch(
  spec: OperandSpec,
  index: number,
  ours: DecodedInstruction,
  theirs: Instruction,
  mode: number,
): string {
  const { place, size } = operandParts(spec);
  const kind = theirs.opKind(index);
  const sizeBytes = sizeBytesOf(size, ours.operandBytes);
  const addressIndex = 30 - Math.clz32(ours.addressBytes);
  switch (place) {
    case "I":
    case "sI":
    case "I1":
      return immediateMismatch(place, sizeBytes, index, ours, theirs);
    case "J":
      return branchMismatch(ours, theirs);
    case "A":
      return farMismatch(ours, theirs);
    case "X":
      if (kind !== SOURCE_KINDS[addressIndex]) return `kind ${OpKind[kind]}`;
      return segmentMismatch(ours, theirs, mode) || memorySizeMismatch(sizeBytes, theirs);
    case "Y":
      if (kind !== DESTINATION_KINDS[addressIndex]) return `kind ${OpKind[kind]}`;
      return memorySizeMismatch(sizeBytes, theirs);
    default:
      break;
  }
  if (size === "BXAL") return tableByteMismatch(kind, ours, theirs, mode);
  if (kind === OpKind.Memory) {
    if (ours.memory === 0) return "is no memory operand";
    return memoryMismatch(ours, theirs, mode) || memorySizeMismatch(sizeBytes, theirs);
  }
  if (kind !== OpKind.Register) return `kind ${OpKind[kind]}`;
  const expected = registerOf(place, size, sizeBytes, ours);
  const register = theirs.opRegister(index);
  return expected === register ? "" : `${Register[expected]}, iced has ${Register[register]}`;
}

function registerOf(
  place: string,
  size: string,
  sizeBytes: number,
  ours: DecodedInstruction,
): number {
  switch (place) {
    case "E":
    case "R":
    case "Z":
      return general(ours.rm, sizeBytes, ours.rex);
    case "G":
      return general(ours.reg, sizeBytes, ours.rex);
    case "B":
      return general(ours.vvvv, sizeBytes, ours.rex);
    case "S":
      return Register.ES + ours.reg;
    case "C":
      return Register.CR0 + ours.reg;
    case "D":
      return Register.DR0 + ours.reg;
    case "P":
      return Register.MM0 + ours.reg;
    case "N":
    case "Q":
      return Register.MM0 + ours.rm;
    case "V":
      return Register.XMM0 + ours.reg;
    case "U":
    case "W":
      return Register.XMM0 + ours.rm;
    case "F":
      return Register.ST0 + ours.rm;
    default:
      return fixedRegister(size, ours.operandBytes);
  }
}

function fixedRegister(name: string, operandBytes: number): number {
  if (name === "rAX") return GENERAL_BY_SIZE[operandBytes] ?? -1;
  if (name === "eAX") return operandBytes === 2 ? Register.AX : Register.EAX;
  return Register[name as keyof typeof Register] ?? -1;
}

function general(number: number, sizeBytes: number, rex: number): number {
  if (sizeBytes !== 1) return (GENERAL_BY_SIZE[sizeBytes] ?? -1000) + number;
  if (number < 4) return Register.AL + number;
  return (rex === 0 ? Register.AH - 4 : Register.SPL - 4) + number;
}

function memoryMismatch(ours: DecodedInstruction, theirs: Instruction, mode: number): string {
  const { memoryBase, memoryIndex } = theirs;
  const first = GENERAL_BY_SIZE[ours.addressBytes] ?? -1000;
  const none = ours.addressBytes === 8 ? Register.RIP : Register.EIP;
  const base = ours.base === NO_REGISTER ? Register.None : first + ours.base;
  const expectedBase = ours.ripRelative !== 0 ? none : base;
  if (memoryBase !== expectedBase) return `base ${ours.base}, iced has ${Register[memoryBase]}`;
  const index = ours.index === NO_REGISTER ? Register.None : first + ours.index;
  if (memoryIndex !== index) return `index ${ours.index}, iced has ${Register[memoryIndex]}`;
  if (index !== Register.None && theirs.memoryIndexScale !== 1 << ours.scale) {
    return `scale ${ours.scale}, iced has ${theirs.memoryIndexScale}`;
  }
  const expected = theirs.memoryDisplacement;
  const displacement = wordOf(ours.dispHi, ours.dispLo);
  const actual = ours.ripRelative !== 0 ? displacement + nextAddress(ours) : displacement;
  const bits = 8 * ours.addressBytes;
  if (BigInt.asUintN(bits, actual) !== BigInt.asUintN(bits, expected)) {
    return `displacement ${displacement.toString(16)}, iced has ${expected.toString(16)}`;
  }
  return segmentMismatch(ours, theirs, mode);
}

/** In 64-bit mode iced reports overrides that do not exist there: then the default is right. */
function segmentMismatch(ours: DecodedInstruction, theirs: Instruction, mode: number): string {
  const prefix = theirs.segmentPrefix;
  const counts = prefix !== Register.None && (mode !== 64 || prefix >= Register.FS);
  const isStack = ours.memory !== 0 && (ours.base === 4 || ours.base === 5);
  const expected = counts ? prefix - Register.ES : isStack ? SEGMENT_SS : SEGMENT_DS;
  if (prefix === Register.None && theirs.memorySegment - Register.ES !== expected) return "default";
  if ((ours.segmentOverridden !== 0) !== counts) return `overridden ${ours.segmentOverridden}`;
  return ours.segment === expected ? "" : `segment ${ours.segment}, expected ${expected}`;
}

function memorySizeMismatch(sizeBytes: number, theirs: Instruction): string {
  const expected = MemorySizeExt.size(theirs.memorySize);
  if (sizeBytes === 0 || sizeBytes === expected) return "";
  return `${sizeBytes} bytes, iced has ${expected}`;
}

/** XLAT: iced lists its byte as memory at rBX + AL. */
function tableByteMismatch(
  kind: OpKind,
  ours: DecodedInstruction,
  theirs: Instruction,
  mode: number,
): string {
  const base = (GENERAL_BY_SIZE[ours.addressBytes] ?? -1000) + 3;
  const isTable = kind === OpKind.Memory && theirs.memoryBase === base;
  return isTable ? segmentMismatch(ours, theirs, mode) : `kind ${OpKind[kind]}`;
}

function immediateMismatch(
  place: string,
  sizeBytes: number,
  index: number,
  ours: DecodedInstruction,
  theirs: Instruction,
): string {
  const isSecond = theirs.opKind(index) === OpKind.Immediate8_2nd;
  const value = isSecond ? BigInt(ours.imm2) : wordOf(ours.immHi, ours.immLo);
  const bits = 8 * (place === "sI" ? ours.operandBytes : sizeBytes || 1);
  const expected = BigInt.asUintN(bits, theirs.immediate(index));
  if (BigInt.asUintN(bits, value) !== expected) {
    return `${value.toString(16)}, iced has ${expected.toString(16)}`;
  }
  if (isSecond || place === "I1" || sizeBytes === 8) return "";
  const isSigned = place === "sI" || sizeBytes > 2 || theirs.opKind(index) >= OpKind.Immediate8to16;
  const extended = isSigned ? BigInt.asIntN(8 * sizeBytes, value) : BigInt.asUintN(bits, value);
  const isZ16 = sizeBytes === 2 && theirs.opKind(index) === OpKind.Immediate16;
  return isZ16 || BigInt.asUintN(64, extended) === value
    ? ""
    : `${value.toString(16)} not extended`;
}

function nextAddress(ours: DecodedInstruction): bigint {
  return BigInt(INSTRUCTION_POINTER + ours.length);
}

function branchMismatch(ours: DecodedInstruction, theirs: Instruction): string {
  const target = wordOf(ours.immHi, ours.immLo) + nextAddress(ours);
  const expected = theirs.nearBranchTarget;
  if (BigInt.asUintN(8 * ours.operandBytes, target) === expected) return "";
  return `target ${target.toString(16)}, iced has ${expected.toString(16)}`;
}

function farMismatch(ours: DecodedInstruction, theirs: Instruction): string {
  const expected = ours.operandBytes === 2 ? theirs.farBranch16 : theirs.farBranch32;
  const isSame = ours.immLo >>> 0 === expected && ours.immHi === 0;
  if (isSame && ours.imm2 === theirs.farBranchSelector) return "";
  return `${ours.imm2}:${ours.immLo >>> 0}, iced has ${theirs.farBranchSelector}:${expected}`;
}
