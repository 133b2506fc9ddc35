/** The generated walk as a WebAssembly module: emitted once for each paging mode and layout. */
import type { LinearMemory } from "../memory/layout.ts";
import type { Code } from "../wasm/code.ts";
import { ModuleBuilder } from "../wasm/module-builder.ts";
import { MEM, OP, type ValueType } from "../wasm/opcodes.ts";
import { NO_FAULT } from "./fault.ts";
import { STATE } from "./mmu-state.ts";
import type { PagingMode } from "./paging-mode.ts";
import { BAIL, WalkEmitter, type WalkPlaces } from "./walk-emitter.ts";

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
  const i32s = (count: number): ValueType[] => Array.from({ length: count }, () => "i32");
  module.function(
    { parameters: i32s(3), results: ["i32"] },
    (c) => emitSingle(c, mode, places, withCaches),
    "walk",
  );
  module.function(
    { parameters: i32s(4), results: ["i32"] },
    (c) => emitBatch(c, mode, places, withCaches),
    "walkBatch",
  );
  return module.build();
}

/** One walk, whose result goes to the state block. */
function emitSingle(c: Code, mode: PagingMode, places: WalkPlaces, withCaches: boolean): void {
  const [hi, lo, access] = [0, 1, 2];
  const va = c.local("i64");
  const { stateBase } = places;
  const storeLevel = () => {
    c.i32(stateBase).get(walk.span).i32(7).op(OP.i32And).mem(MEM.i32Store, STATE.level);
  };
  const walk = new WalkEmitter(
    c,
    mode,
    places,
    { withCaches, batch: false },
    { va, access },
    {
      translated() {
        c.i32(stateBase).get(walk.page).mem(MEM.i64Store, STATE.physical);
        c.i32(stateBase).get(walk.entry).mem(MEM.i64Store, STATE.entry);
        c.i32(stateBase).get(walk.rights).mem(MEM.i32Store, STATE.rights);
        storeLevel();
        c.i32(NO_FAULT).return();
      },
      faulted: storeLevel,
      bailed: () => c.i32(BAIL).return(),
    },
  );
  c.get(hi).op(OP.i64ExtendI32U).i64(32n).op(OP.i64Shl);
  c.get(lo).op(OP.i64ExtendI32U, OP.i64Or).set(va);
  walk.prepare();
  walk.walk();
  c.get(walk.fault);
}

/** Walks one after the other, whose results go to the array. */
function emitBatch(c: Code, mode: PagingMode, places: WalkPlaces, withCaches: boolean): void {
  const [addresses, out, count, access] = [0, 1, 2, 3];
  const va = c.local("i64");
  const done = c.local("i32");
  const faults = c.local("i32");
  const exit = c.block();
  c.get(count).op(OP.i32Eqz).brIf(exit);
  let next = exit;
  const walk = new WalkEmitter(
    c,
    mode,
    places,
    { withCaches, batch: true },
    { va, access },
    {
      translated: () => c.get(out).get(walk.page).mem(MEM.i64Store).br(next),
      faulted() {
        c.get(out).i64(-1n).mem(MEM.i64Store);
        c.get(faults).i32(1).op(OP.i32Add).set(faults);
      },
      bailed: () => c.i32(-1).get(done).op(OP.i32Sub).return(),
    },
  );
  walk.prepare();
  const again = c.loop();
  c.get(addresses).mem(MEM.i64Load).set(va);
  next = c.block();
  walk.walk();
  c.end();
  c.get(addresses).i32(8).op(OP.i32Add).set(addresses);
  c.get(out).i32(8).op(OP.i32Add).set(out);
  c.get(done).i32(1).op(OP.i32Add).tee(done).get(count).op(OP.i32LtU).brIf(again);
  c.end().end().get(faults);
}
