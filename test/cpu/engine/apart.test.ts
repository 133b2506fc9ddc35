import { describe, expect, it } from "vitest";
import { apartModule } from "../../../src/cpu/engine/apart.ts";
import { ShapeTable } from "../../../src/cpu/engine/shapes.ts";
import { RAX } from "../../../src/cpu/layout.ts";
import { SEMANTICS } from "../../../src/cpu/semantics/index.ts";
import { Guest } from "../../support/guest.ts";

describe("Handlers that are functions of their own", () => {
  it("make a valid module for every semantic that is not in the interpreter's function", () => {
    const shapes = new ShapeTable(SEMANTICS);
    const hot = shapes.instructions.length;
    shapes.enumerateAll();
    expect(shapes.instructions.length).toBe(hot);
    const semantics = new Set(shapes.apart.map(({ instruction }) => instruction.semantic));
    expect(semantics.has("rcl") && semantics.has("movs") && semantics.has("xadd")).toBe(true);
    const layout = { state: 0x10000, blockTable: 0x20000, memoryPages: 16 };
    const invalid = [...semantics].filter((semantic) => {
      const own = shapes.apart.filter(({ instruction }) => instruction.semantic === semantic);
      return !WebAssembly.validate(apartModule(own, layout));
    });
    expect(invalid).toEqual([]);
  });

  it("end a repetition where the instruction limit is, and go on from there", () => {
    const guest = new Guest().longMode();
    guest.code(`
      fc                          ; cld
      bf 00 00 02 00              ; mov edi, 0x20000
      b9 05 00 00 00              ; mov ecx, 5
      b8 07 00 00 00              ; mov eax, 7
      f3 aa                       ; rep stosb
      f4
    `);
    // Each iteration counts as an instruction.
    expect(guest.run(6)).toBe("limit");
    expect(guest.cpu.state.gpr(1)).toBe(3n);
    expect(guest.cpu.state.rip).toBe(0x10000n + 16n);
    expect(guest.run()).toBe("halted");
    expect(guest.cpu.state.gpr(RAX)).toBe(7n);
    expect([...Array(6).keys()].map((i) => guest.memory.read8(0x20000 + i))).toEqual([
      7, 7, 7, 7, 7, 0,
    ]);
  });
});
