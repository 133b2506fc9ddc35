/**
 * From opcode bytes to rows: tables made once for a set of CPUID features.
 *
 * A cell stands for one opcode byte in one map. What it holds is a reference in an int32: either a
 * row, or four references by prefix (none, 66, F3, F2), or 256 rows by ModRM byte. So the decoder
 * needs no rule of its own about mandatory prefixes, groups or register-only forms.
 */

import { invariant } from "../../base/errors.ts";
import type { InstructionRow } from "./row.ts";

/** Low two bits of a reference: what the rest of it is. */
export const REFERENCE_KIND_MASK = 3;
/** A row's id, or -1 for an invalid opcode. */
export const REFERENCE_ROW = 0;
/** Index of four references in `byPrefix`. */
export const REFERENCE_BY_PREFIX = 1;
/** Index of 256 rows in `byModrm`. */
export const REFERENCE_BY_MODRM = 2;

/** Which mandatory prefix an instruction has: index into four references. */
export const PREFIX_NONE = 0;
export const PREFIX_66 = 1;
export const PREFIX_F3 = 2;
export const PREFIX_F2 = 3;

/** Numbers of the opcode maps: cell index = map << 8 | opcode. */
export const MAP_1 = 0;
export const MAP_0F = 1;
export const MAP_0F38 = 2;
export const MAP_0F3A = 3;
/** VEX maps follow the legacy ones: VEX.mmmmm + this. */
export const MAP_VEX = 3;
const MAP_COUNT = 7;

/** The dispatch tables for one set of features, in 64-bit mode or outside it. */
export interface DispatchTables {
  /** References, by map << 8 | opcode. */
  readonly cells: Int32Array;
  readonly byPrefix: Int32Array;
  /** Row ids or -1. */
  readonly byModrm: Int16Array;
}

const LEGACY_MAPS = { "1": MAP_1, "0f": MAP_0F, "0f38": MAP_0F38, "0f3a": MAP_0F3A } as const;
const VEX_MAPS = { "1": 0, "0f": 1, "0f38": 2, "0f3a": 3 } as const;

/**
 * Builds the tables.
 * @param rows the rows that exist for this processor and mode
 * @throws InvariantError if two rows claim the same encoding
 */
export function buildDispatch(rows: readonly InstructionRow[]): DispatchTables {
  const byOpcode: InstructionRow[][] = Array.from({ length: MAP_COUNT << 8 }, () => []);
  for (const row of rows) {
    const map = row.vex ? MAP_VEX + VEX_MAPS[row.map] : LEGACY_MAPS[row.map];
    for (let i = 0; i < row.opcodeCount; i++) byOpcode[(map << 8) | (row.opcode + i)]?.push(row);
  }
  const byPrefix: number[] = [];
  const blocks = new Map<string, number>();
  const byModrm: number[] = [];
  const cells = byOpcode.map((candidates) => {
    const four = [PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2].map((prefix) =>
      prefixReference(candidates, prefix, blocks, byModrm),
    );
    if (four.every((reference) => reference === four[0])) return four[0] ?? -1;
    byPrefix.push(...four);
    return ((byPrefix.length - 4) << 2) | REFERENCE_BY_PREFIX;
  });
  return {
    cells: Int32Array.from(cells),
    byPrefix: Int32Array.from(byPrefix),
    byModrm: Int16Array.from(byModrm),
  };
}

/** The reference for one opcode under one prefix. */
function prefixReference(
  candidates: readonly InstructionRow[],
  prefix: number,
  blocks: Map<string, number>,
  byModrm: number[],
): number {
  const matching = candidates.filter((row) => takesPrefix(row, prefix));
  const needsModrm = matching.some((row) => row.modrm >= 0 || row.digit >= 0 || row.form !== "any");
  if (!needsModrm) return (mostSpecific(matching, -1) << 2) | REFERENCE_ROW;
  const block = Array.from({ length: 256 }, (_, modrm) => mostSpecific(matching, modrm));
  const key = block.join();
  let start = blocks.get(key);
  if (start === undefined) {
    start = byModrm.length;
    blocks.set(key, start);
    byModrm.push(...block);
  }
  return (start << 2) | REFERENCE_BY_MODRM;
}

const PREFIXES_OF_RULE = {
  any: [PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2],
  none: [PREFIX_NONE],
  nfx: [PREFIX_NONE, PREFIX_66],
  "66": [PREFIX_66],
  f2: [PREFIX_F2],
  f3: [PREFIX_F3],
} as const;

function takesPrefix(row: InstructionRow, prefix: number): boolean {
  return (PREFIXES_OF_RULE[row.prefix] as readonly number[]).includes(prefix);
}

function takesModrm(row: InstructionRow, modrm: number): boolean {
  const isRegister = modrm >= 0xc0;
  if (row.form !== "any" && (row.form === "register") !== isRegister) return false;
  if (row.modrm >= 0) return row.modrm === modrm;
  return row.digit < 0 || row.digit === ((modrm >> 3) & 7);
}

/**
 * Of the rows that take a ModRM byte, the id of the one that says most about the encoding.
 * @param modrm 0..255, or -1 if the rows do not depend on it
 * @returns -1 without any
 */
function mostSpecific(rows: readonly InstructionRow[], modrm: number): number {
  let best: InstructionRow | undefined;
  for (const row of rows) {
    if (modrm >= 0 && !takesModrm(row, modrm)) continue;
    if (best !== undefined && specificity(row) === specificity(best)) {
      invariant(false, `instruction tables: ${row.encoding} and ${best.encoding} collide`);
    }
    if (best === undefined || specificity(row) > specificity(best)) best = row;
  }
  return best?.id ?? -1;
}

function specificity(row: InstructionRow): number {
  const prefix = row.prefix === "any" ? 0 : 8;
  const modrm = row.modrm >= 0 ? 4 : row.digit >= 0 ? 2 : 0;
  return prefix + modrm + (row.opcodeCount === 1 ? 1 : 0);
}
