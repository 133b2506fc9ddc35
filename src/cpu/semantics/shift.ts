/**
 * SHL, SHR, SAR, the rotates, SHLD and SHRD, and the shifts of BMI2 (SDM 2B, the instructions'
 * pages).
 *
 * Counts are taken modulo 32, or 64 for 64-bit operands. A count of 0 changes neither flags nor the
 * destination. What the manual leaves undefined: OF for counts above 1 follows the formula for 1,
 * AF is cleared by shifts.
 */
import type { Builder } from "../builder/builder.ts";
import { ops, type Size, wide } from "../builder/ops.ts";
import type { Instruction, Operand, Semantic } from "../builder/shape.ts";
import type { Place } from "../builder/target.ts";
import { const32, type Value } from "../builder/value.ts";
import type { SemanticGroup } from "./group.ts";

/** Operand and count of a shift that takes place: the value zero-extended, the count 1..63. */
interface Shift {
  readonly b: Builder;
  readonly size: Size;
  readonly bits: number;
  readonly place: Place;
  readonly value: Value;
  readonly count: Value;
}

type Writer = (shift: Shift, i: Instruction) => void;

/** Bit `index` of a word as i32. */
export function bitOf(word: Value, index: Value | number): Value {
  return ops.and32(ops.wrap(ops.shrU(word, index)), 1);
}

function maskedCount(b: Builder, count: Operand, size: Size): Value {
  return b.let(ops.and(b.readUnsigned(count), size === 8 ? 63 : 31));
}

/** What all shifts share; `countOf` tells which operand is the count. */
function shift(write: Writer, countOf = (i: Instruction) => i.src): Semantic {
  return (b, i) => {
    const size = i.dst.bytes as Size;
    const count = maskedCount(b, countOf(i), size);
    const place = b.modify(i.dst);
    // A 32-bit register loses its upper half even if nothing is shifted.
    const otherwise = size === 4 ? () => place.write(place.value) : undefined;
    const then = () => {
      const value = b.let(ops.unsigned(size, place.value));
      write({ b, size, bits: size * 8, place, value, count }, i);
    };
    b.if(ops.ne(count, 0), then, otherwise);
  };
}

/** Writes a result with its flags. */
function finish({ b, size, place, bits }: Shift, word: Value, cf: Value, overflow: Value): void {
  const result = b.let(ops.signed(size, word));
  const carry = b.let(cf);
  const of = ops.xor32(bitOf(result, bits - 1), overflow);
  b.flags.explicit(result, { cf: carry, of: b.let(of), af: const32(0) });
  place.write(result);
}

const shl: Writer = (s) => {
  const { b, bits, value, count } = s;
  const word = b.let(ops.shl(value, count));
  const cf = b.let(s.size === 8 ? bitOf(value, ops.sub(wide(64), count)) : bitOf(word, bits));
  finish(s, word, cf, cf);
};

const shr: Writer = (s) => {
  const word = s.b.let(ops.shrU(s.value, s.count));
  finish(s, word, bitOf(s.value, ops.sub(s.count, 1)), bitOf(word, s.bits - 2));
};

const sar: Writer = (s) => {
  const word = s.b.let(ops.shrS(s.place.value, s.count));
  const cf = bitOf(ops.shrS(s.place.value, ops.sub(s.count, 1)), 0);
  finish(s, word, cf, bitOf(word, s.bits - 1));
};

/** A rotation changes CF and OF only. */
function finishRotation({ b, size, place, bits }: Shift, word: Value, cf: Value, top: Value): void {
  const result = b.let(ops.signed(size, word));
  const carry = b.let(cf);
  b.flags.setCarryAndOverflow(carry, b.let(ops.xor32(bitOf(result, bits - 1), top)));
  place.write(result);
}

/** The operand repeated through 64 bits: rotations of it are rotations of the operand. */
const REPEATED = { 1: 0x0101_0101_0101_0101n, 2: 0x0001_0001_0001_0001n, 4: 0x1_0000_0001n, 8: 1n };

const rol: Writer = (s) => {
  const word = s.b.let(ops.rotl(ops.mul(s.value, REPEATED[s.size]), s.count));
  const cf = s.b.let(bitOf(word, 0));
  finishRotation(s, word, cf, cf);
};

const ror: Writer = (s) => {
  const word = s.b.let(ops.rotr(ops.mul(s.value, REPEATED[s.size]), s.count));
  finishRotation(s, word, bitOf(word, s.bits - 1), bitOf(word, s.bits - 2));
};

/** Rotations through CF are over one bit more than the operand has. */
function throughCarry(narrow: Writer, full: Writer): Writer {
  return (s, i) => {
    if (s.size === 8) {
      full(s, i);
      return;
    }
    if (s.size === 4) {
      narrow(s, i);
      return;
    }
    const count = s.b.let(ops.remU(s.count, s.bits + 1));
    s.b.if(ops.ne(count, 0), () => narrow({ ...s, count }, i));
  };
}

