/** Moves between vector registers, memory and general registers; single lanes in and out. */
import type { Builder } from "../builder/builder.ts";
import { FLAG } from "../builder/flags.ts";
import { ops } from "../builder/ops.ts";
import type { Instruction, Operand } from "../builder/shape.ts";
import { const32, type Value } from "../builder/value.ts";
import { allLanes, vectors as v, vectorOf } from "../builder/vector-ops.ts";
import { CELL } from "../layout.ts";
import { ALL_EMPTY } from "../x87/state.ts";
import type { Definition, SemanticGroup } from "./group.ts";
import { chooseLanes } from "./sse-lanes.ts";
import {
  checkUsable,
  enterMmx,
  mapDefinitions,
  monadic,
  readVector,
  vectorDefinition,
  writeVector,
} from "./vector-operands.ts";

function move(aligned: boolean): Definition {
  return vectorDefinition((b, i) => {
    writeVector(b, i.dst, b.let(readVector(b, i.src, aligned)), aligned);
  });
}

/** 4 or 8 bytes between a general register or memory and a vector register, zeros above. */
const movd = vectorDefinition((b, i) => {
  if (isVector(i.dst)) b.target.writeVector(i.dst, readVector(b, i.src));
  else b.write(i.dst, v.low(b.target.readVector(i.src)));
});

/** 8 bytes; an XMM register is cleared above them. */
const movq = vectorDefinition((b, i) => {
  const low = b.let(v.low(readVector(b, i.src)));
  if (isVector(i.dst)) b.target.writeVector(i.dst, v.fromLow(low));
  else b.write(i.dst, low);
});

function isVector({ kind }: Operand): boolean {
  return kind === "xmm" || kind === "mmx";
}

/** The low lane; from memory with zeros above it, from a register without. */
function moveScalar(mask: Value): Definition {
  return vectorDefinition((b, i) => {
    const source = b.let(readVector(b, i.src));
    if (i.dst.kind === "memory") writeVector(b, i.dst, source);
    else if (i.src.kind === "memory") b.target.writeVector(i.dst, source);
    else b.target.writeVector(i.dst, v.bitselect(source, b.target.readVector(i.dst), mask));
  });
}

const SINGLE_MASK = v.fromLow(ops.add(0, 0xffff_ffffn));
const DOUBLE_MASK = v.fromLow(ops.add(0, 0xffff_ffff_ffff_ffffn));

/** MOVLPS and MOVHPS: one half to or from memory. */
function moveHalf(high: boolean): Definition {
  const half = high ? v.high : v.low;
  const withHalf = high ? v.withHigh : v.withLow;
  return vectorDefinition((b, i) => {
    if (i.dst.kind === "memory") b.write(i.dst, half(b.target.readVector(i.src)));
    else {
      const loaded = b.let(b.read(i.src));
      b.target.writeVector(i.dst, withHalf(b.target.readVector(i.dst), loaded));
    }
  });
}

function moveMask(bitmask: (a: Value) => Value): Definition {
  return vectorDefinition((b, i) => {
    const mask = bitmask(b.target.readVector(i.src));
    b.write(i.dst, ops.widenU(i.src.kind === "mmx" ? ops.and32(mask, 0xff) : mask));
  });
}

// --- Single lanes ---------------------------------------------------------------------------------

interface LaneKind {
  readonly splat: (a: Value) => Value;
  readonly equal: (a: Value, c: Value) => Value;
  /** Lane n holds n. */
  readonly numbers: Value;
}

function numbers(laneBytes: number): Value {
  return vectorOf(Array.from({ length: 16 }, (_, n) => (n % laneBytes ? 0 : n / laneBytes)));
}

