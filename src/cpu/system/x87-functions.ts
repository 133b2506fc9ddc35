/** FSQRT, FRNDINT, FSCALE, FXTRACT, FPREM, FPREM1, FABS, FCHS, FXAM. */
import type { Cpu } from "../cpu.ts";
import type { Helper } from "../engine/helper-table.ts";
import {
  hasNaN,
  invalid,
  isOdd,
  noteDenormal,
  propagate,
  squareRoot,
} from "../float/arithmetic.ts";
import { EXCEPTION, type FloatContext, ROUND } from "../float/context.ts";
import { fromInteger, toIntegral } from "../float/convert.ts";
import { bitLength, EXTENDED, type Float, finite, infinity, zero } from "../float/number.ts";
import { pack, roundOff } from "../float/round.ts";
import { STATUS } from "../x87/state.ts";
import { INDEFINITE_BITS, x87 } from "../x87/unit.ts";
import type { SystemGroup } from "./group.ts";
import { continuing, onTop } from "./x87-arithmetic.ts";

const SIGN = 1n << 79n;
/** Scaling by more than this is as good as scaling by this. */
const GREATEST_SCALE = 0x10000n;

/** FABS and FCHS change the sign bit of anything. */
function onSign(change: (bits: bigint) => bigint): Helper<Cpu> {
  return continuing((cpu, i) => {
    const raised = x87.begin(cpu);
    if (raised !== 0) return raised;
    if (!x87.isEmpty(0)) x87.setBits(0, change(x87.bits(0)));
    else if (x87.underflow()) x87.setBits(0, INDEFINITE_BITS);
    return x87.finish(i);
  });
}

const CLASS_CODES: Readonly<Record<Float["kind"], number>> = {
  unsupported: 0,
  quiet: STATUS.C0,
  signaling: STATUS.C0,
  finite: STATUS.C2,
  infinity: STATUS.C2 | STATUS.C0,
  zero: STATUS.C3,
};

const EMPTY_CODES = STATUS.C3 | STATUS.C0;
const DENORMAL_CODES = STATUS.C3 | STATUS.C2;
const ALL_CODES = STATUS.C0 | STATUS.C1 | STATUS.C2 | STATUS.C3;

/** The sign is that of an empty register's contents too. */
const fxam = continuing((cpu, i) => {
  const raised = x87.begin(cpu);
  if (raised !== 0) return raised;
  const a = x87.read(0);
  const kind = x87.isEmpty(0) ? EMPTY_CODES : a.denormal ? DENORMAL_CODES : CLASS_CODES[a.kind];
  x87.setCodes(kind | (a.negative ? STATUS.C1 : 0), ALL_CODES);
  return x87.finish(i);
});

const frndint = onTop((a) => {
  if (!isOdd(a)) noteDenormal(x87.context, a);
  x87.context.precisionBits = 64;
  return toIntegral(x87.context, a);
});

/** ST(0) * 2^(ST(1) cut to an integer). Precision control does not apply. */
function scale(context: FloatContext, a: Float, b: Float): Float {
  if (hasNaN(a, b)) return propagate(context, a, b);
  context.precisionBits = 64;
  if (b.kind === "infinity") {
    const meaningless = b.negative ? a.kind === "infinity" : a.kind === "zero";
    if (meaningless) return invalid(context);
    noteDenormal(context, a);
    return b.negative ? zero(a.negative) : infinity(a.negative);
  }
  noteDenormal(context, a, b);
  if (a.kind !== "finite" || b.kind === "zero") return a;
  const { significand } = roundOff(b.significand, Math.max(-b.exponent, 0), false, ROUND.zero);
  const whole = b.exponent > 16 ? GREATEST_SCALE : significand << BigInt(Math.max(b.exponent, 0));
  const amount = Number(whole > GREATEST_SCALE ? GREATEST_SCALE : whole);
  return finite(a.negative, a.significand, a.exponent + (b.negative ? -amount : amount));
}

/** An operation on ST(0) and ST(1) whose result replaces ST(0). */
function onTopTwo(
  operation: (context: FloatContext, a: Float, b: Float) => Float,
  cleared = 0,
): Helper<Cpu> {
  return continuing((cpu, i) => {
    const raised = x87.begin(cpu);
    if (raised !== 0) return raised;
    x87.setCodes(0, cleared);
    let result = INDEFINITE_BITS;
    if (x87.isEmpty(0) || x87.isEmpty(1)) x87.underflow();
    else result = pack(x87.context, EXTENDED, operation(x87.context, x87.read(0), x87.read(1)));
    if (!x87.isStopped) x87.setBits(0, result);
    return x87.finish(i);
  });
}

