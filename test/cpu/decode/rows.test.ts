import { describe, expect, it } from "vitest";
import { InvariantError } from "../../../src/base/errors.ts";
import { buildDispatch } from "../../../src/cpu/decode/dispatch.ts";
import { operandForForm, operandParts } from "../../../src/cpu/decode/operand.ts";
import { instructionRows } from "../../../src/cpu/decode/rows.ts";
import { parseTables } from "../../../src/cpu/decode/table-text.ts";

const FIXED = new Set("AL CL AX DX rAX eAX ES CS SS DS FS GS ST0 BXAL".split(" "));

describe("Instruction tables", () => {
  it("give each row its position as id", () => {
    expect(instructionRows.map(({ id }) => id)).toEqual(instructionRows.map((_, index) => index));
  });

  it("name operands in the documented notation only", () => {
    const unknown = instructionRows
      .flatMap(({ operands }) => operands)
      .flatMap((operand) => [operandForForm(operand, false), operandForForm(operand, true)])
      .filter((operand) => {
        const { place, size } = operandParts(operand);
        return place === "fixed" && !FIXED.has(size);
      });
    expect(unknown).toEqual([]);
  });

  it("have a name for each operand size or condition", () => {
    const counts = new Set(instructionRows.map(({ mnemonics }) => mnemonics.length));
    expect([...counts].sort((a, b) => a - b)).toEqual([1, 3, 16]);
  });

  it("are all reachable, in 64-bit mode or outside it", () => {
    const reached = new Set<number>();
    for (const rows of [
      instructionRows.filter(({ invalid64 }) => !invalid64),
      instructionRows.filter(({ only64 }) => !only64),
    ]) {
      const { cells, byPrefix, byModrm } = buildDispatch(rows);
      for (const reference of [...cells, ...byPrefix]) {
        if ((reference & 3) === 0) reached.add(reference >> 2);
      }
      for (const row of byModrm) reached.add(row);
    }
    const unreached = instructionRows.filter(({ id }) => !reached.has(id));
    expect(unreached.map(({ encoding }) => encoding)).toEqual([]);
  });

  it("read one line as one row", () => {
    const [row] = parseTables(["f3 0f ae /0 reg | rdfsbase | Ry | 64 fsgsbase"]);
    expect(row).toEqual({
      id: 0,
      encoding: "f3 0f ae /0 reg",
      semantic: "rdfsbase",
      mnemonics: ["rdfsbase"],
      namedBy: "operand",
      operands: ["Ry"],
      map: "0f",
      opcode: 0xae,
      opcodeCount: 1,
      hasModrm: true,
      digit: 0,
      form: "register",
      modrm: -1,
      prefix: "f3",
      vex: false,
      regMask: 0xffff,
      byteSized: false,
      size64: "normal",
      rep: "none",
      lockable: false,
      invalid64: false,
      only64: true,
      protectedOnly: false,
      privileged: false,
      feature: "fsgsbase",
    });
  });

  it("refuse two rows for one encoding and lines that are no row", () => {
    expect(() => buildDispatch(parseTables(["90 | nop | |\n90 | hlt | |"]))).toThrow(
      InvariantError,
    );
    expect(() => parseTables(["0f zz | nop | |"])).toThrow(InvariantError);
    expect(() => parseTables(["90"])).toThrow(InvariantError);
  });
});