const LANES: Readonly<Record<number, LaneKind>> = {
  1: { splat: (a) => v.splat8(ops.wrap(a)), equal: v.eq8, numbers: numbers(1) },
  2: { splat: (a) => v.splat16(ops.wrap(a)), equal: v.eq16, numbers: numbers(2) },
  4: { splat: (a) => v.splat32(ops.wrap(a)), equal: v.eq32, numbers: numbers(4) },
  8: { splat: v.splat64, equal: v.eq64, numbers: numbers(8) },
};

/** The number of a lane in the immediate, i64, by `register` of the vector operand. */
function laneNumber(b: Builder, laneBytes: number, register: Operand): Value {
  const count = (register.kind === "mmx" ? 8 : 16) / laneBytes;
  return b.let(ops.and(b.target.immediate(), count - 1));
}

/** Lane `number` (i64) of a vector, zero-extended to an i64. */
function extractLane(a: Value, laneBytes: number, number: Value): Value {
  const first = v.splat8(ops.wrap(ops.mul(number, laneBytes)));
  const word = v.low(v.swizzle(a, v.add8(first, numbers(1))));
  return ops.unsigned(laneBytes as 1 | 2 | 4 | 8, word);
}

/** `dst` with lane `number` replaced by an i64's low bytes. */
function insertLane(dst: Value, laneBytes: number, number: Value, lane: Value): Value {
  const kind = LANES[laneBytes] as LaneKind;
  const mask = kind.equal(kind.numbers, kind.splat(number));
  return v.bitselect(kind.splat(lane), dst, mask);
}

/** @param laneBytes 0: those of the general operand (PEXTRD, PEXTRQ) */
function extract(laneBytes: number): Definition {
  return vectorDefinition((b, i) => {
    const bytes = laneBytes || i.dst.bytes;
    const number = laneNumber(b, bytes, i.src);
    b.write(i.dst, b.let(extractLane(b.target.readVector(i.src), bytes, number)));
  });
}

function insert(laneBytes: number): Definition {
  return vectorDefinition((b, i) => {
    const bytes = laneBytes || i.src.bytes;
    const lane = b.let(b.readUnsigned(i.src));
    const number = laneNumber(b, bytes, i.dst);
    b.target.writeVector(i.dst, insertLane(b.target.readVector(i.dst), bytes, number, lane));
  });
}

/** imm8: 7:6 lane of a register source, 5:4 lane of the destination, 3:0 lanes to clear. */
const insertps = vectorDefinition((b, i) => {
  const imm = b.let(ops.and(b.target.immediate(), 0xff));
  const source = b.let(readVector(b, i.src));
  const from = i.src.kind === "memory" ? ops.and(imm, 0) : ops.shrU(imm, 6);
  const lane = b.let(extractLane(source, 4, from));
  const to = ops.and(ops.shrU(imm, 4), 3);
  const inserted = insertLane(b.target.readVector(i.dst), 4, to, lane);
  const bits = vectorOf([1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0]);
  const cleared = v.eq32(v.and(v.splat32(ops.wrap(imm)), bits), bits);
  b.target.writeVector(i.dst, v.andNot(inserted, cleared));
});

// --- Others ---------------------------------------------------------------------------------------

/** ZF: no common bit; CF: no bit of the source outside the destination. The others are cleared. */
const ptest = vectorDefinition((b, i) => {
  const source = b.let(readVector(b, i.src));
  const first = b.let(b.target.readVector(i.dst));
  const zero = ops.eqz(v.anyTrue(v.and(source, first)));
  const carry = ops.eqz(v.anyTrue(v.andNot(source, first)));
  const image = ops.or32(ops.select(zero, const32(FLAG.ZF), const32(0)), carry);
  b.flags.setAll(b.let(image));
});

