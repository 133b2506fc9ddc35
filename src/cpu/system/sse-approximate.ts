/**
 * RCPPS and RSQRTPS. The manual bounds the relative error by 1.5 * 2^-12 and leaves the bits to the
 * processor; AMD's and Intel's differ. Here: the result for the middle of the 2^-12 wide interval
 * that the operand's fraction lies in, rounded to 13 significant bits. MXCSR is neither read nor
 * changed: denormals are zeros, tiny results become zero.
 */
import type { Cpu } from "../cpu.ts";
import type { Helper } from "../engine/helper-table.ts";
import { CELL, xmmOffset } from "../layout.ts";
import type { SystemGroup } from "./group.ts";

const words = new DataView(new ArrayBuffer(4));

const SIGN = 0x8000_0000;
const INFINITY = 0x7f80_0000;
const QUIET_BIT = 0x0040_0000;
const INDEFINITE = 0xffc0_0000;
const SMALLEST_NORMAL = 2 ** -126;
const INTERVALS = 2 ** 12;
const SIGNIFICANT = 2 ** 13;

/** The bits of a positive single, tiny ones as zero. */
function bitsOf(value: number): number {
  words.setFloat32(0, value < SMALLEST_NORMAL ? 0 : value);
  return words.getUint32(0);
}

/** A number in [0.5, 1], to 13 significant bits. */
function rounded(value: number): number {
  return Math.round(value * SIGNIFICANT) / SIGNIFICANT;
}

/** Middle of the interval of a normal number's significand, in (1, 2), and its exponent. */
function parts(magnitude: number): { middle: number; exponent: number } {
  const interval = (magnitude >>> 11) & (INTERVALS - 1);
  return { middle: 1 + (interval + 0.5) / INTERVALS, exponent: (magnitude >>> 23) - 127 };
}

function reciprocal(bits: number): number {
  const sign = bits & SIGN;
  const magnitude = bits & ~SIGN;
  if (magnitude > INFINITY) return bits | QUIET_BIT;
  if (magnitude === INFINITY) return sign;
  if (magnitude >>> 23 === 0) return sign | INFINITY;
  const { middle, exponent } = parts(magnitude);
  return sign | bitsOf(rounded(1 / middle) * 2 ** -exponent);
}

function reciprocalRoot(bits: number): number {
  const sign = bits & SIGN;
  const magnitude = bits & ~SIGN;
  if (magnitude > INFINITY) return bits | QUIET_BIT;
  if (magnitude >>> 23 === 0) return sign | INFINITY;
  if (sign !== 0) return INDEFINITE;
  if (magnitude === INFINITY) return 0;
  const { middle, exponent } = parts(magnitude);
  const odd = exponent & 1;
  return bitsOf(rounded(1 / Math.sqrt(middle * (odd ? 2 : 1))) * 2 ** -((exponent - odd) / 2));
}

function approximate(compute: (bits: number) => number, lanes: number): Helper<Cpu> {
  return {
    continues: true,
    run: ({ state }, i) => {
      for (let n = 0; n < lanes; n++) {
        state.set32(xmmOffset(i.reg) + n * 4, compute(state.get32(CELL.value + n * 4)));
      }
      return 0;
    },
  };
}

export const SSE_APPROXIMATIONS: SystemGroup = {
  rcpps: approximate(reciprocal, 4),
  rcpss: approximate(reciprocal, 1),
  rsqrtps: approximate(reciprocalRoot, 4),
  rsqrtss: approximate(reciprocalRoot, 1),
};
