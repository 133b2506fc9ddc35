/** Generated code that works on runs of 64-bit words at host addresses, eight words at a time. */
import type { Code } from "../wasm/code.ts";
import { ModuleBuilder } from "../wasm/module-builder.ts";
import { MEM, OP, type ValueType } from "../wasm/opcodes.ts";
import { SIMD } from "../wasm/simd-opcodes.ts";
import type { LinearMemory } from "./layout.ts";

/** What the module exports. `host` is a host address in bytes, `count` a number of words. */
export interface WordRunCode {
  /**
   * Writes hi:lo, hi:lo + step, hi:lo + 2 * step ... into those words that are zero.
   * @param step 0..2^31-1
   * @returns how many were
   */
  fillZeros(host: number, count: number, hi: number, lo: number, step: number): number;
  /** Zeroes all words. @returns in how many bit 0 was set */
  clear(host: number, count: number): number;
  /** @returns 1 if all words are zero, else 0 */
  isZero(host: number, count: number): number;
}

const BLOCK_BYTES = 64;
const VECTOR_BYTES = 16;
const VECTORS = [0, VECTOR_BYTES, 2 * VECTOR_BYTES, 3 * VECTOR_BYTES] as const;
const [HOST, COUNT] = [0, 1];

const compiled = new Map<number, WebAssembly.Module>();

export function wordRunCode(linear: LinearMemory): WordRunCode {
  const pages = linear.endBytes / 65536;
  let module = compiled.get(pages);
  if (!module) {
    module = new WebAssembly.Module(emitModule(pages));
    compiled.set(pages, module);
  }
  const instance = new WebAssembly.Instance(module, { host: { memory: linear.wasmMemory } });
  return instance.exports as unknown as WordRunCode;
}

function emitModule(pages: number): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(pages);
  const add = (name: keyof WordRunCode, parameters: number, write: (c: Code) => void) => {
    const types: ValueType[] = Array.from({ length: parameters }, () => "i32");
    module.function({ parameters: types, results: ["i32"] }, write, name);
  };
  add("fillZeros", 5, emitFillZeros);
  add("clear", 2, emitClear);
  add("isZero", 2, emitIsZero);
  return module.build();
}

/** @returns a local with the host address behind the run */
function emitEnd(c: Code): number {
  const end = c.local("i32");
  c.get(HOST).get(COUNT).i32(3).op(OP.i32Shl, OP.i32Add).set(end);
  return end;
}

function emitAdvance(c: Code, bytes: number): void {
  c.get(HOST).i32(bytes).op(OP.i32Add).set(HOST);
}

/** Whether fewer than `bytes` are left. */
function emitLacks(c: Code, end: number, bytes: number): void {
  c.get(end).get(HOST).op(OP.i32Sub).i32(bytes).op(OP.i32LtU);
}

/** Whether a word of the block is not zero. */
function emitBlockInUse(c: Code): void {
  for (const at of VECTORS) {
    c.get(HOST).simdMem(SIMD.load, at);
    if (at > 0) c.simd(SIMD.or);
  }
  c.simd(SIMD.anyTrue);
}

function emitFillZeros(c: Code): void {
  const [hi, lo, step] = [2, 3, 4];
  const end = emitEnd(c);
  const fresh = c.local("i32");
  const first = c.local("i64");
  const value = c.local("v128");
  const one = c.local("v128");
  const two = c.local("v128");
  c.get(hi).op(OP.i64ExtendI32U).i64(32n).op(OP.i64Shl);
  c.get(lo).op(OP.i64ExtendI32U, OP.i64Or).tee(first).simd(SIMD.splat64);
  c.get(first).get(step).op(OP.i64ExtendI32U, OP.i64Add).simd(SIMD.replace64, 1).set(value);
  c.get(step).op(OP.i64ExtendI32U).simd(SIMD.splat64).tee(one);
  c.get(one).simd(SIMD.add64).set(two);
  const done = c.block();
  const again = c.loop();
  const single = c.block();
  const blocks = c.loop();
  emitLacks(c, end, BLOCK_BYTES);
  c.brIf(single);
  emitBlockInUse(c);
  c.brIf(single);
  for (const at of VECTORS) {
    c.get(HOST).get(value).simdMem(SIMD.store, at);
    c.get(value).get(two).simd(SIMD.add64).set(value);
  }
  c.get(fresh).i32(8).op(OP.i32Add).set(fresh);
  emitAdvance(c, BLOCK_BYTES);
  c.br(blocks).end().end();
  emitLacks(c, end, 8);
  c.brIf(done);
  c.get(HOST).mem(MEM.i64Load).op(OP.i64Eqz);
  c.if();
  c.get(HOST).get(value).simd(SIMD.extract64, 0).mem(MEM.i64Store);
  c.get(fresh).i32(1).op(OP.i32Add).set(fresh);
  c.end();
  c.get(value).get(one).simd(SIMD.add64).set(value);
  emitAdvance(c, 8);
  c.br(again).end().end();
  c.get(fresh);
}

function emitClear(c: Code): void {
  const end = emitEnd(c);
  const sum = c.local("v128");
  const ones = c.local("v128");
  const zero = c.local("v128");
  const tail = c.local("i64");
  c.i64(1n).simd(SIMD.splat64).set(ones);
  const single = c.block();
  const blocks = c.loop();
  emitLacks(c, end, BLOCK_BYTES);
  c.brIf(single);
  for (const at of VECTORS) {
    c.get(HOST).simdMem(SIMD.load, at).get(ones).simd(SIMD.and);
    c.get(sum).simd(SIMD.add64).set(sum);
    c.get(HOST).get(zero).simdMem(SIMD.store, at);
  }
  emitAdvance(c, BLOCK_BYTES);
  c.br(blocks).end().end();
  const done = c.block();
  const words = c.loop();
  emitLacks(c, end, 8);
  c.brIf(done);
  c.get(HOST).mem(MEM.i64Load).i64(1n).op(OP.i64And).get(tail).op(OP.i64Add).set(tail);
  c.get(HOST).i64(0n).mem(MEM.i64Store);
  emitAdvance(c, 8);
  c.br(words).end().end();
  c.get(sum).simd(SIMD.extract64, 0).get(sum).simd(SIMD.extract64, 1);
  c.get(tail).op(OP.i64Add, OP.i64Add, OP.i32WrapI64);
}

function emitIsZero(c: Code): void {
  const end = emitEnd(c);
  const single = c.block();
  const blocks = c.loop();
  emitLacks(c, end, BLOCK_BYTES);
  c.brIf(single);
  emitBlockInUse(c);
  c.if();
  c.i32(0).return().end();
  emitAdvance(c, BLOCK_BYTES);
  c.br(blocks).end().end();
  const done = c.block();
  const words = c.loop();
  emitLacks(c, end, 8);
  c.brIf(done);
  c.get(HOST).mem(MEM.i64Load).op(OP.i64Eqz, OP.i32Eqz);
  c.if();
  c.i32(0).return().end();
  emitAdvance(c, 8);
  c.br(words).end().end();
  c.i32(1);
}
