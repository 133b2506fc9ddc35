import { describe, expect, it } from "vitest";
import { hiOf, hiOfNumber, loOf, loOfNumber, numberOf, wordOf } from "../../src/base/word64.ts";

describe("64-bit words as int32 halves", () => {
  it.each([
    [0n, 0, 0],
    [1n, 0, 1],
    [0x7fff_ffffn, 0, 0x7fff_ffff],
    [0x8000_0000n, 0, -0x8000_0000],
    [0xffff_ffffn, 0, -1],
    [0x1_0000_0000n, 1, 0],
    [0x8000_0000_0000_0000n, -0x8000_0000, 0],
    [0xffff_ffff_ffff_ffffn, -1, -1],
    [0xff11_0000_dead_beefn, -15663104, -559038737],
  ])("splits %d into hi %d and lo %d and joins them again", (word, hi, lo) => {
    expect([hiOf(word), loOf(word)]).toEqual([hi, lo]);
    expect(wordOf(hi, lo)).toBe(word);
  });

  it("takes halves given unsigned for the same bits", () => {
    expect(wordOf(0xffff_ffff, 0x8000_0000)).toBe(0xffff_ffff_8000_0000n);
  });
});

describe("Physical addresses as int32 halves", () => {
  it.each([
    [0, 0, 0],
    [0xffff_ffff, 0, -1],
    [0x1_0000_0000, 1, 0],
    [0xf_ffff_ffff_f000, 0xf_ffff, -0x1000],
    [0x4000_8000_0000, 0x4000, -0x8000_0000],
    [Number.MAX_SAFE_INTEGER, 0x1f_ffff, -1],
  ])("splits %d into hi %d and lo %d and joins them again", (value, hi, lo) => {
    expect([hiOfNumber(value), loOfNumber(value)]).toEqual([hi, lo]);
    expect(numberOf(hi, lo)).toBe(value);
  });
});
