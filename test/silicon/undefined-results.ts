/**
 * What the manual leaves undefined: the one table of what a comparison may ignore, each line with
 * the instruction's page of SDM 2A-2D that says so. A fault leaves everything defined.
 */
import type { DecodedInstruction } from "../../src/cpu/decode/decoded.ts";
import { DecodedInstruction as Decoded } from "../../src/cpu/decode/decoded.ts";
import { Decoder } from "../../src/cpu/decode/decoder.ts";
import type { InstructionRow } from "../../src/cpu/decode/row.ts";
import { instructionRows } from "../../src/cpu/decode/rows.ts";
import { CASE, CODE_MAX_BYTES, type Records } from "./cases.ts";

const CF = 1;
const PF = 4;
const AF = 16;
const ZF = 64;
const SF = 128;
const OF = 2048;
const ALL = CF | PF | AF | ZF | SF | OF;
const RCX = 1;

/** What is known of an instance besides its encoding. */
interface Instance {
  readonly i: DecodedInstruction;
  readonly row: InstructionRow;
  /** Masked shift count. */
  readonly count: number;
  readonly bits: number;
}

interface Rule {
  readonly semantics: readonly string[];
  readonly page: string;
  /** Flags that are undefined. */
  readonly flags: number | ((instance: Instance) => number);
  /** The same after a fault; 0 by default. */
  readonly flagsAfterFault?: number;
  /** Whether the destination is undefined too. */
  readonly result?: (instance: Instance) => boolean;
}

const RULES: readonly Rule[] = [
  { semantics: ["and", "or", "xor", "test"], page: "AND, OR, XOR, TEST", flags: AF },
  { semantics: ["mul", "imul1", "imul"], page: "MUL, IMUL", flags: SF | ZF | AF | PF },
  { semantics: ["div", "idiv"], page: "DIV, IDIV", flags: ALL },
  {
    semantics: ["shl", "shr", "sar"],
    page: "SAL/SAR/SHL/SHR",
    flags: ({ count, bits, row }) =>
      (count === 0 ? 0 : AF) |
      (count > 1 ? OF : 0) |
      (count >= bits && row.semantic !== "sar" ? CF : 0),
  },
  {
    semantics: ["rol", "ror", "rcl", "rcr"],
    page: "RCL/RCR/ROL/ROR",
    flags: ({ count }) => (count > 1 ? OF : 0),
  },
  {
    semantics: ["shld", "shrd"],
    page: "SHLD, SHRD",
    flags: ({ count, bits }) =>
      count > bits ? ALL : (count === 0 ? 0 : AF) | (count > 1 ? OF : 0),
    result: ({ count, bits }) => count > bits,
  },
  { semantics: ["bt", "bts", "btr", "btc"], page: "BT, BTC, BTR, BTS", flags: OF | SF | AF | PF },
  {
    semantics: ["bsf", "bsr"],
    page: "BSF, BSR",
    flags: CF | OF | SF | AF | PF,
    // The destination with a source of 0: both vendors leave it, AMD says so.
    result: () => false,
  },
  { semantics: ["tzcnt", "lzcnt"], page: "TZCNT, LZCNT", flags: OF | SF | PF | AF },
  { semantics: ["bextr"], page: "BEXTR", flags: AF | SF | PF },
  { semantics: ["andn", "blsi", "blsmsk", "blsr", "bzhi"], page: "ANDN …", flags: AF | PF },
  { semantics: ["daa", "das"], page: "DAA, DAS", flags: OF },
  { semantics: ["aaa", "aas"], page: "AAA, AAS", flags: OF | SF | ZF | PF },
  { semantics: ["aam", "aad"], page: "AAM, AAD", flags: OF | AF | CF },
  {
    // "Restored to the state prior to the execution" on Intel's, of the last iteration on AMD's.
    semantics: ["cmps", "scas"],
    page: "REP/REPE/REPZ/REPNE/REPNZ",
    flags: 0,
    flagsAfterFault: ALL,
  },
  { semantics: ["bswap"], page: "BSWAP", flags: 0, result: ({ i }) => i.operandBytes === 2 },
];

const BY_SEMANTIC = new Map(
  RULES.flatMap((rule) => rule.semantics.map((name) => [name, rule] as const)),
);

/** What a comparison of one case ignores. */
export interface Ignored {
  readonly flags: number;
  /** General register 0..15, -1 for none, or `MEMORY`. */
  readonly register: number;
  /** Names of fields as compare.ts gives them. */
  readonly fields?: readonly string[];
}

