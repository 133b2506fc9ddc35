/** Integer arithmetic, comparison and logic of MMX, SSE2, SSSE3 and SSE4, lane by lane. */

import { const32, type Value } from "../builder/value.ts";
import { allLanes, vectors as v } from "../builder/vector-ops.ts";
import type { SemanticGroup } from "./group.ts";
import {
  evenLanes16,
  evenLanes32,
  joinLow,
  oddLanes16,
  oddLanes32,
  upperHalves16,
} from "./sse-lanes.ts";
import { type Compute, dyadic, mapDefinitions, monadic } from "./vector-operands.ts";

const LOW_32 = allLanes(64, 0xffff_ffff);

/** Bits where a is all ones and c is not, and the like: the first operand is complemented. */
const andNot: Compute = (a, c) => v.andNot(c, a);

const multiplyHigh =
  (low: Compute, high: Compute): Compute =>
  (a, c, mmx) =>
    upperHalves16(low(a, c, mmx), high(a, c, mmx));

/** Saturation differs for -1 * -1 alone: 0x8000 here, 0x7FFF there. */
const multiplyRounded: Compute = (a, c) => {
  const lowest = allLanes(16, 0x8000);
  const both = v.and(v.eq16(a, lowest), v.eq16(c, lowest));
  return v.xor(v.q15MulrSatS(a, c), both);
};

const multiplyLow32U: Compute = (a, c) => v.mul64(v.and(a, LOW_32), v.and(c, LOW_32));

const multiplyLow32S: Compute = (a, c) =>
  v.mul64(v.extendLow32S(evenLanes32(a, a)), v.extendLow32S(evenLanes32(c, c)));

/** Unsigned bytes of the destination by signed bytes of the source; neighbours added, saturated. */
const multiplyAddBytes: Compute = (a, c) => {
  const eight = const32(8);
  const even = v.mul16(v.and(a, allLanes(16, 0xff)), v.shrS16(v.shl16(c, eight), eight));
  const odd = v.mul16(v.shrU16(a, eight), v.shrS16(c, eight));
  return v.addSatS16(even, odd);
};

/** Sum of the absolute differences of eight bytes, in each half. */
const sumOfDifferences: Compute = (a, c) => {
  const differences = v.or(v.subSatU8(a, c), v.subSatU8(c, a));
  const sums = v.pairwise16U(v.pairwise8U(differences));
  return v.add64(v.and(sums, LOW_32), v.shrU64(sums, const32(32)));
};

function withSign(
  negate: (a: Value) => Value,
  greater: (a: Value, c: Value) => Value,
  equal: (a: Value, c: Value) => Value,
): Compute {
  return (a, c) => {
    const zero = allLanes(8, 0);
    return v.andNot(v.bitselect(negate(a), a, greater(zero, c)), equal(c, zero));
  };
}

/** Neighbours of the destination, then of the source, combined. */
function horizontal(even: Compute, odd: Compute, combine: (a: Value, c: Value) => Value): Compute {
  return (a, c, mmx) => combine(even(a, c, mmx), odd(a, c, mmx));
}

/** Narrowing takes the destination's lanes for the low half, the source's for the high half. */
function pack(narrow: (a: Value, c: Value) => Value): Compute {
  return (a, c, mmx) => {
    if (!mmx) return narrow(a, c);
    const both = joinLow(a, c);
    return narrow(both, both);
  };
}

