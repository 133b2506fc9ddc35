/**
 * Bit tests, bit scans, counts, byte order, CRC32, BMI and ADX (SDM 2A–2D, the instructions' pages).
 *
 * Undefined flags: BT … BTC change CF only; BSF and BSR change ZF only; TZCNT and LZCNT change CF
 * and ZF only. BSF and BSR of 0 leave the destination, all 64 bits of it.
 */
import type { Builder } from "../builder/builder.ts";
import { FLAG } from "../builder/flags.ts";
import { ops, type Size, wide } from "../builder/ops.ts";
import type { Instruction, Operand, Semantic } from "../builder/shape.ts";
import type { Place } from "../builder/target.ts";
import { const32, type Value } from "../builder/value.ts";
import type { SemanticGroup } from "./group.ts";

const ZF_SHIFT = 6;

/** Changes ZF and what else `mask` has, to bits of `values`; keeps the rest. */
function setSome(b: Builder, mask: number, values: Value): void {
  const kept = ops.and32(b.flags.image(), ~mask);
  b.flags.setAll(b.let(ops.or32(kept, values)));
}

function zeroBit(zero: Value): Value {
  return ops.shl32(zero, ZF_SHIFT);
}

// --- BT, BTS, BTR, BTC --------------------------------------------------------------------------

/** A bit offset in a register selects a word before or behind the memory operand. */
function bitLinear(b: Builder, i: Instruction, offset: Value, write: boolean): Value {
  const words = ops.shrS(offset, 3 + Math.log2(i.size));
  const distance = ops.mul(words, i.size);
  const sum = ops.add(b.target.offset(), distance);
  const cut = ops.unsigned(i.addressBytes as Size, sum);
  return b.let(b.target.operandLinear(cut, i.size, write));
}

function bitPlace(b: Builder, i: Instruction, offset: Value, write: boolean): Place {
  if (i.dst.kind !== "memory" || i.src.kind === "immediate") {
    if (write) return b.modify(i.dst);
    return { value: b.let(b.read(i.dst)), write: () => {} };
  }
  const linear = bitLinear(b, i, offset, write);
  if (write) return b.target.modify(i.size, linear);
  return { value: b.load(i.size, linear), write: () => {} };
}

function bitTest(change?: (word: Value, bit: Value) => Value): Semantic {
  return (b, i) => {
    const offset = b.let(b.read(i.src));
    const index = b.let(ops.and(offset, i.size * 8 - 1));
    const place = bitPlace(b, i, offset, change !== undefined);
    const word = place.value;
    const carry = b.let(ops.and32(ops.wrap(ops.shrU(word, index)), 1));
    if (change) place.write(change(word, ops.shl(wide(1), index)));
    b.flags.setCarry(carry);
  };
}

// --- Scans and counts ---------------------------------------------------------------------------

/** Number of the lowest or highest set bit; `word` is zero-extended and not 0. */
function lowest(word: Value): Value {
  return ops.ctz(word);
}

function highest(word: Value): Value {
  return ops.sub(wide(63), ops.clz(word));
}

function scan(find: (word: Value) => Value): Semantic {
  return (b, i) => {
    const source = b.let(b.readUnsigned(i.src));
    const zero = b.let(ops.eqz(source));
    b.if(ops.eqz(zero), () => b.write(i.dst, find(source)));
    setSome(b, FLAG.ZF, zeroBit(zero));
  };
}

/** Zeros at one end; of 0, the operand's width, with CF. */
function countZeros(count: (word: Value, bits: number) => Value): Semantic {
  return (b, i) => {
    const source = b.let(b.readUnsigned(i.src));
    const result = b.let(count(source, i.size * 8));
    b.write(i.dst, result);
    const bits = ops.or32(ops.eqz(source), zeroBit(ops.eqz(result)));
    setSome(b, FLAG.ZF | FLAG.CF, b.let(bits));
  };
}

const tzcnt = countZeros((word, bits) =>
  ops.ctz(bits === 64 ? word : ops.or(word, 1n << BigInt(bits))),
);
const lzcnt = countZeros((word, bits) => ops.sub(ops.clz(word), 64 - bits));

const popcnt: Semantic = (b, i) => {
  const source = b.let(b.readUnsigned(i.src));
  b.write(i.dst, ops.popcnt(source));
  b.flags.setAll(b.let(zeroBit(ops.eqz(source))));
};