/** Operand with CF above it. */
function withCarry({ b, bits, value }: Shift): Value {
  return b.let(ops.or(value, ops.shl(ops.widenU(b.flags.carry()), bits)));
}

const rcl = throughCarry(
  (s) => {
    const w = withCarry(s);
    const low = ops.shrU(w, ops.sub(wide(s.bits + 1), s.count));
    const word = s.b.let(ops.or(ops.shl(w, s.count), low));
    const cf = s.b.let(bitOf(word, s.bits));
    finishRotation(s, word, cf, cf);
  },
  (s) => {
    const { b, value, count } = s;
    const carry = b.let(ops.widenU(b.flags.carry()));
    const low = ops.or(
      ops.shl(carry, ops.sub(count, 1)),
      ops.shrU(ops.shrU(value, 1), ops.sub(wide(64), count)),
    );
    const cf = b.let(bitOf(value, ops.sub(wide(64), count)));
    finishRotation(s, ops.or(ops.shl(value, count), low), cf, cf);
  },
);

const rcr = throughCarry(
  (s) => {
    const w = withCarry(s);
    const high = ops.shl(w, ops.sub(wide(s.bits + 1), s.count));
    const word = s.b.let(ops.or(ops.shrU(w, s.count), high));
    finishRotation(s, word, bitOf(w, ops.sub(s.count, 1)), bitOf(word, s.bits - 2));
  },
  (s) => {
    const { b, value, count } = s;
    const carry = b.let(ops.widenU(b.flags.carry()));
    const back = b.let(ops.sub(wide(64), count));
    const high = ops.or(ops.shl(carry, back), ops.shl(ops.shl(value, 1), back));
    const word = b.let(ops.or(ops.shrU(value, count), high));
    finishRotation(s, word, bitOf(value, ops.sub(count, 1)), bitOf(word, 62));
  },
);

/** OF tells that the sign changed. */
function finishDouble(s: Shift, word: Value, cf: Value): void {
  finish(s, word, cf, bitOf(s.value, s.bits - 1));
}

/**
 * 16 bits: counts above 16 are undefined; destination, source and destination again stand in a row,
 * as Intel's processors have it.
 */
function tripleWord({ b, value }: Shift, source: Value): Value {
  const middle = ops.or(ops.shl(value, 32), ops.shl(source, 16));
  return b.let(ops.or(middle, value));
}

const shld: Writer = (s, i) => {
  const { b, size, bits, value, count } = s;
  const source = b.let(b.readUnsigned(i.src));
  if (size === 2) {
    const word = tripleWord(s, source);
    finishDouble(s, ops.shrU(ops.shl(word, count), 32), bitOf(word, ops.sub(wide(48), count)));
    return;
  }
  const back = b.let(ops.sub(wide(bits), count));
  finishDouble(s, ops.or(ops.shl(value, count), ops.shrU(source, back)), bitOf(value, back));
};

const shrd: Writer = (s, i) => {
  const { b, size, bits, value, count } = s;
  const source = b.let(b.readUnsigned(i.src));
  const back = b.let(ops.sub(wide(bits), count));
  const out = size === 2 ? tripleWord(s, source) : value;
  const word =
    size === 2 ? ops.shrU(out, count) : ops.or(ops.shrU(value, count), ops.shl(source, back));
  finishDouble(s, word, bitOf(out, ops.sub(count, 1)));
};

/** SHLX, SHRX, SARX: no flags, the count in a register. */
function unflagged(compute: (size: Size, value: Value, count: Value) => Value): Semantic {
  return (b, i) => {
    const size = i.dst.bytes as Size;
    const value = b.let(b.read(i.src));
    b.write(i.dst, compute(size, value, maskedCount(b, i.third, size)));
  };
}

export const SHIFTS: SemanticGroup = {
  shl: { emit: shift(shl) },
  shr: { emit: shift(shr) },
  sar: { emit: shift(sar) },
  rol: { emit: shift(rol) },
  ror: { emit: shift(ror) },
  rcl: { emit: shift(rcl) },
  rcr: { emit: shift(rcr) },
  shld: { emit: shift(shld, (i) => i.third) },
  shrd: { emit: shift(shrd, (i) => i.third) },
  shlx: { emit: unflagged((_, value, count) => ops.shl(value, count)) },
  shrx: { emit: unflagged((size, value, count) => ops.shrU(ops.unsigned(size, value), count)) },
  sarx: { emit: unflagged((_, value, count) => ops.shrS(value, count)) },
  rorx: {
    emit: unflagged((size, value, count) =>
      ops.rotr(ops.mul(ops.unsigned(size, value), REPEATED[size]), count),
    ),
  },
};