const DYADIC: Readonly<Record<string, Compute>> = {
  paddb: v.add8,
  paddw: v.add16,
  paddd: v.add32,
  paddq: v.add64,
  psubb: v.sub8,
  psubw: v.sub16,
  psubd: v.sub32,
  psubq: v.sub64,
  paddsb: v.addSatS8,
  paddsw: v.addSatS16,
  paddusb: v.addSatU8,
  paddusw: v.addSatU16,
  psubsb: v.subSatS8,
  psubsw: v.subSatS16,
  psubusb: v.subSatU8,
  psubusw: v.subSatU16,
  pmullw: v.mul16,
  pmulld: v.mul32,
  pmulhw: multiplyHigh(v.extmulLow16S, v.extmulHigh16S),
  pmulhuw: multiplyHigh(v.extmulLow16U, v.extmulHigh16U),
  pmulhrsw: multiplyRounded,
  pmuludq: multiplyLow32U,
  pmuldq: multiplyLow32S,
  pmaddwd: v.dot16S,
  pmaddubsw: multiplyAddBytes,
  psadbw: sumOfDifferences,
  pavgb: v.avgrU8,
  pavgw: v.avgrU16,
  pminsb: v.minS8,
  pminub: v.minU8,
  pminsw: v.minS16,
  pminuw: v.minU16,
  pminsd: v.minS32,
  pminud: v.minU32,
  pmaxsb: v.maxS8,
  pmaxub: v.maxU8,
  pmaxsw: v.maxS16,
  pmaxuw: v.maxU16,
  pmaxsd: v.maxS32,
  pmaxud: v.maxU32,
  pcmpeqb: v.eq8,
  pcmpeqw: v.eq16,
  pcmpeqd: v.eq32,
  pcmpeqq: v.eq64,
  pcmpgtb: v.gtS8,
  pcmpgtw: v.gtS16,
  pcmpgtd: v.gtS32,
  pcmpgtq: v.gtS64,
  psignb: withSign(v.neg8, v.gtS8, v.eq8),
  psignw: withSign(v.neg16, v.gtS16, v.eq16),
  psignd: withSign(v.neg32, v.gtS32, v.eq32),
  phaddw: horizontal(evenLanes16, oddLanes16, v.add16),
  phaddd: horizontal(evenLanes32, oddLanes32, v.add32),
  phaddsw: horizontal(evenLanes16, oddLanes16, v.addSatS16),
  phsubw: horizontal(evenLanes16, oddLanes16, v.sub16),
  phsubd: horizontal(evenLanes32, oddLanes32, v.sub32),
  phsubsw: horizontal(evenLanes16, oddLanes16, v.subSatS16),
  packsswb: pack(v.narrow16S),
  packuswb: pack(v.narrow16U),
  packssdw: pack(v.narrow32S),
  packusdw: pack(v.narrow32U),
  pand: v.and,
  pandn: andNot,
  por: v.or,
  pxor: v.xor,
  andps: v.and,
  andpd: v.and,
  andnps: andNot,
  andnpd: andNot,
  orps: v.or,
  orpd: v.or,
  xorps: v.xor,
  xorpd: v.xor,
};

/** Extensions from bytes to four and eight times the width go by way of the widths between. */
const MONADIC: Readonly<Record<string, (a: Value) => Value>> = {
  pabsb: v.abs8,
  pabsw: v.abs16,
  pabsd: v.abs32,
  pmovsxbw: v.extendLow8S,
  pmovsxbd: (a) => v.extendLow16S(v.extendLow8S(a)),
  pmovsxbq: (a) => v.extendLow32S(v.extendLow16S(v.extendLow8S(a))),
  pmovsxwd: v.extendLow16S,
  pmovsxwq: (a) => v.extendLow32S(v.extendLow16S(a)),
  pmovsxdq: v.extendLow32S,
  pmovzxbw: v.extendLow8U,
  pmovzxbd: (a) => v.extendLow16U(v.extendLow8U(a)),
  pmovzxbq: (a) => v.extendLow32U(v.extendLow16U(v.extendLow8U(a))),
  pmovzxwd: v.extendLow16U,
  pmovzxwq: (a) => v.extendLow32U(v.extendLow16U(a)),
  pmovzxdq: v.extendLow32U,
};

export const SSE_INTEGER: SemanticGroup = {
  ...mapDefinitions(DYADIC, dyadic),
  ...mapDefinitions(MONADIC, monadic),
};
