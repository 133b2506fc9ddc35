/** Constant rearrangements of lanes, for MMX registers too: there only the low 8 bytes count. */

import type { Value } from "../builder/value.ts";
import { vectors as v } from "../builder/vector-ops.ts";
import type { Compute } from "./vector-operands.ts";

/** Byte indices of whole lanes; lanes of the second vector follow those of the first. */
function lanes(laneBytes: number, ...indices: readonly number[]): number[] {
  return indices.flatMap((index) =>
    Array.from({ length: laneBytes }, (_, byte) => index * laneBytes + byte),
  );
}

const range = (count: number, at: (n: number) => number) =>
  Array.from({ length: count }, (_, n) => at(n));

/** The low halves of two vectors. */
export function joinLow(a: Value, c: Value): Value {
  return v.shuffle(a, c, lanes(8, 0, 2));
}

/** The upper 16 bits of each 32-bit lane of two vectors. */
export function upperHalves16(a: Value, c: Value): Value {
  return v.shuffle(a, c, lanes(2, 1, 3, 5, 7, 9, 11, 13, 15));
}

/** Every second lane of the destination and then of the source, beginning with lane `first`. */
function everySecond(laneBytes: number, first: number): Compute {
  const count = 16 / laneBytes;
  const whole = lanes(laneBytes, ...range(count, (n) => 2 * n + first));
  return (a, c, mmx) => {
    if (!mmx) return v.shuffle(a, c, whole);
    const both = joinLow(a, c);
    return v.shuffle(both, both, whole);
  };
}

export const evenLanes16 = everySecond(2, 0);
export const oddLanes16 = everySecond(2, 1);
const evenPairs32 = everySecond(4, 0);
export const oddLanes32 = everySecond(4, 1);

export function evenLanes32(a: Value, c: Value, mmx = false): Value {
  return evenPairs32(a, c, mmx);
}

/** Lanes of both operands in turn, from the low halves or from the high ones. */
export function interleave(laneBytes: number, high: boolean): Compute {
  const count = 16 / laneBytes;
  const from = (begin: number) =>
    lanes(laneBytes, ...range(count, (n) => begin + (n >> 1) + (n & 1) * count));
  const low = from(0);
  const upper = from(count / 2);
  // What two MMX registers' high halves give stands in the upper half of what their wholes give.
  const upperOfMmx = [...low.slice(8), ...low.slice(8)];
  return (a, c, mmx) => v.shuffle(a, c, high ? (mmx ? upperOfMmx : upper) : low);
}

/** A constant choice of lanes of `a` and `c`. */
export function chooseLanes(laneBytes: number, ...indices: readonly number[]) {
  const bytes = lanes(laneBytes, ...indices);
  return (a: Value, c: Value): Value => v.shuffle(a, c, bytes);
}
