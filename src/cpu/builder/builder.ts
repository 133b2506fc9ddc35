/**
 * What semantics are written against.
 *
 * Conventions: integers of the guest are i64, conditions i32 (0 or 1); `size` is in bytes. A value
 * is computed where it is used (see value.ts): fix with `let` what is used twice or what a later
 * statement changes. Accesses to memory happen in the order of the calls. Everything that can fault
 * comes before everything that writes.
 */
import type { Code } from "../../wasm/code.ts";
import type { ValueType } from "../../wasm/opcodes.ts";
import { FlagWriter } from "./flags.ts";
import { ops, type Size } from "./ops.ts";
import type { Operand } from "./shape.ts";
import type { Place, Target } from "./target.ts";
import { type Value, value } from "./value.ts";

/** A local that can be assigned again. */
export interface Variable extends Value {
  readonly set: (v: Value) => void;
}

export class Builder {
  readonly target: Target;
  readonly flags: FlagWriter;
  readonly #code: Code;
  #locals: number[] = [];

  constructor(target: Target) {
    this.target = target;
    this.#code = target.code;
    this.flags = new FlagWriter(this);
  }

  // --- Locals and control -----------------------------------------------------------------------

  /** Computes `v` now and fixes it. */
  let(v: Value): Value {
    if (v.known !== undefined) return v;
    return this.variable(v);
  }

  variable(initial: Value): Variable {
    const code = this.#code;
    const local = this.local(initial.type);
    initial.emit(code);
    code.set(local);
    const set = (v: Value) => {
      v.emit(code);
      code.set(local);
    };
    return { ...value(initial.type, (c) => c.get(local)), set };
  }

  /** A bare local that lives to the end of the instruction. */
  local(type: ValueType): number {
    const local = this.#code.local(type);
    this.#locals.push(local);
    return local;
  }

  /** Gives the locals of the instruction back. */
  finish(): void {
    this.#code.free(...this.#locals);
    this.#locals = [];
  }

  if(condition: Value, then: () => void, otherwise?: () => void): void {
    condition.emit(this.#code);
    this.#code.if();
    then();
    if (otherwise) {
      this.#code.else();
      otherwise();
    }
    this.#code.end();
  }

  /** Repeats `body` while the condition that it returns holds. */
  doWhile(body: () => Value): void {
    const again = this.#code.loop();
    body().emit(this.#code);
    this.#code.brIf(again);
    this.#code.end();
  }

  // --- Operands ---------------------------------------------------------------------------------

  /** An operand's value, sign-extended to 64 bits. A memory operand is loaded now. */
  read(operand: Operand): Value {
    return this.#read(operand, true);
  }

  /** An operand's value, zero-extended to 64 bits. */
  readUnsigned(operand: Operand): Value {
    return this.#read(operand, false);
  }

  /** Writes the low bytes of `v`. */
  write(operand: Operand, v: Value): void {
    if (operand.kind === "memory") this.store(operand.bytes, this.linear(operand, true), v);
    else this.target.writeRegister(operand, v);
  }

  /** An operand that is read and then written. */
  modify(operand: Operand): Place {
    if (operand.kind === "memory") {
      return this.target.modify(operand.bytes, this.linear(operand, true));
    }
    return {
      value: this.let(this.target.readRegister(operand, true)),
      write: (v) => this.target.writeRegister(operand, v),
    };
  }

  /** Linear address of a memory operand, fixed and checked against its segment. */
  linear(operand: Operand, write: boolean, bytes = operand.bytes): Value {
    return this.let(this.target.linear(bytes, write));
  }

  // --- Registers and memory by number -----------------------------------------------------------

  /** The low `size` bytes of general register `index`, zero-extended. */
  reg(index: number, size: Size = 8): Value {
    return ops.unsigned(size, this.target.register(index));
  }

  /** Writes as an instruction of that operand size would: 4 bytes clear the upper half. */
  setReg(index: number, v: Value, size: Size = 8): void {
    if (size === 8) this.target.setRegister(index, v);
    else if (size === 4) this.target.setRegister(index, ops.unsigned(4, v));
    else {
      const mask = size === 2 ? 0xffffn : 0xffn;
      const rest = ops.and(this.target.register(index), ~mask & 0xffff_ffff_ffff_ffffn);
      this.target.setRegister(index, ops.or(rest, ops.and(v, mask)));
    }
  }

  load(bytes: number, linear: Value, signed = true): Value {
    return this.target.load(bytes, linear, signed);
  }

  store(bytes: number, linear: Value, v: Value): void {
    this.target.store(bytes, linear, v);
  }

  #read(operand: Operand, signed: boolean): Value {
    switch (operand.kind) {
      case "memory":
        return this.target.load(operand.bytes, this.linear(operand, false), signed);
      case "immediate": {
        const immediate = this.target.immediate();
        if (!signed) return ops.unsigned(operand.bytes as Size, immediate);
        // The decoder extends all but bytes as `read` promises; a byte may be a count or a port.
        return operand.bytes === 1 ? ops.signed(1, immediate) : immediate;
      }
      default:
        return this.target.readRegister(operand, signed);
    }
  }
}