/** The smallest word and its number: found as the smallest of words with their numbers below. */
const phminposuw = vectorDefinition((b, i) => {
  const source = b.let(readVector(b, i.src));
  const sixteen = const32(16);
  const swapped = v.shuffle(source, source, [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]);
  const low = v.or(v.shl32(v.extendLow16U(source), sixteen), numbers(4));
  const high = v.or(
    v.shl32(v.extendLow16U(swapped), sixteen),
    v.add32(numbers(4), allLanes(32, 4)),
  );
  const four = b.let(v.minU32(low, high));
  const two = b.let(v.minU32(four, chooseLanes(4, 2, 3, 2, 3)(four, four)));
  const one = b.let(v.low(v.minU32(two, chooseLanes(4, 1, 1, 1, 1)(two, two))));
  const word = ops.and(ops.shrU(one, 16), 0xffff);
  b.target.writeVector(i.dst, v.fromLow(ops.or(word, ops.shl(ops.and(one, 7), 16))));
});

/** Eight sums of four absolute differences; imm8 bit 2 and bits 1:0 choose groups of four bytes. */
const mpsadbw = vectorDefinition((b, i) => {
  const source = b.let(readVector(b, i.src));
  const imm = b.let(ops.wrap(b.target.immediate()));
  const at = (a: Value, first: Value) => v.swizzle(a, v.add8(numbers(1), v.splat8(first)));
  const window = b.let(at(b.target.readVector(i.dst), ops.and32(imm, 4)));
  const group = ops.shl32(ops.and32(imm, 3), 2);
  const zero = allLanes(8, 0);
  let sum = zero;
  for (let n = 0; n < 4; n++) {
    const bytes = v.extendLow8U(v.shuffle(window, zero, numbersFrom(n)));
    const one = v.extendLow8U(v.swizzle(source, v.splat8(ops.add32(group, n))));
    sum = b.let(v.add16(sum, v.abs16(v.sub16(bytes, one))));
  }
  b.target.writeVector(i.dst, sum);
});

function numbersFrom(first: number): number[] {
  return Array.from({ length: 16 }, (_, n) => first + n);
}

/** The x87 stack is empty again, and begins at register 0. */
const emms: Definition = {
  anySize: true,
  emit: (b) => {
    checkUsable(b, true);
    enterMmx(b);
    b.target.setCell32(CELL.fpuTag, const32(ALL_EMPTY));
  },
};

/** Masked stores, done by the helper as a byte may fault alone. */
const maskedStore = vectorDefinition((b: Builder, _: Instruction) => b.target.callHelper());

const ALIGNED = ["movaps", "movapd", "movdqa", "movntps", "movntpd", "movntdq", "movntdqa"];
const UNALIGNED = ["movups", "movupd", "movdqu", "lddqu", "movntq"];

export const SSE_MOVES: SemanticGroup = {
  ...Object.fromEntries(ALIGNED.map((name) => [name, move(true)])),
  ...Object.fromEntries(UNALIGNED.map((name) => [name, move(false)])),
  movd,
  movq,
  movq2dq: movq,
  movdq2q: movq,
  movss: moveScalar(SINGLE_MASK),
  movsd: moveScalar(DOUBLE_MASK),
  movlps: moveHalf(false),
  movlpd: moveHalf(false),
  movhps: moveHalf(true),
  movhpd: moveHalf(true),
  pmovmskb: moveMask(v.bitmask8),
  movmskps: moveMask(v.bitmask32),
  movmskpd: moveMask(v.bitmask64),
  pextrb: extract(1),
  pextrw: extract(2),
  pextrd: extract(0),
  extractps: extract(4),
  pinsrb: insert(1),
  pinsrw: insert(2),
  pinsrd: insert(0),
  insertps,
  ptest,
  phminposuw,
  mpsadbw,
  emms,
  maskmovq: maskedStore,
  maskmovdqu: maskedStore,
  ...mapDefinitions(
    {
      movddup: (a: Value) => v.splat64(v.low(a)),
      movsldup: (a: Value) => chooseLanes(4, 0, 0, 2, 2)(a, a),
      movshdup: (a: Value) => chooseLanes(4, 1, 1, 3, 3)(a, a),
    },
    monadic,
  ),
};
