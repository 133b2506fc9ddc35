/**
 * All variants of all instructions for which code is generated, each with the number of its
 * handler. Rows that mean the same with operands of the same kinds share a handler.
 */

import type { Size } from "../builder/ops.ts";
import type { Instruction, Operand, OperandKind, Shape } from "../builder/shape.ts";
import { operandForForm, operandParts, sizeBytesOf } from "../decode/operand.ts";
import type { InstructionRow } from "../decode/row.ts";
import { instructionRows } from "../decode/rows.ts";
import type { Definition, SemanticGroup } from "../semantics/group.ts";
import { isHot } from "./hot.ts";
import { APART, FIRST_INSTRUCTION_HANDLER } from "./record.ts";

/** What of a decoded instruction chooses the variant. */
export interface Variant {
  readonly row: number;
  readonly operandBytes: number;
  readonly addressBytes: number;
  readonly memory: boolean;
  readonly condition: number;
  readonly rep: number;
  readonly long: boolean;
}

const KIND_OF_PLACE: Readonly<Record<string, OperandKind>> = {
  A: "far",
  B: "register",
  C: "control",
  D: "debug",
  F: "x87",
  G: "register",
  I: "immediate",
  sI: "immediate",
  I1: "immediate",
  J: "relative",
  M: "memory",
  N: "mmx",
  O: "memory",
  P: "mmx",
  R: "register",
  S: "segment",
  U: "xmm",
  V: "xmm",
  X: "string",
  Y: "string",
  Z: "register",
};

const SEGMENT_NAMES = /^[ECSDFG]S$/;

const NO_OPERAND: Operand = { kind: "none", bytes: 0, slot: 0 };

/** Bytes of a named register. */
function fixedBytes(name: string, operandBytes: number): number {
  if (name.startsWith("r")) return operandBytes;
  if (name.startsWith("e")) return operandBytes === 2 ? 2 : operandBytes === 1 ? 1 : 4;
  return name.endsWith("L") ? 1 : 2;
}

export function operandOf(
  row: InstructionRow,
  slot: number,
  operandBytes: number,
  memory: boolean,
): Operand {
  const spec = operandForForm(row.operands[slot] ?? "", memory);
  const { place, size } = operandParts(spec);
  if (place === "fixed") {
    if (size === "BXAL") return { kind: "string", bytes: 1, slot };
    if (SEGMENT_NAMES.test(size)) return { kind: "segment", bytes: 2, slot };
    if (size.startsWith("ST")) return { kind: "x87", bytes: 10, slot };
    if (size.startsWith("XMM")) return { kind: "xmm", bytes: 16, slot };
    return { kind: "register", bytes: fixedBytes(size, operandBytes), slot };
  }
  const bytes = operandBytesOf(row, place, size, operandBytes);
  if (place === "E") return { kind: memory ? "memory" : "register", bytes, slot };
  if (place === "W") return { kind: memory ? "memory" : "xmm", bytes, slot };
  if (place === "Q") return { kind: memory ? "memory" : "mmx", bytes, slot };
  return { kind: KIND_OF_PLACE[place] as OperandKind, bytes, slot };
}

/** An immediate is as wide as what it works on: the decoder has extended it. */
function operandBytesOf(
  row: InstructionRow,
  place: string,
  size: string,
  operandBytes: number,
): number {
  const extended = place === "sI" || (place === "I" && size === "z") || place === "I1";
  if (extended) return row.byteSized ? 1 : operandBytes;
  return sizeBytesOf(size, operandBytes);
}

const tables = new WeakMap<SemanticGroup, ShapeTable>();

/** The table of a group; the same one for the same group. */
export function shapeTable(group: SemanticGroup): ShapeTable {
  let table = tables.get(group);
  if (!table) {
    table = new ShapeTable(group);
    tables.set(group, table);
  }
  return table;
}

/** A variant whose code is a function of its own. */
export interface ApartShape {
  /** Number of its function. */
  readonly index: number;
  readonly instruction: Instruction;
  readonly definition: Definition;
}

export class ShapeTable {
  /** The variants in the interpreter's function, by handler. */
  readonly instructions: Instruction[] = [];
  readonly definitions: Definition[] = [];
  /** The other ones that have been asked for. */
  readonly apart: ApartShape[] = [];
  readonly #enumerated = new Set<string>();
  readonly #group: SemanticGroup;
  readonly #handlers = new Map<string, number>();
  readonly #byVariant = new Map<number, number>();

  constructor(group: SemanticGroup) {
    this.#group = group;
    for (const row of instructionRows) {
      const definition = group[row.semantic];
      if (definition && isHot(row, definition)) this.#enumerate(row);
    }
  }

  definitionOf(row: InstructionRow): Definition | undefined {
    return this.#group[row.semantic];
  }

