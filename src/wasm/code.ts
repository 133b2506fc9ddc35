/**
 * The body of one WebAssembly function, written as the stack machine reads it.
 *
 * Methods return `this`, so that an expression reads in the order of evaluation:
 *
 *     c.get(a).i32(12).op(OP.i32ShrU).set(b);
 *
 * Blocks are named by labels instead of depths: `const exit = c.block(); ... c.br(exit); ... c.end()`.
 */
import { InvariantError, invariant } from "../base/errors.ts";
import { hiOf, loOf } from "../base/word64.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type MemoryOp, TYPE, type ValueType } from "./opcodes.ts";

/** Names an open block. */
export type Label = { readonly label: number };

const EMPTY_BLOCK = 0x40;

export class Code {
  readonly #body = new ByteWriter();
  readonly #parameters: number;
  readonly #locals: ValueType[] = [];
  readonly #free = new Map<ValueType, number[]>();
  readonly #open: number[] = [];
  #nextLabel = 0;

  /** @param parameters how many of the locals are the function's parameters */
  constructor(parameters: number) {
    this.#parameters = parameters;
  }

  /** A local of this type: one that was freed, or a new one. Its value is undefined. */
  local(type: ValueType): number {
    const reused = this.#free.get(type)?.pop();
    if (reused !== undefined) return reused;
    this.#locals.push(type);
    return this.#parameters + this.#locals.length - 1;
  }

  /** Gives locals back for reuse: V8 slows down badly with thousands of them. */
  free(...locals: readonly number[]): void {
    for (const index of locals) {
      const type = this.#locals[index - this.#parameters];
      if (type === undefined) throw new InvariantError(`free: local ${index} is a parameter`);
      const list = this.#free.get(type);
      if (list) list.push(index);
      else this.#free.set(type, [index]);
    }
  }

  op(...opcodes: readonly number[]): this {
    for (const opcode of opcodes) this.#body.byte(opcode);
    return this;
  }

  get(local: number): this {
    return this.#indexed(0x20, local);
  }

  set(local: number): this {
    return this.#indexed(0x21, local);
  }

  tee(local: number): this {
    return this.#indexed(0x22, local);
  }

  /** An i32 constant; 0 .. 2^32-1 and int32 are both welcome. */
  i32(value: number): this {
    this.#body.byte(0x41);
    this.#body.signed(value | 0);
    return this;
  }

  /** An i64 constant, 0 .. 2^64-1 or signed. */
  i64(value: bigint): this {
    return this.i64Pair(hiOf(value), loOf(value));
  }

  i64Pair(hi: number, lo: number): this {
    this.#body.byte(0x42);
    this.#body.signedPair(hi, lo);
    return this;
  }

  /** A load or store: the address (and for a store then the value) is on the stack. */
  mem(op: MemoryOp, offset = 0): this {
    this.#body.byte(op[0]);
    // The alignment hint is always 1 byte: guests align as they like, and hosts do not care.
    this.#body.unsigned(0);
    this.#body.unsigned(offset);
    return this;
  }

  /** A vector operator: prefix 0xFD and its number; further bytes as the operator needs them. */
  simd(opcode: number, ...immediates: readonly number[]): this {
    this.#body.byte(0xfd);
    this.#body.unsigned(opcode);
    return this.op(...immediates);
  }

  /** A vector load or store. */
  simdMem(opcode: number, offset = 0, ...lane: readonly number[]): this {
    this.#body.byte(0xfd);
    this.#body.unsigned(opcode);
    this.#body.unsigned(0);
    this.#body.unsigned(offset);
    return this.op(...lane);
  }

  /** `memory.fill`: host address, value and length are on the stack. */
  memoryFill(): this {
    return this.op(0xfc, 0x0b, 0x00);
  }

  block(result?: ValueType): Label {
    return this.#structured(0x02, result);
  }

  loop(result?: ValueType): Label {
    return this.#structured(0x03, result);
  }

  /** Runs what follows if the i32 on the stack is not 0. */
  if(result?: ValueType): Label {
    return this.#structured(0x04, result);
  }

  else(): this {
    return this.op(0x05);
  }

  end(): this {
    invariant(this.#open.length > 0, "end: no block is open");
    this.#open.pop();
    return this.op(0x0b);
  }

  br(target: Label): this {
    return this.#indexed(0x0c, this.#depth(target));
  }

  brIf(target: Label): this {
    return this.#indexed(0x0d, this.#depth(target));
  }

  brTable(targets: readonly Label[], otherwise: Label): this {
    this.#body.byte(0x0e);
    this.#body.unsigned(targets.length);
    for (const target of [...targets, otherwise]) this.#body.unsigned(this.#depth(target));
    return this;
  }

  return(): this {
    return this.op(0x0f);
  }

  /** @param index as `ModuleBuilder` gave it */
  call(index: number): this {
    return this.#indexed(0x10, index);
  }

  /** Calls the function at the table index on the stack. @param type from `ModuleBuilder.type` */
  callIndirect(type: number): this {
    this.#indexed(0x11, type);
    return this.op(0x00);
  }

  /** The finished body as it stands in the code section. */
  finish(): Uint8Array {
    invariant(this.#open.length === 0, "finish: a block is still open");
    const out = new ByteWriter();
    const runs: { type: ValueType; count: number }[] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.type === type) last.count += 1;
      else runs.push({ type, count: 1 });
    }
    out.unsigned(runs.length);
    for (const { type, count } of runs) {
      out.unsigned(count);
      out.byte(TYPE[type]);
    }
    out.append(this.#body.view());
    out.byte(0x0b);
    return out.view();
  }

  #indexed(opcode: number, index: number): this {
    this.#body.byte(opcode);
    this.#body.unsigned(index);
    return this;
  }

  #structured(opcode: number, result?: ValueType): Label {
    this.#body.byte(opcode);
    this.#body.byte(result === undefined ? EMPTY_BLOCK : TYPE[result]);
    const label = this.#nextLabel++;
    this.#open.push(label);
    return { label };
  }

  #depth(target: Label): number {
    const at = this.#open.lastIndexOf(target.label);
    if (at < 0) throw new InvariantError(`br: block ${target.label} is not open`);
    return this.#open.length - 1 - at;
  }
}
