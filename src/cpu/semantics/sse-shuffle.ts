/** Shuffles, blends, packs of lanes and shifts whose amounts stand in an immediate or a register. */
import type { Builder } from "../builder/builder.ts";
import { ops } from "../builder/ops.ts";
import type { Instruction } from "../builder/shape.ts";
import { const32, type Value } from "../builder/value.ts";
import { allLanes, vectors as v, vectorOf } from "../builder/vector-ops.ts";
import type { Definition, SemanticGroup } from "./group.ts";
import { chooseLanes, interleave, joinLow } from "./sse-lanes.ts";
import {
  type Compute,
  dyadic,
  mapDefinitions,
  readVector,
  usesMmx,
  vectorDefinition,
} from "./vector-operands.ts";

/** 0, 1, 2 … 15. */
const BYTES_IN_ORDER = vectorOf(Array.from({ length: 16 }, (_, n) => n));

/** The immediate byte, fixed; i32. */
function immediate(b: Builder): Value {
  return b.let(ops.and32(ops.wrap(b.target.immediate()), 0xff));
}

/** A constant with these lanes of 16 or 32 bits. */
function constant(laneBytes: number, ...lanes: readonly number[]): Value {
  return vectorOf(
    lanes.flatMap((lane) => Array.from({ length: laneBytes }, (_, n) => (lane >>> (n * 8)) & 0xff)),
  );
}

/** `dst = compute(dst, src, imm)`. */
function byImmediate(compute: (a: Value, c: Value, imm: Value, mmx: boolean) => Value): Definition {
  return vectorDefinition((b, i) => {
    const source = b.let(readVector(b, i.src));
    const first = b.let(b.target.readVector(i.dst));
    b.target.writeVector(i.dst, compute(first, source, immediate(b), usesMmx(i)));
  });
}

// --- Lanes chosen by fields of the immediate ------------------------------------------------------

/** Byte indices that choose four 32-bit lanes by the immediate's four fields of two bits. */
function indices32(imm: Value): Value {
  const fields = v.mul32(v.splat32(imm), constant(4, 64, 16, 4, 1));
  const chosen = v.and(v.shrU32(fields, const32(6)), allLanes(32, 3));
  return v.add32(v.mul32(chosen, allLanes(32, 0x0404_0404)), allLanes(32, 0x0302_0100));
}

/** The same for four lanes of 16 bits in each half, `base` the first byte of the half. */
function indices16(imm: Value, base: number): Value {
  const fields = v.mul16(v.splat16(imm), constant(2, 64, 16, 4, 1, 64, 16, 4, 1));
  const chosen = v.and(v.shrU16(fields, const32(6)), allLanes(16, 3));
  const first = base | ((base + 1) << 8);
  return v.add16(v.mul16(chosen, allLanes(16, 0x0202)), allLanes(16, first));
}

const lowThenHigh = chooseLanes(8, 0, 3);

const pshufd = byImmediate((_, c, imm) => v.swizzle(c, indices32(imm)));

const pshuflw = byImmediate((_, c, imm) => lowThenHigh(v.swizzle(c, indices16(imm, 0)), c));

const pshufhw = byImmediate((_, c, imm) => lowThenHigh(c, v.swizzle(c, indices16(imm, 8))));

const shufps = byImmediate((a, c, imm) => {
  const chosen = indices32(imm);
  return lowThenHigh(v.swizzle(a, chosen), v.swizzle(c, chosen));
});

/** Bit 0 chooses of the destination, bit 1 of the source. */
const shufpd = vectorDefinition((b, i) => {
  const source = b.let(readVector(b, i.src));
  const first = b.let(b.target.readVector(i.dst));
  const imm = immediate(b);
  const low = ops.select(ops.and32(imm, 1), v.high(first), v.low(first));
  const high = ops.select(ops.and32(imm, 2), v.high(source), v.low(source));
  b.target.writeVector(i.dst, v.withHigh(v.fromLow(low), high));
});

const pshufb: Compute = (a, c, mmx) => v.swizzle(a, v.and(c, allLanes(8, mmx ? 0x87 : 0x8f)));

// --- Bytes moved as a whole -----------------------------------------------------------------------

/** Bytes of `a` from `first` on; zeros before its first and after its last. 0 <= first + 16 < 64. */
function bytesFrom(a: Value, first: Value): Value {
  return v.swizzle(a, v.add8(BYTES_IN_ORDER, v.splat8(first)));
}

/** More than 32 bytes are as good as 32. */
function atMost32(count: Value): Value {
  return ops.select(ops.ltU32(count, const32(32)), count, const32(32));
}