  /** The handler's number, APART and more for a function of its own, or -1 if the row's meaning is not in the group. */
  handlerOf(variant: Variant): number {
    const { row, operandBytes, addressBytes, memory, condition, rep, long } = variant;
    const sizes = (31 - Math.clz32(operandBytes)) * 4 + (31 - Math.clz32(addressBytes));
    const bits = (memory ? 1 : 0) + (long ? 2 : 0) + (rep === 0 ? 0 : rep === 0xf2 ? 4 : 8);
    const key = ((row * 16 + sizes) * 16 + bits) * 16 + condition;
    let handler = this.#byVariant.get(key);
    if (handler === undefined) {
      handler = this.#find(instructionRows[row] as InstructionRow, variant);
      this.#byVariant.set(key, handler);
    }
    return handler;
  }

  /** Asks for all variants of all instructions: what a test has to see written out. */
  enumerateAll(): void {
    for (const row of instructionRows) this.#enumerateSemantic(row);
  }

  #find(row: InstructionRow, variant: Variant): number {
    this.#enumerateSemantic(row);
    return this.#add(row, variant);
  }

  /** The module of a semantic is written once, for all of its variants. */
  #enumerateSemantic({ semantic }: InstructionRow): void {
    if (this.#enumerated.has(semantic)) return;
    this.#enumerated.add(semantic);
    for (const row of instructionRows) if (row.semantic === semantic) this.#enumerate(row);
  }

  #enumerate(row: InstructionRow): void {
    if (!this.#group[row.semantic]) return;
    for (const operandBytes of row.byteSized ? [1] : [2, 4, 8]) {
      for (const long of [false, true]) {
        if (!isPossible(row, operandBytes, long)) continue;
        for (const variant of variantsOf(row, operandBytes, long)) this.#add(row, variant);
      }
    }
  }

  #add(row: InstructionRow, variant: Variant): number {
    const definition = this.#group[row.semantic];
    if (!definition) return -1;
    const shape = shapeOf(row, variant, definition);
    const key = keyOf(shape);
    const known = this.#handlers.get(key);
    if (known !== undefined) return known;
    const [dst = NO_OPERAND, src = NO_OPERAND, third = NO_OPERAND] = shape.operands;
    const instruction = { ...shape, dst, src, third };
    const handler = isHot(row, definition)
      ? this.#addHot(instruction, definition)
      : this.#addApart(instruction, definition);
    this.#handlers.set(key, handler);
    return handler;
  }

  #addHot(instruction: Instruction, definition: Definition): number {
    this.definitions.push(definition);
    return FIRST_INSTRUCTION_HANDLER + this.instructions.push(instruction) - 1;
  }

  #addApart(instruction: Instruction, definition: Definition): number {
    const index = this.apart.length;
    this.apart.push({ index, instruction, definition });
    return APART + index;
  }
}

function isPossible(row: InstructionRow, operandBytes: number, long: boolean): boolean {
  if (long ? row.invalid64 : row.only64) return false;
  if (row.byteSized) return true;
  if (!long) return operandBytes !== 8;
  if (row.size64 === "forced") return operandBytes === 8;
  return row.size64 === "normal" || operandBytes !== 4;
}

function* variantsOf(row: InstructionRow, operandBytes: number, long: boolean): Iterable<Variant> {
  const forms = row.form === "any" && row.hasModrm ? [false, true] : [row.form === "memory"];
  const conditions = row.opcodeCount === 16 ? 16 : 1;
  for (const memory of forms) {
    for (const rep of row.rep === "none" ? [0] : [0, 0xf2, 0xf3]) {
      for (const addressBytes of long ? [4, 8] : [2, 4]) {
        for (let condition = 0; condition < conditions; condition++) {
          yield { row: row.id, operandBytes, addressBytes, memory, condition, rep, long };
        }
      }
    }
  }
}

function shapeOf(row: InstructionRow, variant: Variant, definition: Definition): Shape {
  const { operandBytes, addressBytes, memory, condition, long } = variant;
  return {
    semantic: row.semantic,
    size: (definition.anySize ? 8 : operandBytes) as Size,
    addressBytes: (definition.byAddressSize ? addressBytes : 8) as 2 | 4 | 8,
    long: definition.byMode ? long : true,
    operands: row.operands.map((_, slot) => operandOf(row, slot, operandBytes, memory)),
    condition,
    rep: repOf(row, variant.rep),
  };
}

/** F2 and F3 mean the same to a string instruction without comparison. */
function repOf(row: InstructionRow, rep: number): number {
  if (row.rep === "none") return 0;
  return row.rep === "rep" && rep !== 0 ? 0xf3 : rep;
}

function keyOf(shape: Shape): string {
  const operands = shape.operands.map(({ kind, bytes }) => `${kind}${bytes}`).join();
  const { semantic, size, addressBytes, long, condition, rep } = shape;
  return `${semantic}/${size} ${addressBytes} ${long} ${condition} ${rep} ${operands}`;
}
