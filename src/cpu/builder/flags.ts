/**
 * The six status flags, computed when somebody asks.
 *
 * An instruction leaves behind its result and a *subtraction* that has its carries:
 *
 *     ZF  result = 0                    CF  minuend <u subtrahend
 *     SF  sign of result                OF  signed overflow of minuend - subtrahend
 *     PF  parity of result's low byte   AF  borrow into bit 4 of minuend - subtrahend
 *
 * All are sign-extended to 64 bits, which keeps the order of unsigned numbers too, so one formula
 * serves every size. A sum a + b = r has the carries of r - a, whose difference is b. The form word
 * holds what remains: bits 5..0 shift that brings the operand's sign to bit 63, bit 6 inverts SF,
 * bit 7 inverts PF (ZF = 1 with SF = 1 or PF = 0 can only come from POPF and the like).
 */
import { CELL } from "../layout.ts";
import type { Builder } from "./builder.ts";
import { ops, type Size, wide } from "./ops.ts";
import { const32, type Value } from "./value.ts";

export const FLAG = {
  CF: 1 << 0,
  PF: 1 << 2,
  AF: 1 << 4,
  ZF: 1 << 6,
  SF: 1 << 7,
  TF: 1 << 8,
  IF: 1 << 9,
  DF: 1 << 10,
  OF: 1 << 11,
  IOPL: 3 << 12,
  NT: 1 << 14,
  RF: 1 << 16,
  VM: 1 << 17,
  AC: 1 << 18,
  VIF: 1 << 19,
  VIP: 1 << 20,
  ID: 1 << 21,
} as const;

export const STATUS_FLAGS = FLAG.CF | FLAG.PF | FLAG.AF | FLAG.ZF | FLAG.SF | FLAG.OF;

export const FORM_SIGN_INVERTED = 64;
export const FORM_PARITY_INVERTED = 128;

/** Carries to set by hand; i32, 0 or 1 each. */
export interface Carries {
  readonly cf: Value;
  readonly of: Value;
  readonly af: Value;
}

export class FlagWriter {
  readonly #b: Builder;

  constructor(b: Builder) {
    this.#b = b;
  }

  /** After `result = a - b`, all sign-extended from `size`. */
  sub(size: Size, a: Value, b: Value, result: Value): void {
    this.#set(result, a, b, size);
  }

  /** After `result = a + b`, all sign-extended from `size`. */
  add(size: Size, a: Value, result: Value): void {
    this.#set(result, result, a, size);
  }

  /** CF = OF = AF = 0 and the rest from `result`, sign-extended. (AF is undefined in the manual.) */
  logic(result: Value): void {
    this.#set(result, wide(0), wide(0), 8);
  }

  /** The rest from `result`, sign-extended; carries as given. */
  explicit(result: Value, { cf, of, af }: Carries): void {
    const b = this.#b;
    const carry = b.let(ops.widenU(cf));
    const half = b.let(ops.widenU(af));
    const minuend = ops.or(ops.shl(half, 4), ops.shl(ops.xor(carry, 1), 63));
    const into = ops.shl(ops.xor(ops.widenU(of), carry), 62);
    const subtrahend = ops.or(ops.or(ops.shl(half, 3), into), ops.shl(carry, 63));
    this.#set(result, b.let(minuend), b.let(subtrahend), 8);
  }

  /** Changes CF alone. */
  setCarry(cf: Value): void {
    this.setCarryAndOverflow(cf, this.overflow());
  }

