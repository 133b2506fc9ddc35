/**
 * Handlers that are functions of their own, in modules of their own: one module for each semantic,
 * made when an instruction of it is first decoded. The interpreter calls them through a table.
 */
import type { Code } from "../../wasm/code.ts";
import { type FunctionType, ModuleBuilder } from "../../wasm/module-builder.ts";
import { Builder } from "../builder/builder.ts";
import { InterpreterTarget } from "./interpreter-target.ts";
import type { EngineFunctions } from "./module-functions.ts";
import { defineHelpers } from "./module-helpers.ts";
import type { ModuleLayout } from "./module-layout.ts";
import type { ApartShape, ShapeTable } from "./shapes.ts";

/** (record, budget) -> 0 to go on, a record to go on at, or one of these. */
export const APART_TYPE: FunctionType = { parameters: ["i32", "i32"], results: ["i32"] };
export const APART_FAULT = -1;
/** The next iteration of a repeated instruction. */
export const APART_AGAIN = -2;

const NOWHERE = { label: -1 };
const GROWTH = 1024;

/** By memory layout and numbers of the functions; processors share them. */
const compiled = new WeakMap<ShapeTable, Map<string, WebAssembly.Module>>();

export class ApartFunctions {
  readonly table = new WebAssembly.Table({ element: "anyfunc", initial: GROWTH });
  readonly #shapes: ShapeTable;
  readonly #layout: ModuleLayout;
  readonly #imports: WebAssembly.Imports;
  readonly #filled: boolean[] = [];

  constructor(shapes: ShapeTable, layout: ModuleLayout, imports: WebAssembly.Imports) {
    this.#shapes = shapes;
    this.#layout = layout;
    this.#imports = imports;
  }

  /** Makes sure that the function with this number is in the table. */
  require(index: number): void {
    if (this.#filled[index]) return;
    const { apart } = this.#shapes;
    const semantic = apart[index]?.instruction.semantic;
    const missing = apart.filter(
      (s) => s.instruction.semantic === semantic && !this.#filled[s.index],
    );
    const instance = new WebAssembly.Instance(this.#module(missing), this.#imports);
    for (const shape of missing) {
      if (shape.index >= this.table.length)
        this.table.grow(shape.index + GROWTH - this.table.length);
      this.table.set(shape.index, instance.exports[nameOf(shape)]);
      this.#filled[shape.index] = true;
    }
  }

  #module(shapes: readonly ApartShape[]): WebAssembly.Module {
    let known = compiled.get(this.#shapes);
    if (!known) {
      known = new Map();
      compiled.set(this.#shapes, known);
    }
    const key = `${this.#layout.state} ${this.#layout.memoryPages} ${shapes.map((s) => s.index)}`;
    let module = known.get(key);
    if (!module) {
      module = new WebAssembly.Module(apartModule(shapes, this.#layout));
      known.set(key, module);
    }
    return module;
  }
}

function nameOf({ index }: ApartShape): string {
  return `handler${index}`;
}

/** The bytes of a module that exports a function for each of the shapes. */
export function apartModule(
  shapes: readonly ApartShape[],
  layout: ModuleLayout,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(layout.memoryPages);
  const { functions } = defineHelpers(module, layout.state);
  for (const shape of shapes) {
    module.function(APART_TYPE, (c) => writeHandler(c, shape, layout, functions), nameOf(shape));
  }
  return module.build();
}

function writeHandler(
  c: Code,
  { instruction, definition }: ApartShape,
  layout: ModuleLayout,
  functions: EngineFunctions,
): void {
  const [record, budget] = [0, 1];
  const next = c.local("i32");
  const fault = c.block();
  const again = c.block();
  const dispatch = c.block();
  const elsewhere = { target: next, enter: NOWHERE, lookup: NOWHERE, stop: NOWHERE };
  const frame = { record, next, budget, dispatch, fault, again, ...elsewhere };
  const target = new InterpreterTarget(c, layout.state, frame, functions);
  const builder = new Builder(target);
  target.begin(builder, false);
  definition.emit(builder, instruction);
  target.end();
  builder.finish();
  c.end().get(next).return();
  c.end().i32(APART_AGAIN).return();
  c.end().i32(APART_FAULT);
}
