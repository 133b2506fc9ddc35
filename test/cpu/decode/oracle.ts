/**
 * Holds a decode of ours against iced-x86's, field by field. What is expected is derived from iced's
 * instruction by rule; what differs on purpose is in `differences.ts`.
 */

import {
  Code,
  CpuidFeature,
  DecoderOptions,
  Decoder as IcedDecoder,
  Instruction,
  Mnemonic,
} from "iced-x86";
import {
  DECODE_INVALID,
  DECODE_OK,
  DECODE_TOO_LONG,
  DecodedInstruction,
} from "../../../src/cpu/decode/decoded.ts";
import type { DecodeMode } from "../../../src/cpu/decode/decoder.ts";
import { Decoder } from "../../../src/cpu/decode/decoder.ts";
import type { InstructionRow, RepRule } from "../../../src/cpu/decode/row.ts";
import { mnemonicOf } from "../../../src/cpu/decode/row.ts";
import { instructionRows } from "../../../src/cpu/decode/rows.ts";
import type { Difference } from "./differences.ts";
import { DIFFERENCES, NOT_PRIVILEGED, SUPPORTED_FEATURES } from "./differences.ts";
import { SLOT_BYTES } from "./encodings.ts";
import { INSTRUCTION_POINTER, operandMismatch } from "./operand-oracle.ts";

/** What is the same for all instructions of one `Code` of iced's. */
interface CodeFacts {
  readonly name: string;
  /** As we should name it; "#UD" if invalid or of a feature that pml5 has not. */
  readonly mnemonic: string;
  /** What the row says: #GP(0) unless CPL = 0; #UD in real-address mode; repeatable. */
  readonly privileged: boolean;
  readonly protectedOnly: boolean;
  readonly rep: RepRule;
  readonly difference: Difference | undefined;
}

const decoder = new Decoder("all");
const ours = new DecodedInstruction();
const theirs = new Instruction();
const factsByCode: (CodeFacts | undefined)[] = [];

/**
 * Decodes every slot of `batch` with both decoders.
 * @returns one line for each disagreement that is not listed
 */
export function compareBatch(batch: Uint8Array, count: number, mode: DecodeMode): string[] {
  const iced = new IcedDecoder(mode, batch, DecoderOptions.None);
  const failures: string[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const failure = compareSlot(iced, batch, i * SLOT_BYTES, mode);
      if (failure !== "") failures.push(failure);
    }
  } finally {
    iced.free();
  }
  return failures;
}

/** The disagreement over one encoding, "" for none. */
export function compareOne(bytes: Uint8Array, mode: DecodeMode): string {
  const slot = new Uint8Array(SLOT_BYTES);
  slot.set(bytes.subarray(0, SLOT_BYTES));
  return compareBatch(slot, 1, mode)[0] ?? "";
}

function compareSlot(
  iced: IcedDecoder,
  batch: Uint8Array,
  offset: number,
  mode: DecodeMode,
): string {
  iced.position = offset;
  iced.ip = BigInt(INSTRUCTION_POINTER);
  iced.decodeOut(theirs);
  const status = decoder.decode(batch, offset, SLOT_BYTES, mode, ours);
  const code = theirs.code;
  factsByCode[code] ??= factsOf(code);
  const facts = factsByCode[code] as CodeFacts;
  const mismatch = mismatchOf(facts, status, mode);
  if (mismatch === "") return "";
  const hex = Buffer.from(batch.subarray(offset, offset + 15)).toString("hex");
  return `${mode}-bit ${hex}: ${mismatch} (iced: ${facts.name} length ${theirs.length})`;
}

function mismatchOf(facts: CodeFacts, status: number, mode: DecodeMode): string {
  let { mnemonic } = facts;
  const { difference } = facts;
  const isDifferent = difference?.applies(ours, mode) === true;
  if (isDifferent && difference.expects !== "word") mnemonic = difference.expects;
  const isInvalid = status === DECODE_INVALID || status === DECODE_TOO_LONG;
  if (mnemonic === "#UD") return isInvalid ? "" : `is ${ourName()}, iced finds none of ours`;
  if (status !== DECODE_OK) return `status ${status}, iced finds ${facts.mnemonic}`;
  if (ours.length !== theirs.length) return `length ${ours.length}`;
  if (ourName() !== mnemonic) return `is ${ourName()}, expected ${mnemonic}`;
  if (mnemonic !== facts.mnemonic) return "";
  if ((ours.lock !== 0) !== theirs.hasLockPrefix) return `lock ${ours.lock}`;
  const row = instructionRows[ours.row] as InstructionRow;
  const isRepeated = theirs.hasRepPrefix || theirs.hasRepnePrefix;
  if (row.rep !== facts.rep) return `row with rep ${row.rep}`;
  if (row.rep !== "none" && isRepeated !== (ours.rep !== 0)) return `rep ${ours.rep}`;
  if (row.privileged !== facts.privileged) return `row with privileged ${row.privileged}`;
  if (mode !== 64 && row.protectedOnly !== facts.protectedOnly)
    return `row with pm ${row.protectedOnly}`;
  return operandMismatch(row.operands, ours, theirs, mode, isDifferent);
}

function ourName(): string {
  const row = instructionRows[ours.row];
  return row === undefined ? "" : mnemonicOf(row, ours);
}

function factsOf(code: Code): CodeFacts {
  const name = Code[code] ?? "";
  const features = [...theirs.cpuidFeatures()].map((feature) => CpuidFeature[feature] ?? "");
  const isOurs = code !== Code.INVALID && features.every((one) => SUPPORTED_FEATURES.has(one));
  // The manual calls the hint space NOP.
  const mnemonic = (Mnemonic[theirs.mnemonic] ?? "").toLowerCase().replace("reservednop", "nop");
  const info = theirs.opCode;
  const difference = DIFFERENCES.find((one) => one.codes.test(name));
  return {
    name,
    privileged: info.mustBeCpl0 && !NOT_PRIVILEGED.test(name),
    protectedOnly: info.mode32 && !info.realMode,
    rep: info.canUseRepnePrefix ? "repe" : info.canUseRepPrefix ? "rep" : "none",
    mnemonic: isOurs ? mnemonic : "#UD",
    difference,
  };
}
