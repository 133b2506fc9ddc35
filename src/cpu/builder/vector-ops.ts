/**
 * Vector operators of the builder, on v128. Names end in the width of a lane in bits; S and U tell
 * signed and unsigned. Lane 0 is the lowest.
 */
import { SIMD } from "../../wasm/simd-opcodes.ts";
import { type Value, value } from "./value.ts";

type Unary = (a: Value) => Value;
type Binary = (a: Value, c: Value) => Value;
type Shift = (a: Value, count: Value) => Value;

function operator(opcode: number, type: Value["type"], ...operands: readonly Value[]): Value {
  return value(type, (code) => {
    for (const operand of operands) operand.emit(code);
    code.simd(opcode);
  });
}

function unary(opcode: number, type: Value["type"] = "v128"): Unary {
  return (a) => operator(opcode, type, a);
}

function binary(opcode: number): Binary {
  return (a, c) => operator(opcode, "v128", a, c);
}

/** The count is an i32, taken modulo the lane's width. */
const shift: (opcode: number) => Shift = binary;

/** A constant of 16 bytes. */
export function vectorOf(bytes: readonly number[]): Value {
  return value("v128", (code) => code.simd(SIMD.constant, ...bytes));
}

/** A constant with all lanes of `bits` bits equal. */
export function allLanes(bits: number, word: number | bigint): Value {
  const laneBytes = bits / 8;
  const lane = BigInt(word);
  const byte = (n: number) => Number((lane >> BigInt((n % laneBytes) * 8)) & 0xffn);
  return vectorOf(Array.from({ length: 16 }, (_, n) => byte(n)));
}

