/**
 * MUL, IMUL, MULX, DIV and IDIV (SDM 2A, 2B, 2D, the instructions' pages).
 *
 * Undefined flags: MUL and IMUL leave SF, ZF, AF and PF, DIV and IDIV all six as they were.
 */
import type { Builder } from "../builder/builder.ts";
import { ops, type Size, wide } from "../builder/ops.ts";
import type { Semantic } from "../builder/shape.ts";
import type { Value } from "../builder/value.ts";
import { DE } from "../faults.ts";
import { RAX, RDX } from "../layout.ts";
import type { SemanticGroup } from "./group.ts";

const LOW_32 = 0xffff_ffffn;
const SMALLEST = 1n << 63n;

/** Upper half of the unsigned product of two fixed 64-bit values. */
function highUnsigned(b: Builder, x: Value, y: Value): Value {
  const xLow = b.let(ops.and(x, LOW_32));
  const xHigh = b.let(ops.shrU(x, 32));
  const yLow = b.let(ops.and(y, LOW_32));
  const yHigh = b.let(ops.shrU(y, 32));
  const first = b.let(ops.add(ops.mul(xHigh, yLow), ops.shrU(ops.mul(xLow, yLow), 32)));
  const second = ops.add(ops.mul(xLow, yHigh), ops.and(first, LOW_32));
  const upper = ops.add(ops.mul(xHigh, yHigh), ops.shrU(first, 32));
  return b.let(ops.add(upper, ops.shrU(second, 32)));
}

/** Upper half of the signed product: each negative factor counts the other one too often. */
function highSigned(b: Builder, x: Value, y: Value): Value {
  const corrections = ops.add(ops.and(ops.shrS(x, 63), y), ops.and(ops.shrS(y, 63), x));
  return b.let(ops.sub(highUnsigned(b, x, y), corrections));
}

/** CF = OF = `significant`, the upper half of the product says something. */
function setSignificance(b: Builder, significant: Value): void {
  const flag = b.let(significant);
  b.flags.setCarryAndOverflow(flag, flag);
}

/** rAX and rDX, or AL and AH for bytes. */
function writeHalves(b: Builder, size: Size, low: Value, high: Value): void {
  if (size === 1) {
    b.setReg(RAX, ops.or(ops.and(low, 0xff), ops.shl(high, 8)), 2);
    return;
  }
  b.setReg(RAX, low, size);
  b.setReg(RDX, high, size);
}

const mul: Semantic = (b, i) => {
  const size = i.dst.bytes as Size;
  const source = b.let(b.readUnsigned(i.dst));
  const factor = b.let(b.reg(RAX, size));
  const product = b.let(ops.mul(factor, source));
  const high = size === 8 ? highUnsigned(b, factor, source) : b.let(ops.shrU(product, size * 8));
  setSignificance(b, ops.ne(high, 0));
  writeHalves(b, size, product, high);
};

/** One operand: the whole product. */
const imul1: Semantic = (b, i) => {
  const size = i.dst.bytes as Size;
  const source = b.let(b.read(i.dst));
  const factor = b.let(ops.signed(size, b.reg(RAX)));
  const product = b.let(ops.mul(factor, source));
  const high = size === 8 ? highSigned(b, factor, source) : b.let(ops.shrS(product, size * 8));
  setSignificance(b, ops.ne(high, signOf(size, product)));
  writeHalves(b, size, product, high);
};

/** All ones if the low half of a product is negative. */
function signOf(size: Size, product: Value): Value {
  return ops.shrS(ops.signed(size, product), 63);
}

/** Two or three operands: the product cut to the operand size. */
const imul: Semantic = (b, i) => {
  const size = i.dst.bytes as Size;
  const x = b.let(b.read(i.src));
  const y = b.let(b.read(i.third.kind === "none" ? i.dst : i.third));
  const product = b.let(ops.mul(x, y));
  const high = size === 8 ? highSigned(b, x, y) : b.let(ops.shrS(product, size * 8));
  setSignificance(b, ops.ne(high, signOf(size, product)));
  b.write(i.dst, product);
};

/** No flags; if both destinations are one register it gets the upper half. */
const mulx: Semantic = (b, i) => {
  const size = i.dst.bytes as Size;
  const x = b.let(b.reg(RDX, size));
  const y = b.let(b.readUnsigned(i.third));
  const product = b.let(ops.mul(x, y));
  const high = size === 8 ? highUnsigned(b, x, y) : b.let(ops.shrU(product, 32));
  b.write(i.src, product);
  b.write(i.dst, high);
};

function faultIf(b: Builder, condition: Value): void {
  b.if(condition, () => b.target.fault(DE));
}

/** The dividend of operands up to 32 bits: rDX:rAX, or AX. */
function dividend(b: Builder, size: Size): Value {
  if (size === 1) return b.reg(RAX, 2);
  return ops.or(ops.shl(b.reg(RDX, size), size * 8), b.reg(RAX, size));
}