// --- Byte order and CRC32 -----------------------------------------------------------------------

/** The low `size` bytes in the opposite order, the rest 0; `word` is zero-extended and fixed. */
export function swapBytes(b: Builder, size: Size, word: Value): Value {
  const bytes = 0x00ff_00ff_00ff_00ffn;
  const pairs = 0x0000_ffff_0000_ffffn;
  const first = b.let(ops.or(ops.and(ops.shrU(word, 8), bytes), ops.shl(ops.and(word, bytes), 8)));
  if (size === 2) return first;
  const second = b.let(
    ops.or(ops.and(ops.shrU(first, 16), pairs), ops.shl(ops.and(first, pairs), 16)),
  );
  return size === 4 ? second : ops.rotl(second, 32);
}

const movbe: Semantic = (b, i) => {
  const source = b.let(b.readUnsigned(i.src));
  b.write(i.dst, b.let(swapBytes(b, i.size, source)));
};

/** BSWAP of a 16-bit register is undefined in the manual; processors clear it. */
const bswap: Semantic = (b, i) => {
  const source = b.let(b.readUnsigned(i.dst));
  b.write(i.dst, i.size === 2 ? wide(0) : b.let(swapBytes(b, i.size, source)));
};

/** The polynomial 11EDC6F41H, its bits in opposite order. */
const CRC32C = 0x82f6_3b78n;

const crc32: Semantic = (b, i) => {
  const before = ops.unsigned(4, b.target.readRegister(i.dst, false));
  const crc = b.variable(ops.xor(before, b.readUnsigned(i.src)));
  const left = b.variable(wide(i.src.bytes * 8));
  b.doWhile(() => {
    const polynomial = ops.and(ops.sub(wide(0), ops.and(crc, 1)), CRC32C);
    crc.set(ops.xor(ops.shrU(crc, 1), polynomial));
    left.set(ops.sub(left, 1));
    return ops.ne(left, 0);
  });
  // The upper half is 0 with either operand size.
  b.write({ ...i.dst, bytes: 4 }, crc);
};

// --- BMI1 and BMI2 ------------------------------------------------------------------------------

/** SF and ZF from the result, CF as given, OF = 0; AF and PF, undefined, are 0 and the result's. */
function setBmiFlags(b: Builder, result: Value, cf: Value): void {
  b.flags.explicit(result, { cf: b.let(cf), of: const32(0), af: const32(0) });
}

const NO_CARRY = const32(0);

const andn: Semantic = (b, i) => {
  const result = b.let(ops.and(ops.not(b.read(i.src)), b.read(i.third)));
  b.write(i.dst, result);
  setBmiFlags(b, result, NO_CARRY);
};

function lowestBit(compute: (word: Value) => Value, carry: (word: Value) => Value): Semantic {
  return (b, i) => {
    const source = b.let(b.read(i.src));
    const size = i.dst.bytes as Size;
    const result = b.let(ops.signed(size, compute(source)));
    b.write(i.dst, result);
    setBmiFlags(b, result, carry(source));
  };
}

const isZero = (word: Value) => ops.eqz(word);
const isNotZero = (word: Value) => ops.ne(word, 0);
const below = (word: Value) => ops.sub(word, 1);

/** Bits start .. start + length - 1 of the source; both bytes are in the third operand. */
const bextr: Semantic = (b, i) => {
  const size = i.dst.bytes as Size;
  const source = b.let(b.readUnsigned(i.src));
  const control = b.let(b.readUnsigned(i.third));
  const start = b.let(ops.and(control, 0xff));
  const length = b.let(ops.and(ops.shrU(control, 8), 0xff));
  const shifted = ops.select(ops.ltU(start, 64), ops.shrU(source, start), wide(0));
  const mask = ops.select(ops.ltU(length, 64), ops.sub(ops.shl(wide(1), length), 1), wide(-1));
  const result = b.let(ops.signed(size, ops.and(shifted, mask)));
  b.write(i.dst, result);
  setBmiFlags(b, result, NO_CARRY);
};

