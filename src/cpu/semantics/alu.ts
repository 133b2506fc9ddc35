/** ADD … CMP, INC, DEC, NEG, NOT, TEST, XADD, CMPXCHG (SDM 2A–2D, the instructions' pages). */
import type { Builder } from "../builder/builder.ts";
import { ops, type Size } from "../builder/ops.ts";
import type { Instruction, Semantic } from "../builder/shape.ts";
import type { Value } from "../builder/value.ts";
import type { SemanticGroup } from "./group.ts";

type Writer = (b: Builder, size: Size, a: Value, c: Value) => Value;

/** `dst = dst op src` with flags. */
function binary(compute: Writer): Semantic {
  return (b: Builder, i: Instruction) => {
    const source = b.let(b.read(i.src));
    const place = b.modify(i.dst);
    place.write(compute(b, i.dst.bytes as Size, place.value, source));
  };
}

const add: Writer = (b, size, a, c) => {
  const result = b.let(ops.signed(size, ops.add(a, c)));
  b.flags.add(size, a, result);
  return result;
};

const sub: Writer = (b, size, a, c) => {
  const result = b.let(ops.signed(size, ops.sub(a, c)));
  b.flags.sub(size, a, c, result);
  return result;
};

/** a + c + CF. The carries are those of the whole sum. */
const adc: Writer = (b, size, a, c) => {
  const carry = b.let(b.flags.carry());
  const result = b.let(ops.signed(size, ops.add(ops.add(a, c), ops.widenU(carry))));
  const wraps = ops.or32(ops.ltU(result, a), ops.and32(carry, ops.eq(result, a)));
  const overflow = ops.and(ops.xor(a, result), ops.xor(c, result));
  b.flags.explicit(result, {
    cf: b.let(wraps),
    of: b.let(top(overflow)),
    af: bitFour(ops.xor(ops.xor(a, c), result)),
  });
  return result;
};

/** a - c - CF. */
const sbb: Writer = (b, size, a, c) => {
  const carry = b.let(b.flags.carry());
  const result = b.let(ops.signed(size, ops.sub(ops.sub(a, c), ops.widenU(carry))));
  const borrows = ops.or32(ops.ltU(a, c), ops.and32(carry, ops.eq(a, c)));
  const overflow = ops.and(ops.xor(a, c), ops.xor(a, result));
  b.flags.explicit(result, {
    cf: b.let(borrows),
    of: b.let(top(overflow)),
    af: bitFour(ops.xor(ops.xor(a, c), result)),
  });
  return result;
};

function logic(op: (a: Value, c: Value) => Value): Writer {
  return (b, _size, a, c) => {
    const result = b.let(op(a, c));
    b.flags.logic(result);
    return result;
  };
}

function top(word: Value): Value {
  return ops.wrap(ops.shrU(word, 63));
}

function bitFour(word: Value): Value {
  return ops.and32(ops.wrap(ops.shrU(word, 4)), 1);
}

const cmp: Semantic = (b, i) => {
  const first = b.let(b.read(i.dst));
  const second = b.let(b.read(i.src));
  sub(b, i.dst.bytes as Size, first, second);
};

const test: Semantic = (b, i) => {
  const first = b.let(b.read(i.dst));
  b.flags.logic(b.let(ops.and(first, b.read(i.src))));
};

/** INC and DEC leave CF as it is; they overflow at the end of the signed range. */
function step(by: bigint): Semantic {
  return (b, i) => {
    const size = i.dst.bytes as Size;
    const place = b.modify(i.dst);
    const a = place.value;
    const result = b.let(ops.signed(size, ops.add(a, by)));
    const smallest = -(1n << BigInt(size * 8 - 1));
    const largest = -smallest - 1n;
    const carry = b.let(b.flags.carry());
    b.flags.explicit(result, {
      cf: carry,
      of: ops.eq(a, by > 0n ? largest : smallest),
      af: bitFour(ops.xor(a, result)),
    });
    place.write(result);
  };
}

const neg: Semantic = (b, i) => {
  const place = b.modify(i.dst);
  const zero = b.let(ops.sub(place.value, place.value));
  place.write(sub(b, i.dst.bytes as Size, zero, place.value));
};

const not: Semantic = (b, i) => {
  const place = b.modify(i.dst);
  place.write(ops.not(place.value));
};

const xadd: Semantic = (b, i) => {
  const place = b.modify(i.dst);
  const source = b.let(b.read(i.src));
  const result = add(b, i.dst.bytes as Size, place.value, source);
  // The sum comes last: it stays if both operands are one register.
  const old = place.value;
  b.target.writeRegister(i.src, old);
  place.write(result);
};

/** The destination is written in any case; with its old value if it differs from rAX. */
const cmpxchg: Semantic = (b, i) => {
  const size = i.dst.bytes as Size;
  const place = b.modify(i.dst);
  const source = b.let(b.read(i.src));
  const accumulator = b.let(ops.signed(size, b.reg(0)));
  const result = b.let(ops.signed(size, ops.sub(accumulator, place.value)));
  b.flags.sub(size, accumulator, place.value, result);
  const equal = b.let(ops.eqz(result));
  b.if(
    equal,
    () => place.write(source),
    () => {
      if (i.dst.kind === "memory") place.write(place.value);
      b.setReg(0, place.value, size);
    },
  );
};

export const ALU: SemanticGroup = {
  add: { emit: binary(add) },
  or: { emit: binary(logic(ops.or)) },
  adc: { emit: binary(adc) },
  sbb: { emit: binary(sbb) },
  and: { emit: binary(logic(ops.and)) },
  sub: { emit: binary(sub) },
  xor: { emit: binary(logic(ops.xor)) },
  cmp: { emit: cmp },
  test: { emit: test },
  inc: { emit: step(1n) },
  dec: { emit: step(-1n) },
  neg: { emit: neg },
  not: { emit: not },
  xadd: { emit: xadd },
  cmpxchg: { emit: cmpxchg },
};
