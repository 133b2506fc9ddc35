/** Tells a difference so that a reader can act on it: code, state before, both results. */
import { DECODE_OK, DecodedInstruction } from "../../src/cpu/decode/decoded.ts";
import { Decoder } from "../../src/cpu/decode/decoder.ts";
import type { InstructionRow } from "../../src/cpu/decode/row.ts";
import { instructionRows } from "../../src/cpu/decode/rows.ts";
import { disassemble } from "../../src/machine/disassemble.ts";
import { CASE, CODE_MAX_BYTES, PLACE, RESULT, type Records, WINDOW_BYTES } from "./cases.ts";
import { type Difference, REGISTER_NAMES } from "./compare.ts";

export interface Run {
  readonly cases: Records;
  readonly native: Records;
  readonly emulated: Records;
}

const decoder = new Decoder("all");
const decoded = new DecodedInstruction();

/** Lengths of the instructions of a case. */
export function instructionLengths(cases: Records, index: number): number[] {
  const at = cases.at(index);
  const total = cases.bytes[at + CASE.length] as number;
  const lengths: number[] = [];
  for (let offset = 0; offset < total; offset += decoded.length) {
    const code = at + CASE.code + offset;
    if (decoder.decode(cases.bytes, code, CODE_MAX_BYTES, cases.mode, decoded) !== DECODE_OK) break;
    lengths.push(decoded.length);
  }
  return lengths;
}

/** The row of a case's last instruction. */
export function lastRow(cases: Records, index: number): InstructionRow | undefined {
  return instructionLengths(cases, index).length > 0 ? instructionRows[decoded.row] : undefined;
}

/** The instructions of a case, one a line, with their bytes. */
export async function listing(cases: Records, index: number): Promise<string[]> {
  const at = cases.at(index);
  const from = at + CASE.code;
  const code = cases.bytes.slice(from, from + (cases.bytes[at + CASE.length] as number));
  const instructions = await disassemble(code, BigInt(PLACE.code), cases.mode);
  return instructions.map(
    ({ bytes, text }) => `${Buffer.from(bytes).toString("hex").padEnd(24)} ${text}`,
  );
}

export async function report(run: Run, { index, fields }: Difference): Promise<string> {
  const { cases, native, emulated } = run;
  const at = cases.at(index);
  const lines = [`differs in ${fields.join(", ")}`, ...(await listing(cases, index))];
  const before = REGISTER_NAMES.map(
    (name, i) => `${name}=${hex(cases.view, at + CASE.gpr + i * 8)}`,
  );
  for (let i = 0; i < 16; i += 4) lines.push(`  ${before.slice(i, i + 4).join(" ")}`);
  lines.push(
    `  flags=${hex(cases.view, at + CASE.flags)} window=${hex(cases.view, at + CASE.windowAt)}`,
  );
  lines.push(`  ${memoryHex(cases.bytes, at + CASE.window)}`);
  for (const [name, results] of Object.entries({ native, emulated })) {
    lines.push(...outcome(name, results, index, fields));
  }
  return lines.join("\n");
}

function outcome(
  name: string,
  results: Records,
  index: number,
  fields: readonly string[],
): string[] {
  const at = results.at(index);
  const { view } = results;
  const trap = view.getInt32(at + RESULT.trap, true);
  const error = view.getUint32(at + RESULT.error, true);
  const words = [
    trap < 0 ? "no exception" : `exception ${trap}(${error})`,
    `rip=${hex(view, at + RESULT.rip)}`,
    `flags=${hex(view, at + RESULT.flags)}`,
  ];
  if (trap === 14) words.push(`cr2=${hex(view, at + RESULT.cr2)}`);
  for (const field of fields) {
    const register = REGISTER_NAMES.indexOf(field);
    if (register >= 0) words.push(`${field}=${hex(view, at + RESULT.gpr + register * 8)}`);
    const vector = vectorOffset(field);
    if (vector >= 0) words.push(`${field}=${hex(view, at + vector + 8)}:${hex(view, at + vector)}`);
  }
  const lines = [`  ${name}: ${words.join(" ")}`];
  if (fields.includes("memory")) {
    lines.push(`    ${memoryHex(results.bytes, at + RESULT.window)}`);
  }
  if (fields.includes("memory outside")) {
    const stray = view.getInt32(at + RESULT.stray, true);
    lines.push(`    outside the window: ${stray} ${hex(view, at + RESULT.strayValue)}`);
  }
  return lines;
}

function vectorOffset(field: string): number {
  const match = /^(x?mm)(\d+)$/.exec(field);
  if (match) return RESULT.fx + (match[1] === "mm" ? 32 : 160) + Number(match[2]) * 16;
  return field === "mxcsr" ? RESULT.fx + 16 : field === "x87 control" ? RESULT.fx : -1;
}

function hex(view: DataView, at: number): string {
  return view.getBigUint64(at, true).toString(16);
}

function memoryHex(bytes: Uint8Array, at: number): string {
  const text = Buffer.from(bytes.subarray(at, at + WINDOW_BYTES)).toString("hex");
  return text.match(/.{32}/g)?.join(" ") ?? text;
}
