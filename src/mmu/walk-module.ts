/** The generated walk as a WebAssembly module: emitted once for each paging mode and layout. */
import type { LinearMemory } from "../memory/layout.ts";
import type { Code } from "../wasm/code.ts";
import { ModuleBuilder } from "../wasm/module-builder.ts";
import { MEM, OP, type ValueType } from "../wasm/opcodes.ts";
import type { PagingMode } from "./paging-mode.ts";
import { WalkEmitter, type WalkPlaces } from "./walk-emitter.ts";

/**
 * What the module exports. Each returns the fault, 0, or `BAIL`; the rest of the result is in the
 * state block (mmu-state.ts).
 */
export interface GeneratedWalk {
  /** Walks from the paging-structure caches, or from the top table where there are none. */
  walk(hi: number, lo: number, access: number): number;
  /**
   * Walks `count` linear addresses, i64 at host address `addresses`, and writes each physical
   * address as i64 at `out`, -1 where there is a fault. @returns the number of faults; or, if
   * negative, the walk with index -(n + 1) met something that needs the reference walk
   */
  walkBatch(addresses: number, out: number, count: number, access: number): number;
}

const compiled = new Map<string, WebAssembly.Module>();

/**
 * @param withCaches whether the module uses and fills the paging-structure caches at
 *   `places.areas`
 */
export function generatedWalk(
  linear: LinearMemory,
  mode: PagingMode,
  places: WalkPlaces,
  withCaches: boolean,
): GeneratedWalk {
  const pages = linear.endBytes / 65536;
  const areas = places.areas.map(({ base, entries }) => `${base}/${entries}`).join();
  const key = `${mode.key} ${pages} ${places.stateBase} ${places.directoryBase} ${withCaches} ${areas}`;
  let module = compiled.get(key);
  if (!module) {
    module = new WebAssembly.Module(emitModule(pages, mode, places, withCaches));
    compiled.set(key, module);
  }
  const instance = new WebAssembly.Instance(module, { host: { memory: linear.wasmMemory } });
  return instance.exports as unknown as GeneratedWalk;
}

function emitModule(
  pages: number,
  mode: PagingMode,
  places: WalkPlaces,
  withCaches: boolean,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(pages);
  const main = module.function({ parameters: ["i64", "i32"], results: ["i32"] }, (c) =>
    new WalkEmitter(c, mode, places, withCaches).emit(),
  );
  const i32s = (count: number): ValueType[] => Array.from({ length: count }, () => "i32");
  module.function(
    { parameters: i32s(3), results: ["i32"] },
    (c) => pair(c, 0, 1).get(2).call(main),
    "walk",
  );
  module.function(
    { parameters: i32s(4), results: ["i32"] },
    (c) => emitBatch(c, main, places.stateBase),
    "walkBatch",
  );
  return module.build();
}

/** Pushes the i64 whose halves are in two locals. */
function pair(c: Code, hi: number, lo: number): Code {
  c.get(hi).op(OP.i64ExtendI32U).i64(32n).op(OP.i64Shl);
  return c.get(lo).op(OP.i64ExtendI32U, OP.i64Or);
}

function emitBatch(c: Code, walk: number, stateBase: number): void {
  const [addresses, out, count, access] = [0, 1, 2, 3];
  const done = c.local("i32");
  const faults = c.local("i32");
  const fault = c.local("i32");
  const again = c.loop();
  const at = (base: number) => c.get(base).get(done).i32(3).op(OP.i32Shl, OP.i32Add);
  at(addresses).mem(MEM.i64Load).get(access).call(walk).tee(fault).if();
  c.get(fault).i32(0).op(OP.i32LtS).if();
  c.i32(-1).get(done).op(OP.i32Sub).return().end();
  c.get(faults).i32(1).op(OP.i32Add).set(faults);
  at(out).i64(-1n).mem(MEM.i64Store);
  c.else();
  at(out).i32(stateBase).mem(MEM.i64Load).mem(MEM.i64Store);
  c.end();
  c.get(done).i32(1).op(OP.i32Add).tee(done).get(count).op(OP.i32LtU).brIf(again);
  c.end().get(faults);
}