export const vectors = {
  and: binary(SIMD.and),
  /** a and not c. */
  andNot: binary(SIMD.andNot),
  or: binary(SIMD.or),
  xor: binary(SIMD.xor),
  not: unary(SIMD.not),
  anyTrue: unary(SIMD.anyTrue, "i32"),
  /** Bits of `a` where `mask` has ones, of `c` elsewhere. */
  bitselect: (a: Value, c: Value, mask: Value) => operator(SIMD.bitselect, "v128", a, c, mask),

  add8: binary(SIMD.add8),
  add16: binary(SIMD.add16),
  add32: binary(SIMD.add32),
  add64: binary(SIMD.add64),
  sub8: binary(SIMD.sub8),
  sub16: binary(SIMD.sub16),
  sub32: binary(SIMD.sub32),
  sub64: binary(SIMD.sub64),
  addSatS8: binary(SIMD.addSatS8),
  addSatU8: binary(SIMD.addSatU8),
  addSatS16: binary(SIMD.addSatS16),
  addSatU16: binary(SIMD.addSatU16),
  subSatS8: binary(SIMD.subSatS8),
  subSatU8: binary(SIMD.subSatU8),
  subSatS16: binary(SIMD.subSatS16),
  subSatU16: binary(SIMD.subSatU16),
  mul16: binary(SIMD.mul16),
  mul32: binary(SIMD.mul32),
  mul64: binary(SIMD.mul64),
  /** Products of the low or high four 16-bit lanes, 32 bits each. */
  extmulLow16S: binary(SIMD.extmulLow16S),
  extmulHigh16S: binary(SIMD.extmulHigh16S),
  extmulLow16U: binary(SIMD.extmulLow16U),
  extmulHigh16U: binary(SIMD.extmulHigh16U),
  /** Sums of products of neighbours. */
  dot16S: binary(SIMD.dot16S),
  /** (a * c + 0x4000) >> 15, saturated. */
  q15MulrSatS: binary(SIMD.q15MulrSatS),
  /** Sums of neighbours, in lanes of twice the width. */
  pairwise8U: unary(SIMD.pairwise8U),
  pairwise16U: unary(SIMD.pairwise16U),
  avgrU8: binary(SIMD.avgrU8),
  avgrU16: binary(SIMD.avgrU16),
  minS8: binary(SIMD.minS8),
  minU8: binary(SIMD.minU8),
  minS16: binary(SIMD.minS16),
  minU16: binary(SIMD.minU16),
  minS32: binary(SIMD.minS32),
  minU32: binary(SIMD.minU32),
  maxS8: binary(SIMD.maxS8),
  maxU8: binary(SIMD.maxU8),
  maxS16: binary(SIMD.maxS16),
  maxU16: binary(SIMD.maxU16),
  maxS32: binary(SIMD.maxS32),
  maxU32: binary(SIMD.maxU32),
  abs8: unary(SIMD.abs8),
  abs16: unary(SIMD.abs16),
  abs32: unary(SIMD.abs32),
  neg8: unary(SIMD.neg8),
  neg16: unary(SIMD.neg16),
  neg32: unary(SIMD.neg32),

  /** Comparisons fill a lane with ones or zeros. */
  eq8: binary(SIMD.eq8),
  eq16: binary(SIMD.eq16),
  eq32: binary(SIMD.eq32),
  eq64: binary(SIMD.eq64),
  gtS8: binary(SIMD.gtS8),
  gtS16: binary(SIMD.gtS16),
  gtS32: binary(SIMD.gtS32),
  gtS64: binary(SIMD.gtS64),

  shl16: shift(SIMD.shl16),
  shl32: shift(SIMD.shl32),
  shl64: shift(SIMD.shl64),
  shrU16: shift(SIMD.shrU16),
  shrU32: shift(SIMD.shrU32),
  shrU64: shift(SIMD.shrU64),
  shrS16: shift(SIMD.shrS16),
  shrS32: shift(SIMD.shrS32),

  /** Lanes of `a`, then of `c`, in half the width, saturated. */
  narrow16S: binary(SIMD.narrow16S),
  narrow16U: binary(SIMD.narrow16U),
  narrow32S: binary(SIMD.narrow32S),
  narrow32U: binary(SIMD.narrow32U),
  /** The low half's lanes in twice the width. */
  extendLow8S: unary(SIMD.extendLow8S),
  extendLow8U: unary(SIMD.extendLow8U),
  extendLow16S: unary(SIMD.extendLow16S),
  extendLow16U: unary(SIMD.extendLow16U),
  extendLow32S: unary(SIMD.extendLow32S),
  extendLow32U: unary(SIMD.extendLow32U),

  /** Bytes of `a` (0..15) and `c` (16..31) by constant index. */
  shuffle: (a: Value, c: Value, bytes: readonly number[]): Value =>
    value("v128", (code) => {
      a.emit(code);
      c.emit(code);
      code.simd(SIMD.shuffle, ...bytes);
    }),
  /** Bytes of `a` by the indices in `c`; 0 for indices from 16 on. */
  swizzle: binary(SIMD.swizzle),

  /** The lanes' top bits as an i32. */
  bitmask8: unary(SIMD.bitmask8, "i32"),
  bitmask32: unary(SIMD.bitmask32, "i32"),
  bitmask64: unary(SIMD.bitmask64, "i32"),

  /** All lanes from an i32, or an i64. */
  splat8: unary(SIMD.splat8),
  splat16: unary(SIMD.splat16),
  splat32: unary(SIMD.splat32),
  splat64: unary(SIMD.splat64),
  /** The low or high 8 bytes as an i64. */
  low: lane64(0),
  high: lane64(1),
  /** An i64 with zeros above it. */
  fromLow: (a: Value): Value => withLane64(allLanes(8, 0), 0, a),
  withLow: (vector: Value, a: Value): Value => withLane64(vector, 0, a),
  withHigh: (vector: Value, a: Value): Value => withLane64(vector, 1, a),
} as const;

function lane64(index: number): Unary {
  return (a) =>
    value("i64", (code) => {
      a.emit(code);
      code.simd(SIMD.extract64, index);
    });
}

function withLane64(vector: Value, index: number, a: Value): Value {
  return value("v128", (code) => {
    vector.emit(code);
    a.emit(code);
    code.simd(SIMD.replace64, index);
  });
}