/** hi:lo / divisor, bit by bit; hi < divisor. */
function divideWide(
  b: Builder,
  hi: Value,
  lo: Value,
  divisor: Value,
): { quotient: Value; remainder: Value } {
  const quotient = b.variable(lo);
  const remainder = b.variable(hi);
  const left = b.variable(wide(64));
  b.doWhile(() => {
    const carry = b.let(ops.shrU(remainder, 63));
    remainder.set(ops.or(ops.shl(remainder, 1), ops.shrU(quotient, 63)));
    quotient.set(ops.shl(quotient, 1));
    b.if(ops.or32(ops.wrap(carry), ops.geU(remainder, divisor)), () => {
      remainder.set(ops.sub(remainder, divisor));
      quotient.set(ops.or(quotient, 1));
    });
    left.set(ops.sub(left, 1));
    return ops.ne(left, 0);
  });
  return { quotient, remainder };
}

/** As above, in one step where the upper half is 0. */
function divideHalves(
  b: Builder,
  hi: Value,
  lo: Value,
  divisor: Value,
): { quotient: Value; remainder: Value } {
  const quotient = b.variable(wide(0));
  const remainder = b.variable(wide(0));
  b.if(
    ops.eqz(hi),
    () => {
      quotient.set(ops.divU(lo, divisor));
      remainder.set(ops.remU(lo, divisor));
    },
    () => {
      const result = divideWide(b, hi, lo, divisor);
      quotient.set(result.quotient);
      remainder.set(result.remainder);
    },
  );
  return { quotient, remainder };
}

const div: Semantic = (b, i) => {
  const size = i.dst.bytes as Size;
  const divisor = b.let(b.readUnsigned(i.dst));
  faultIf(b, ops.eqz(divisor));
  if (size === 8) {
    const hi = b.let(b.reg(RDX));
    faultIf(b, ops.geU(hi, divisor));
    const { quotient, remainder } = divideHalves(b, hi, b.let(b.reg(RAX)), divisor);
    writeHalves(b, size, quotient, remainder);
    return;
  }
  const whole = b.let(dividend(b, size));
  const quotient = b.let(ops.divU(whole, divisor));
  faultIf(b, ops.ne(ops.shrU(quotient, size * 8), 0));
  writeHalves(b, size, quotient, b.let(ops.remU(whole, divisor)));
};

const idiv: Semantic = (b, i) => {
  const size = i.dst.bytes as Size;
  const divisor = b.let(b.read(i.dst));
  faultIf(b, ops.eqz(divisor));
  if (size === 8) {
    divideSignedWide(b, divisor);
    return;
  }
  const unextended = dividend(b, size);
  const whole = b.let(ops.signed((size * 2) as Size, unextended));
  // The one quotient that has no place in 64 bits.
  faultIf(b, ops.and32(ops.eq(whole, SMALLEST), ops.eq(divisor, -1n)));
  const quotient = b.let(ops.divS(whole, divisor));
  faultIf(b, ops.ne(ops.signed(size, quotient), quotient));
  writeHalves(b, size, quotient, b.let(ops.remS(whole, divisor)));
};

/** By absolute values; the remainder has the dividend's sign. */
function divideSignedWide(b: Builder, divisor: Value): void {
  const lo = b.let(b.reg(RAX));
  const hi = b.let(b.reg(RDX));
  const sign = b.let(ops.shrS(hi, 63));
  const divisorSign = b.let(ops.shrS(divisor, 63));
  const absoluteLo = b.let(ops.sub(ops.xor(lo, sign), sign));
  const carry = ops.and(ops.widenU(ops.eqz(lo)), ops.and(sign, 1));
  const absoluteHi = b.let(ops.add(ops.xor(hi, sign), carry));
  const absolute = b.let(ops.sub(ops.xor(divisor, divisorSign), divisorSign));
  faultIf(b, ops.geU(absoluteHi, absolute));
  const { quotient, remainder } = divideHalves(b, absoluteHi, absoluteLo, absolute);
  const negative = b.let(ops.xor(sign, divisorSign));
  // At most 2^63 - 1, or 2^63 for a negative quotient.
  faultIf(b, ops.gtU(quotient, ops.sub(wide(SMALLEST - 1n), negative)));
  b.setReg(RAX, ops.sub(ops.xor(quotient, negative), negative));
  b.setReg(RDX, ops.sub(ops.xor(remainder, sign), sign));
}

export const MULTIPLICATION: SemanticGroup = {
  mul: { emit: mul },
  imul1: { emit: imul1 },
  imul: { emit: imul },
  mulx: { emit: mulx },
  div: { emit: div },
  idiv: { emit: idiv },
};