// --- FXTRACT --------------------------------------------------------------------------------------

/** Exponent and significand of ST(0): the first replaces it, the second is pushed. */
const fxtract = continuing((cpu, i) => {
  const raised = x87.begin(cpu);
  if (raised !== 0) return raised;
  if (x87.isEmpty(0)) {
    if (x87.underflow()) {
      x87.setBits(0, INDEFINITE_BITS);
      x87.pushAnyway(INDEFINITE_BITS);
    }
    return x87.finish(i);
  }
  if (x87.isFull) {
    x87.push(0n);
    if (!x87.isStopped) x87.setBits(1, INDEFINITE_BITS);
    return x87.finish(i);
  }
  const { context } = x87;
  context.precisionBits = 64;
  const [exponent, significand] = extract(context, x87.read(0)).map((part) =>
    pack(context, EXTENDED, part),
  );
  if (!x87.isStopped) {
    x87.setBits(0, exponent as bigint);
    x87.push(significand as bigint);
  }
  return x87.finish(i);
});

function extract(context: FloatContext, a: Float): readonly [Float, Float] {
  if (isOdd(a)) {
    const result = propagate(context, a, a);
    return [result, result];
  }
  if (a.kind === "infinity") return [infinity(false), a];
  if (a.kind === "zero") {
    context.flags |= EXCEPTION.ZERO_DIVIDE;
    return [infinity(true), a];
  }
  noteDenormal(context, a);
  const length = bitLength(a.significand);
  const exponent = fromInteger(BigInt(a.exponent + length - 1));
  return [exponent, finite(a.negative, a.significand, 1 - length)];
}

// --- Remainders -----------------------------------------------------------------------------------

/** Exponent differences from here on are reduced in steps. */
const STEP_EXPONENT = 64;

/** What an integer quotient's low three bits become: Q2 in C0, Q1 in C3, Q0 in C1. */
function quotientCodes(quotient: bigint): number {
  const bit = (n: bigint, code: number) => ((quotient >> n) & 1n ? code : 0);
  return bit(2n, STATUS.C0) | bit(1n, STATUS.C3) | bit(0n, STATUS.C1);
}

/** @param nearest the quotient is rounded to nearest (FPREM1), not cut (FPREM) */
function remainder(nearest: boolean) {
  return (context: FloatContext, a: Float, b: Float): Float => {
    if (hasNaN(a, b)) return propagate(context, a, b);
    if (a.kind === "infinity" || b.kind === "zero") return invalid(context);
    noteDenormal(context, a, b);
    if (x87.isStopped) return a;
    context.precisionBits = 64;
    if (a.kind === "zero" || b.kind === "infinity") {
      x87.setCodes(0, ALL_CODES);
      return a;
    }
    const distance = a.exponent + bitLength(a.significand) - b.exponent - bitLength(b.significand);
    const exponent = Math.min(a.exponent, b.exponent);
    const dividend = a.significand << BigInt(a.exponent - exponent);
    const divisor = b.significand << BigInt(b.exponent - exponent);
    if (distance >= STEP_EXPONENT) return reduce(a, dividend, divisor, distance, exponent);
    let quotient = dividend / divisor;
    let rest = dividend - quotient * divisor;
    const twice = 2n * rest;
    if (nearest && (twice > divisor || (twice === divisor && (quotient & 1n) === 1n))) {
      quotient += 1n;
      rest -= divisor;
    }
    x87.setCodes(quotientCodes(quotient), ALL_CODES);
    if (rest === 0n) return zero(a.negative);
    return finite(a.negative !== rest < 0n, rest < 0n ? -rest : rest, exponent);
  };
}

/** A partial remainder: C2 asks for another step, which takes 32 to 63 bits off the exponent. */
function reduce(
  a: Float,
  dividend: bigint,
  divisor: bigint,
  distance: number,
  exponent: number,
): Float {
  const step = (distance & 31) | 32;
  const scaled = divisor << BigInt(distance - step);
  x87.setCodes(STATUS.C2, ALL_CODES);
  return finite(a.negative, dividend % scaled, exponent);
}

export const X87_FUNCTIONS: SystemGroup = {
  fabs: onSign((bits) => bits & ~SIGN),
  fchs: onSign((bits) => bits ^ SIGN),
  fsqrt: onTop((a) => squareRoot(x87.context, a)),
  fxam,
  frndint,
  fscale: onTopTwo(scale),
  fxtract,
  fprem: onTopTwo(remainder(false), STATUS.C2),
  fprem1: onTopTwo(remainder(true), STATUS.C2),
};