  /** Changes CF and OF, leaves the rest. */
  setCarryAndOverflow(cf: Value, overflow: Value): void {
    const of = this.#b.let(overflow);
    const af = this.#b.let(this.adjust());
    const target = this.#b.target;
    const form = ops.and32(target.cell32(CELL.flagForm), FORM_SIGN_INVERTED | FORM_PARITY_INVERTED);
    const kept = this.#b.let(form);
    this.explicit(target.cell64(CELL.flagResult), { cf: this.#b.let(cf), of, af });
    target.setCell32(CELL.flagForm, kept);
  }

  /** All six from a flags image (i32); its other bits are ignored. */
  setAll(image: Value): void {
    const b = this.#b;
    const bit = (shift: number) => ops.and32(ops.shrU32(image, shift), 1);
    const zero = ops.widenU(ops.shl32(ops.xor32(bit(6), 1), 8));
    this.explicit(b.let(zero), { cf: bit(0), of: bit(11), af: bit(4) });
    const sign = ops.shl32(bit(7), 6);
    const parity = ops.shl32(ops.xor32(bit(2), 1), 7);
    b.target.setCell32(CELL.flagForm, ops.or32(sign, parity));
  }

  // --- Reading: i32, 0 or 1 -------------------------------------------------------------------

  carry(): Value {
    return ops.ltU(this.#minuend(), this.#subtrahend());
  }

  zero(): Value {
    return ops.eqz(this.#result());
  }

  sign(): Value {
    const inverted = ops.and32(ops.shrU32(this.#form(), 6), 1);
    return ops.xor32(ops.wrap(ops.shrU(this.#result(), 63)), inverted);
  }

  parity(): Value {
    const ones = ops.popcnt32(ops.and32(ops.wrap(this.#result()), 0xff));
    return ops.and32(ops.xor32(ops.xor32(ones, 1), ops.shrU32(this.#form(), 7)), 1);
  }

  overflow(): Value {
    return ops.wrap(ops.shrU(this.#overflowWord(), 63));
  }

  adjust(): Value {
    const difference = ops.sub(this.#minuend(), this.#subtrahend());
    const carries = ops.xor(ops.xor(this.#minuend(), this.#subtrahend()), difference);
    return ops.and32(ops.wrap(ops.shrU(carries, 4)), 1);
  }

  /** SF <> OF. */
  less(): Value {
    const inverted = ops.and32(ops.shrU32(this.#form(), 6), 1);
    const differs = ops.shrU(ops.xor(this.#result(), this.#overflowWord()), 63);
    return ops.xor32(ops.wrap(differs), inverted);
  }

  /** Condition 0..15 of Jcc, SETcc and CMOVcc (SDM 1, EFLAGS Condition Codes). */
  condition(code: number): Value {
    const base = this.#even(code >> 1);
    return code & 1 ? ops.eqz(base) : base;
  }

  /** The six flags in their places (i32). */
  image(): Value {
    const parts = [
      this.carry(),
      ops.shl32(this.parity(), 2),
      ops.shl32(this.adjust(), 4),
      ops.shl32(this.zero(), 6),
      ops.shl32(this.sign(), 7),
      ops.shl32(this.overflow(), 11),
    ];
    return parts.reduce((sum, part) => ops.or32(sum, part), const32(0));
  }

  #even(pair: number): Value {
    switch (pair) {
      case 0:
        return this.overflow();
      case 1:
        return this.carry();
      case 2:
        return this.zero();
      case 3:
        return ops.or32(this.carry(), this.zero());
      case 4:
        return this.sign();
      case 5:
        return this.parity();
      case 6:
        return this.less();
      default:
        return ops.or32(this.less(), this.zero());
    }
  }

  #set(result: Value, minuend: Value, subtrahend: Value, size: Size): void {
    const target = this.#b.target;
    target.setCell64(CELL.flagResult, result);
    target.setCell64(CELL.flagMinuend, minuend);
    target.setCell64(CELL.flagSubtrahend, subtrahend);
    target.setCell32(CELL.flagForm, const32(64 - size * 8));
  }

  #overflowWord(): Value {
    const difference = ops.sub(this.#minuend(), this.#subtrahend());
    const shifted = ops.shl(difference, ops.widenU(ops.and32(this.#form(), 63)));
    const signs = ops.xor(this.#minuend(), this.#subtrahend());
    return ops.and(signs, ops.xor(this.#minuend(), shifted));
  }

  #result(): Value {
    return this.#b.target.cell64(CELL.flagResult);
  }

  #minuend(): Value {
    return this.#b.target.cell64(CELL.flagMinuend);
  }

  #subtrahend(): Value {
    return this.#b.target.cell64(CELL.flagSubtrahend);
  }

  #form(): Value {
    return this.#b.target.cell32(CELL.flagForm);
  }
}
