import { describe, expect, it } from "vitest";
import { CR4 } from "../../../src/mmu/control-bits.ts";
import { executeVector } from "../../support/vectors.ts";

const DEFAULT = 0x1f80;
const ROUND_DOWN = 0x3f80;
const ROUND_UP = 0x5f80;
const DAZ = DEFAULT | 0x40;
const FTZ = DEFAULT | 0x8000;
const [IE, DE, ZE, OE, UE, PE] = [1, 2, 4, 8, 16, 32] as const;

const ONE = 0x3f80_0000n;
const LARGEST = 0x7f7f_ffffn;
const INF = 0x7f80_0000n;
const DENORMAL = 0x0000_0001n;
const SMALLEST = 0x0080_0000n;
const QNAN = 0x7fc0_1234n;
const SNAN = 0xff80_0001n;
const THIRD = 0x3eaa_aaabn;
const THREE = 0x4040_0000n;

const ADD = "f3 0f 58 c1";
const MUL = "f3 0f 59 c1";
const SUB = "f3 0f 5c c1";
const MIN = "f3 0f 5d c1";
const DIV = "f3 0f 5e c1";
const SQRT = "f3 0f 51 c1";

/** Name, listing of `op xmm0, xmm1` on singles, operands, MXCSR before; result and flags raised. */
const CASES: readonly (readonly [string, string, bigint, bigint, number, bigint, number])[] = [
  ["1 + 1", ADD, ONE, ONE, DEFAULT, 0x4000_0000n, 0],
  ["1 + denormal", ADD, ONE, DENORMAL, DEFAULT, ONE, DE | PE],
  ["1 + denormal, rounded up", ADD, ONE, DENORMAL, ROUND_UP, 0x3f80_0001n, DE | PE],
  ["1 + denormal as zero", ADD, ONE, DENORMAL, DAZ, ONE, 0],
  ["1 - 1", SUB, ONE, ONE, DEFAULT, 0n, 0],
  ["1 - 1, rounded down", SUB, ONE, ONE, ROUND_DOWN, 0x8000_0000n, 0],
  ["largest + largest", ADD, LARGEST, LARGEST, DEFAULT, INF, OE | PE],
  ["largest + largest, rounded down", ADD, LARGEST, LARGEST, ROUND_DOWN, LARGEST, OE | PE],
  ["infinity - infinity", SUB, INF, INF, DEFAULT, 0xffc0_0000n, IE],
  ["quiet NaN + signaling NaN: the first", ADD, QNAN, SNAN, DEFAULT, QNAN, IE],
  ["signaling NaN + quiet NaN: the first, quiet", ADD, SNAN, QNAN, DEFAULT, 0xffc0_0001n, IE],
  ["1 + quiet NaN", ADD, ONE, QNAN, DEFAULT, QNAN, 0],
  ["quiet NaN + denormal", ADD, QNAN, DENORMAL, DEFAULT, QNAN, 0],
  ["smallest * 0.5 is exact and denormal", MUL, SMALLEST, 0x3f00_0000n, DEFAULT, 0x40_0000n, 0],
  ["smallest * 1/3 underflows", MUL, SMALLEST, THIRD, DEFAULT, 0x2a_aaabn, UE | PE],
  ["smallest * 0.5, flushed", MUL, SMALLEST, 0x3f00_0000n, FTZ, 0n, UE | PE],
  ["0 * infinity", MUL, 0n, INF, DEFAULT, 0xffc0_0000n, IE],
  ["1 / 3", DIV, ONE, THREE, DEFAULT, THIRD, PE],
  ["1 / 3, rounded down", DIV, ONE, THREE, ROUND_DOWN, 0x3eaa_aaaan, PE],
  ["1 / -0", DIV, ONE, 0x8000_0000n, DEFAULT, 0xff80_0000n, ZE],
  ["0 / 0", DIV, 0n, 0n, DEFAULT, 0xffc0_0000n, IE],
  ["sqrt 4", SQRT, 0n, 0x4080_0000n, DEFAULT, 0x4000_0000n, 0],
  ["sqrt -1", SQRT, 0n, 0xbf80_0000n, DEFAULT, 0xffc0_0000n, IE],
  ["sqrt -0", SQRT, ONE, 0x8000_0000n, DEFAULT, 0x8000_0000n, 0],
  ["min of NaN and 1: the second", MIN, QNAN, ONE, DEFAULT, ONE, IE],
  ["min of 1 and signaling NaN: the second as it is", MIN, ONE, SNAN, DEFAULT, SNAN, IE],
  ["min of 0 and -0: the second", MIN, 0n, 0x8000_0000n, DEFAULT, 0x8000_0000n, 0],
];

