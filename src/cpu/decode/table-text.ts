/**
 * Reads the instruction tables, which are text: one line an instruction, in the notation of the
 * manual's instruction pages (SDM 2A, Interpreting the Instruction Reference Pages).
 *
 *     encoding | semantic | operands | options
 *     66 0f 6e /r | movd | Vx Ey | sse2 name:movd/movd/movq
 *
 * Encoding: a prefix rule (`np` none of 66, F2, F3; `nfx` neither F2 nor F3; `66` `f2` `f3`
 * mandatory), `vex`, the map bytes, the opcode (`+8`: a register in its low bits, `+cc`: a
 * condition), then `/r`, `/0`..`/7` or `=c1` (that very ModRM byte), then `mem` or `reg` where only
 * one form exists.
 *
 * Options: `lock` lockable, `64` only in 64-bit mode, `no64` not there, `d64` `f64` size64 `default`
 * and `forced`, `rep` `repe`, `pm` protectedOnly, `cpl0` privileged, `regs:HEX` regMask,
 * `name:A/B/C` mnemonics by operand size, `addrname:A/B/C` by address size; any other word is the
 * CPUID feature.
 */

import { invariant } from "../../base/errors.ts";
import { operandForForm, operandParts } from "./operand.ts";
import type { InstructionRow, OpcodeMap, PrefixRule } from "./row.ts";
import { CONDITION_SUFFIXES } from "./row.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Mutable<InstructionRow>;

const PREFIX_RULES: Readonly<Record<string, PrefixRule>> = {
  np: "none",
  nfx: "nfx",
  "66": "66",
  f2: "f2",
  f3: "f3",
};

/**
 * Parses the lines of one or more tables.
 * @param texts tables; empty lines are skipped
 * @returns rows with `id` = position
 * @throws InvariantError for a line that does not follow the notation
 */
export function parseTables(texts: readonly string[]): InstructionRow[] {
  const lines = texts.flatMap((text) => text.split("\n")).map((line) => line.trim());
  return lines.filter((line) => line !== "").map(parseLine);
}

function parseLine(line: string, id: number): InstructionRow {
  const [encoding = "", semantic = "", operands = "", options = ""] = line
    .split("|")
    .map((cell) => cell.trim());
  invariant(semantic !== "", `instruction table: no semantic in "${line}"`);
  const row = emptyRow(id, encoding, semantic, wordsOf(operands));
  parseEncoding(row, wordsOf(encoding));
  for (const option of wordsOf(options)) applyOption(row, option);
  if (row.mnemonics.length === 0) row.mnemonics = defaultNames(row);
  row.byteSized = isByteSized(row);
  return row;
}

function emptyRow(id: number, encoding: string, semantic: string, operands: string[]): Draft {
  return {
    id,
    encoding,
    semantic,
    mnemonics: [],
    namedBy: "operand",
    operands,
    map: "1",
    opcode: 0,
    opcodeCount: 1,
    hasModrm: false,
    digit: -1,
    form: "any",
    modrm: -1,
    prefix: "any",
    vex: false,
    regMask: 0xffff,
    byteSized: false,
    size64: "normal",
    rep: "none",
    lockable: false,
    invalid64: false,
    only64: false,
    protectedOnly: false,
    privileged: false,
    feature: "",
  };
}

function parseEncoding(row: Draft, words: string[]): void {
  const rest = [...words];
  const rule = PREFIX_RULES[rest[0] ?? ""];
  if (rule !== undefined && rest.length > 1) {
    row.prefix = rule;
    rest.shift();
  }
  if (rest[0] === "vex") {
    row.vex = true;
    rest.shift();
  }
  row.map = takeMap(rest);
  const opcode = /^([0-9a-f]{2})(\+8|\+cc)?$/.exec(rest.shift() ?? "");
  invariant(opcode !== null, `instruction table: no opcode in "${row.encoding}"`);
  row.opcode = Number.parseInt(opcode[1] ?? "", 16);
  row.opcodeCount = opcode[2] === "+cc" ? 16 : opcode[2] === "+8" ? 8 : 1;
  for (const word of rest) parseModrmWord(row, word);
}

/** Takes the escape bytes off `words`. */
function takeMap(words: string[]): OpcodeMap {
  const [first, second] = words;
  const map = first !== "0f" ? "1" : second === "38" ? "0f38" : second === "3a" ? "0f3a" : "0f";
  words.splice(0, { "1": 0, "0f": 1, "0f38": 2, "0f3a": 2 }[map]);
  return map;
}

function parseModrmWord(row: Draft, word: string): void {
  if (word === "mem") row.form = "memory";
  else if (word === "reg") row.form = "register";
  else {
    invariant(/^(\/[r0-7]|=[0-9a-f]{2})$/.test(word), `instruction table: "${row.encoding}"`);
    row.hasModrm = true;
    if (word[0] === "=") row.modrm = Number.parseInt(word.slice(1), 16);
    else if (word !== "/r") row.digit = Number(word[1]);
  }
}

const FLAG_OPTIONS: Readonly<Record<string, (row: Draft) => void>> = {
  lock: (row) => {
    row.lockable = true;
  },
  "64": (row) => {
    row.only64 = true;
  },
  no64: (row) => {
    row.invalid64 = true;
  },
  d64: (row) => {
    row.size64 = "default";
  },
  f64: (row) => {
    row.size64 = "forced";
  },
  rep: (row) => {
    row.rep = "rep";
  },
  repe: (row) => {
    row.rep = "repe";
  },
  pm: (row) => {
    row.protectedOnly = true;
  },
  cpl0: (row) => {
    row.privileged = true;
  },
};

function applyOption(row: Draft, option: string): void {
  const flag = FLAG_OPTIONS[option];
  if (flag !== undefined) flag(row);
  else if (option.startsWith("regs:")) row.regMask = Number.parseInt(option.slice(5), 16);
  else if (option.startsWith("name:")) row.mnemonics = option.slice(5).split("/");
  else if (option.startsWith("addrname:")) {
    row.mnemonics = option.slice(9).split("/");
    row.namedBy = "address";
  } else row.feature = option;
}

function defaultNames(row: Draft): string[] {
  if (row.opcodeCount !== 16) return [row.semantic];
  return CONDITION_SUFFIXES.map((suffix) => row.semantic.replace(/cc$/, suffix));
}

/** One byte if a byte operand is there and none whose size depends on prefixes or is greater. */
function isByteSized(row: Draft): boolean {
  let hasByte = false;
  for (const joined of row.operands) {
    const { place, size } = operandParts(operandForForm(joined, false));
    if (size === "AL" || ("EGZOXY".includes(place) && size === "b")) hasByte = true;
    else if (place === "fixed" ? /^[er]AX$/.test(size) : "EGZOXYPQVW".includes(place)) return false;
  }
  return hasByte;
}

function wordsOf(text: string): string[] {
  return text === "" ? [] : text.split(/\s+/);
}