/** In `Ignored.register`: the destination is in memory. */
export const MEMORY = -2;

export const NOTHING: Ignored = { flags: 0, register: -1 };

/**
 * Instructions that leave changed x87 tags and stack top (and so ST0 to ST7 renamed) when they fault: AMD's processors make all x87
 * registers valid before the store of MASKMOVQ or the result of CVTPS2PI and the like raises the
 * exception. SDM 3A, "Exception Classifications" has faults undo that, and pml5 does.
 */
const X87_FIELDS = ["x87 control", ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `mm${n}`)];
const TAGS_BEFORE_FAULT = /^(maskmovq|cvtt?p[sd]2pi|cvtpi2ps)$/;

/** Semantics after which nothing follows in a sequence besides those with undefined results. */
const LAST = /^(jcc|jmp|call|ret|loop(n?e)?|jcxz|enter)$/;

export function endsSequence(row: InstructionRow): boolean {
  const rule = BY_SEMANTIC.get(row.semantic);
  return rule !== undefined || row.privileged || LAST.test(row.semantic);
}

const decoder = new Decoder("all");
const decoded = new Decoded();

/** Which part of a long operand faults first is the processor's matter: CR2 is one of its bytes. */
const MANY_STORES = /^(fnstenv|fldenv)$/;

/**
 * RCPPS and RSQRTPS give what the processor likes within a relative error of 1.5 * 2^-12: two
 * results may lie twice as far apart, a tiny one may be 0.
 */
function isNear(found: number, expected: number): boolean {
  const apart = Math.abs(found - expected);
  return apart <= 3 * 2 ** -12 * Math.abs(expected) || apart < 2 ** -125;
}

/** Whether 8 bytes of a vector are as good as others: equal, or near where that is all there is. */
export function isSameVector(
  cases: Records,
  index: number,
  found: DataView,
  expected: DataView,
): boolean {
  if (!/^r(cp|sqrt)[ps]s$/.test(decodeLast(cases, index)?.semantic ?? "")) return false;
  return [0, 4].every(
    (at) =>
      found.getUint32(at, true) === expected.getUint32(at, true) ||
      isNear(found.getFloat32(at, true), expected.getFloat32(at, true)),
  );
}

/** Leaves the last instruction of a case in `decoded`. @returns its row */
function decodeLast(cases: Records, index: number): InstructionRow | undefined {
  const at = cases.at(index);
  const length = cases.bytes[at + CASE.length] as number;
  for (let offset = 0; offset < length; offset += decoded.length) {
    const code = at + CASE.code + offset;
    if (decoder.decode(cases.bytes, code, CODE_MAX_BYTES, cases.mode, decoded) !== 0)
      return undefined;
  }
  return instructionRows[decoded.row];
}

/** What the last instruction of a case leaves undefined. */
export function ignoredBy(cases: Records, index: number, faulted: boolean): Ignored {
  const at = cases.at(index);
  const row = decodeLast(cases, index);
  // What ENTER has pushed stays where the silicon finds a fault later; pml5 writes at the end.
  if (faulted && row?.semantic === "enter") {
    return { ...NOTHING, fields: ["memory", "memory outside"] };
  }
  if (faulted && row && MANY_STORES.test(row.semantic)) return { ...NOTHING, fields: ["cr2"] };
  if (faulted && row && TAGS_BEFORE_FAULT.test(row.semantic)) {
    return { ...NOTHING, fields: X87_FIELDS };
  }
  const rule = row && BY_SEMANTIC.get(row.semantic);
  if (!rule) return NOTHING;
  if (faulted) return { flags: rule.flagsAfterFault ?? 0, register: -1 };
  const bits = decoded.operandBytes * 8;
  const count = countOf(cases, at, row) & (bits === 64 ? 63 : 31);
  const instance = { i: decoded, row, count, bits };
  const flags = typeof rule.flags === "number" ? rule.flags : rule.flags(instance);
  if (rule.result?.(instance) !== true) return { flags, register: -1 };
  return { flags, register: decoded.memory !== 0 ? MEMORY : decoded.rm };
}

/** Of a shift. After other instructions CL is not known here: then the count that leaves most. */
function countOf(cases: Records, at: number, row: InstructionRow): number {
  if (!row.operands.includes("CL")) return decoded.immLo & 0xff;
  const isAlone = decoded.length === cases.bytes[at + CASE.length];
  return isAlone ? cases.view.getUint8(at + CASE.gpr + RCX * 8) : 0xff;
}