describe("SSE arithmetic", () => {
  it.each(CASES)("%s", (_name, text, a, b, mxcsr, result, raised) => {
    const upper = 0x1234n << 96n;
    const after = executeVector(text, { xmm: [upper | a, b], mxcsr });
    expect({ result: after.xmm[0], mxcsr: after.mxcsr, vector: after.vector }).toEqual({
      result: upper | result,
      mxcsr: mxcsr | raised,
      vector: undefined,
    });
  });

  it("raises #XM for an unmasked exception, with its flag and without a result", () => {
    const mxcsr = DEFAULT & ~(ZE << 7);
    const after = executeVector(DIV, { xmm: [ONE, 0n], mxcsr });
    expect([after.vector, after.mxcsr, after.xmm[0]]).toEqual([19, mxcsr | ZE, ONE]);
  });

  it("raises #UD instead without CR4.OSXMMEXCPT", () => {
    const before = { xmm: [ONE, 0n], mxcsr: DEFAULT & ~(ZE << 7), cr4Clear: CR4.OSXMMEXCPT };
    expect(executeVector(DIV, before).vector).toBe(6);
  });

  it("does not report a result's exception if an operand's of another lane is unmasked", () => {
    const mxcsr = DEFAULT & ~(IE << 7);
    const lanes = (LARGEST << 32n) | SNAN;
    const after = executeVector("0f 58 c1", { xmm: [lanes, lanes], mxcsr });
    expect([after.vector, after.mxcsr]).toEqual([19, mxcsr | IE]);
  });
});

describe("SSE comparison and conversion", () => {
  const flagsOf = (text: string, a: bigint, b: bigint) =>
    executeVector(text, { xmm: [a, b], flags: 0x8d7 }).flags & 0x8d5;

  it("sets ZF, PF and CF by COMISS and clears the others", () => {
    expect(flagsOf("0f 2f c1", ONE, THREE)).toBe(1);
    expect(flagsOf("0f 2f c1", THREE, ONE)).toBe(0);
    expect(flagsOf("0f 2f c1", ONE, ONE)).toBe(0x40);
    expect(flagsOf("0f 2f c1", ONE, QNAN)).toBe(0x45);
  });

  it("finds a quiet NaN invalid by COMISS, not by UCOMISS", () => {
    expect(executeVector("0f 2f c1", { xmm: [ONE, QNAN] }).mxcsr).toBe(DEFAULT | IE);
    expect(executeVector("0f 2e c1", { xmm: [ONE, QNAN] }).mxcsr).toBe(DEFAULT);
  });

  it("fills lanes with ones by CMPPS", () => {
    const a = (ONE << 96n) | (THREE << 64n) | (QNAN << 32n) | ONE;
    const b = (THREE << 96n) | (ONE << 64n) | (ONE << 32n) | ONE;
    const lessOrEqual = 0xffff_ffff_0000_0000_0000_0000_ffff_ffffn;
    expect(executeVector("0f c2 c1 02", { xmm: [a, b] }).xmm[0]).toBe(lessOrEqual);
    const notLessOrEqual = 0x0000_0000_ffff_ffff_ffff_ffff_0000_0000n;
    expect(executeVector("0f c2 c1 06", { xmm: [a, b] }).xmm[0]).toBe(notLessOrEqual);
  });

  it("gives the integer indefinite for what does not fit", () => {
    const after = executeVector("f3 0f 2d c0", { xmm: [0x4f00_0000n] });
    expect([after.rax, after.mxcsr]).toEqual([0x8000_0000n, DEFAULT | IE]);
  });

  it("rounds 3.5 to even with CVTSS2SI and cuts it with CVTTSS2SI", () => {
    const before = { xmm: [0x4060_0000n] };
    expect(executeVector("f3 0f 2d c0", before).rax).toBe(4n);
    expect(executeVector("f3 0f 2c c0", before).rax).toBe(3n);
  });

  it("keeps the upper payload of a NaN in CVTSD2SS", () => {
    const after = executeVector("f2 0f 5a c1", { xmm: [0n, 0x7ff4_6824_6000_0001n] });
    expect([after.xmm[0], after.mxcsr]).toEqual([0x7fe3_4123n, DEFAULT | IE]);
  });

  it("does not raise PE by ROUNDSS with imm8 bit 3", () => {
    const before = { xmm: [0n, 0x4060_0000n] };
    const quiet = executeVector("66 0f 3a 0a c1 09", before);
    expect([quiet.xmm[0], quiet.mxcsr]).toEqual([THREE, DEFAULT]);
    expect(executeVector("66 0f 3a 0a c1 01", before).mxcsr).toBe(DEFAULT | PE);
  });
});
