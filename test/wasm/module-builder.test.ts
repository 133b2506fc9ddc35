import { describe, expect, it } from "vitest";
import { Code } from "../../src/wasm/code.ts";
import { instantiate, ModuleBuilder } from "../../src/wasm/module-builder.ts";
import { MEM, OP } from "../../src/wasm/opcodes.ts";

const PAGES = 1;
const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });

describe("ModuleBuilder", () => {
  it("builds a function whose result the engine computes", () => {
    const m = new ModuleBuilder(PAGES);
    m.function(
      { parameters: ["i32", "i32"], results: ["i32"] },
      (c) => c.get(0).get(1).op(OP.i32Mul),
      "multiply",
    );
    const { multiply } = instantiate<{ multiply(a: number, b: number): number }>(m.build(), memory);
    expect(multiply(6, 7)).toBe(42);
    expect(multiply(-3, 5)).toBe(-15);
  });

  it("calls imported functions and functions declared later", () => {
    const m = new ModuleBuilder(PAGES);
    const seen: number[] = [];
    const note = m.importFunction("note", { parameters: ["i32"], results: [] });
    const later = m.declare({ parameters: ["i32"], results: ["i32"] });
    m.function(
      { parameters: ["i32"], results: ["i32"] },
      (c) => c.get(0).call(note).get(0).call(later),
      "run",
    );
    const body = new Code(1);
    body.get(0).i32(1).op(OP.i32Add);
    m.define(later, body);
    const { run } = instantiate<{ run(a: number): number }>(m.build(), memory, {
      note: (value: number) => seen.push(value),
    });
    expect(run(41)).toBe(42);
    expect(seen).toEqual([41]);
  });

  it.each([
    0n,
    1n,
    63n,
    64n,
    -1n,
    -64n,
    -65n,
    0x7fffffffn,
    0x80000000n,
    0x123456789abcdef0n,
    0x7fffffffffffffffn,
    -0x8000000000000000n,
  ])("encodes the 64-bit constant %s", (value) => {
    const m = new ModuleBuilder(PAGES);
    m.function({ parameters: [], results: ["i64"] }, (c) => c.i64(value), "value");
    const { value: read } = instantiate<{ value(): bigint }>(m.build(), memory);
    expect(read()).toBe(value);
  });

  it.each([0, 1, 63, 64, 127, 128, -1, -64, -65, 0x7fffffff, -0x80000000])(
    "encodes the 32-bit constant %s",
    (value) => {
      const m = new ModuleBuilder(PAGES);
      m.function({ parameters: [], results: ["i32"] }, (c) => c.i32(value), "value");
      const { value: read } = instantiate<{ value(): number }>(m.build(), memory);
      expect(read()).toBe(value);
    },
  );

  it("branches to labels through a table, and loops", () => {
    const m = new ModuleBuilder(PAGES);
    m.function(
      { parameters: ["i32"], results: ["i32"] },
      (c) => {
        const other = c.block();
        const one = c.block();
        const zero = c.block();
        c.get(0).brTable([zero, one], other);
        c.end().i32(100).return();
        c.end().i32(101).return();
        c.end();
        const sum = c.local("i32");
        const again = c.loop();
        c.get(sum).get(0).op(OP.i32Add).set(sum);
        c.get(0).i32(1).op(OP.i32Sub).tee(0).brIf(again);
        c.end().get(sum);
      },
      "run",
    );
    const { run } = instantiate<{ run(a: number): number }>(m.build(), memory);
    expect([0, 1, 4].map(run)).toEqual([100, 101, 10]);
  });

  it("loads and stores at offsets, reusing freed locals", () => {
    const m = new ModuleBuilder(PAGES);
    m.function(
      { parameters: [], results: [] },
      (c) => {
        const first = c.local("i64");
        c.free(first);
        expect(c.local("i64")).toBe(first);
        expect(c.local("i64")).not.toBe(first);
        c.i32(8).i64(0x1122334455667788n).mem(MEM.i64Store, 16);
      },
      "run",
    );
    instantiate<{ run(): void }>(m.build(), memory).run();
    expect(new DataView(memory.buffer).getBigUint64(24, true)).toBe(0x1122334455667788n);
  });

  it("refuses a branch to a block that is closed", () => {
    const c = new Code(0);
    const gone = c.block();
    c.end();
    expect(() => c.br(gone)).toThrow("br: block 0 is not open");
  });
});