const palignr = byImmediate((a, c, imm, mmx) => {
  const count = atMost32(imm);
  if (mmx) return bytesFrom(joinLow(c, a), count);
  return v.or(bytesFrom(c, count), bytesFrom(a, ops.sub32(count, 16)));
});

function byteShift(sign: 1 | -1): Definition {
  return vectorDefinition((b, i) => {
    const count = b.let(atMost32(immediate(b)));
    const first = sign > 0 ? count : ops.sub32(const32(0), count);
    b.target.writeVector(i.dst, bytesFrom(b.target.readVector(i.dst), first));
  });
}

// --- Shifts of lanes ------------------------------------------------------------------------------

/** The count is an immediate byte or the low 8 bytes of the source. */
function countOf(b: Builder, i: Instruction): Value {
  if (i.src.kind === "immediate") return ops.widenU(immediate(b));
  return b.let(v.low(readVector(b, i.src)));
}

type LaneShift = (a: Value, count: Value) => Value;

/** Counts from the lane's width on give 0. */
function logicalShift(bits: number, shift: LaneShift): Definition {
  return vectorDefinition((b, i) => {
    const count = b.let(countOf(b, i));
    const kept = v.splat64(ops.sub(0, ops.widenU(ops.ltU(count, bits))));
    const shifted = shift(b.target.readVector(i.dst), ops.wrap(count));
    b.target.writeVector(i.dst, v.and(shifted, kept));
  });
}

/** Counts from the lane's width on give the sign. */
function arithmeticShift(bits: number, shift: LaneShift): Definition {
  return vectorDefinition((b, i) => {
    const count = b.let(countOf(b, i));
    const limited = ops.select(ops.ltU(count, bits), ops.wrap(count), const32(bits - 1));
    b.target.writeVector(i.dst, shift(b.target.readVector(i.dst), limited));
  });
}

// --- Blends ---------------------------------------------------------------------------------------

/** Lanes whose bit in the immediate is set come from the source. */
function blend(
  bits: Value,
  splat: (imm: Value) => Value,
  equal: (a: Value, c: Value) => Value,
): Definition {
  return byImmediate((a, c, imm) => v.bitselect(c, a, equal(v.and(splat(imm), bits), bits)));
}

/** Lanes whose top bit in XMM0 is set come from the source. */
function blendVariable(greater: (a: Value, c: Value) => Value): Definition {
  return vectorDefinition((b, i) => {
    const source = b.let(readVector(b, i.src));
    const mask = greater(allLanes(8, 0), b.target.vectorRegister(0));
    b.target.writeVector(i.dst, v.bitselect(source, b.target.readVector(i.dst), mask));
  });
}

const splatWide = (imm: Value) => v.splat64(ops.widenU(imm));

export const SSE_SHUFFLES: SemanticGroup = {
  pshufd,
  pshuflw,
  pshufhw,
  pshufw: pshuflw,
  shufps,
  shufpd,
  palignr,
  psrldq: byteShift(1),
  pslldq: byteShift(-1),
  psllw: logicalShift(16, v.shl16),
  pslld: logicalShift(32, v.shl32),
  psllq: logicalShift(64, v.shl64),
  psrlw: logicalShift(16, v.shrU16),
  psrld: logicalShift(32, v.shrU32),
  psrlq: logicalShift(64, v.shrU64),
  psraw: arithmeticShift(16, v.shrS16),
  psrad: arithmeticShift(32, v.shrS32),
  blendps: blend(constant(4, 1, 2, 4, 8), v.splat32, v.eq32),
  blendpd: blend(constant(4, 1, 0, 2, 0), splatWide, v.eq64),
  pblendw: blend(constant(2, 1, 2, 4, 8, 16, 32, 64, 128), v.splat16, v.eq16),
  pblendvb: blendVariable(v.gtS8),
  blendvps: blendVariable(v.gtS32),
  blendvpd: blendVariable(v.gtS64),
  ...mapDefinitions(
    {
      pshufb,
      punpcklbw: interleave(1, false),
      punpcklwd: interleave(2, false),
      punpckldq: interleave(4, false),
      punpcklqdq: interleave(8, false),
      punpckhbw: interleave(1, true),
      punpckhwd: interleave(2, true),
      punpckhdq: interleave(4, true),
      punpckhqdq: interleave(8, true),
      unpcklps: interleave(4, false),
      unpckhps: interleave(4, true),
      unpcklpd: interleave(8, false),
      unpckhpd: interleave(8, true),
      movhlps: chooseLanes(8, 3, 1),
      movlhps: chooseLanes(8, 0, 2),
    },
    dyadic,
  ),
};