/** Clears the bits from an index on; CF tells that there are none. */
const bzhi: Semantic = (b, i) => {
  const size = i.dst.bytes as Size;
  const source = b.let(b.read(i.src));
  const index = b.let(ops.and(b.readUnsigned(i.third), 0xff));
  const within = b.let(ops.ltU(index, size * 8));
  const mask = ops.sub(ops.shl(wide(1), index), 1);
  const result = b.let(ops.signed(size, ops.select(within, ops.and(source, mask), source)));
  b.write(i.dst, result);
  setBmiFlags(b, result, ops.eqz(within));
};

/**
 * For each set bit of the mask, from the lowest: `step` gets it alone and the number of it as a bit.
 */
function eachMaskBit(b: Builder, mask: Operand, step: (bit: Value, numbered: Value) => void): void {
  const left = b.variable(b.readUnsigned(mask));
  const numbered = b.variable(wide(1));
  b.if(ops.ne(left, 0), () =>
    b.doWhile(() => {
      step(b.let(ops.and(left, ops.sub(wide(0), left))), numbered);
      numbered.set(ops.shl(numbered, 1));
      left.set(ops.and(left, ops.sub(left, 1)));
      return ops.ne(left, 0);
    }),
  );
}

const pdep: Semantic = (b, i) => {
  const source = b.let(b.readUnsigned(i.src));
  const result = b.variable(wide(0));
  eachMaskBit(b, i.third, (bit, numbered) => {
    const isSet = ops.ne(ops.and(source, numbered), 0);
    result.set(ops.or(result, ops.select(isSet, bit, wide(0))));
  });
  b.write(i.dst, result);
};

const pext: Semantic = (b, i) => {
  const source = b.let(b.readUnsigned(i.src));
  const result = b.variable(wide(0));
  eachMaskBit(b, i.third, (bit, numbered) => {
    const isSet = ops.ne(ops.and(source, bit), 0);
    result.set(ops.or(result, ops.select(isSet, numbered, wide(0))));
  });
  b.write(i.dst, result);
};

// --- ADX ----------------------------------------------------------------------------------------

/** Adds with CF or OF as the carry, and changes that flag only. */
function addWithFlag(
  read: (b: Builder) => Value,
  write: (b: Builder, carry: Value) => void,
): Semantic {
  return (b, i) => {
    const size = i.dst.bytes as Size;
    const carry = b.let(ops.widenU(read(b)));
    const x = b.let(b.readUnsigned(i.dst));
    const y = b.let(b.readUnsigned(i.src));
    const partial = b.let(ops.add(x, y));
    const sum = b.let(ops.add(partial, carry));
    const out =
      size === 4
        ? ops.wrap(ops.shrU(sum, 32))
        : ops.or32(ops.ltU(partial, x), ops.ltU(sum, partial));
    write(b, b.let(out));
    b.write(i.dst, sum);
  };
}

const adcx = addWithFlag(
  (b) => b.flags.carry(),
  (b, carry) => b.flags.setCarry(carry),
);
const adox = addWithFlag(
  (b) => b.flags.overflow(),
  (b, carry) => b.flags.setCarryAndOverflow(b.flags.carry(), carry),
);

export const BITS: SemanticGroup = {
  bt: { emit: bitTest(), byAddressSize: true },
  bts: { emit: bitTest(ops.or), byAddressSize: true },
  btr: { emit: bitTest((word, bit) => ops.and(word, ops.not(bit))), byAddressSize: true },
  btc: { emit: bitTest(ops.xor), byAddressSize: true },
  bsf: { emit: scan(lowest) },
  bsr: { emit: scan(highest) },
  tzcnt: { emit: tzcnt },
  lzcnt: { emit: lzcnt },
  popcnt: { emit: popcnt },
  movbe: { emit: movbe },
  bswap: { emit: bswap },
  crc32: { emit: crc32 },
  andn: { emit: andn },
  blsi: { emit: lowestBit((word) => ops.and(word, ops.sub(wide(0), word)), isNotZero) },
  blsr: { emit: lowestBit((word) => ops.and(word, below(word)), isZero) },
  blsmsk: { emit: lowestBit((word) => ops.xor(word, below(word)), isZero) },
  bextr: { emit: bextr },
  bzhi: { emit: bzhi },
  pdep: { emit: pdep },
  pext: { emit: pext },
  adcx: { emit: adcx },
  adox: { emit: adox },
};
