import { describe, expect, it } from "vitest";
import { CELL, X87 } from "../../../src/cpu/layout.ts";
import { CR0, CR4 } from "../../../src/mmu/control-bits.ts";
import { AT } from "../../support/guest.ts";
import { executeVector, vectorGuest } from "../../support/vectors.ts";

const A = 0x80_7f_ff_00_01_02_fe_10_11_22_33_44_55_66_77_88n;
const C = 0x01_80_01_ff_01_fd_03_f0_00_00_00_00_ff_ff_ff_ffn;

/** Name, listing of `op xmm0, xmm1`, result in XMM0. */
const CASES: readonly (readonly [string, string, bigint])[] = [
  ["paddb", "66 0f fc c1", 0x81_ff_00_ff_02_ff_01_00_11_22_33_44_54_65_76_87n],
  ["psubusb", "66 0f d8 c1", 0x7f_00_fe_00_00_00_fb_00_11_22_33_44_00_00_00_00n],
  ["pcmpeqd", "66 0f 76 c1", 0n],
  ["pcmpgtb", "66 0f 64 c1", 0x00_ff_00_ff_00_ff_00_ff_ff_ff_ff_ff_ff_ff_ff_00n],
  ["pminub", "66 0f da c1", 0x01_7f_01_00_01_02_03_10_00_00_00_00_55_66_77_88n],
  ["pand", "66 0f db c1", 0x00_00_01_00_01_00_02_10_00_00_00_00_55_66_77_88n],
  ["pandn", "66 0f df c1", 0x01_80_00_ff_00_fd_01_e0_00_00_00_00_aa_99_88_77n],
  ["punpcklbw", "66 0f 60 c1", 0x00_11_00_22_00_33_00_44_ff_55_ff_66_ff_77_ff_88n],
  ["punpckhqdq", "66 0f 6d c1", 0x01_80_01_ff_01_fd_03_f0_80_7f_ff_00_01_02_fe_10n],
  ["pshufd 0x1b", "66 0f 70 c1 1b", 0xff_ff_ff_ff_00_00_00_00_01_fd_03_f0_01_80_01_ffn],
  ["psadbw", "66 0f f6 c1", (sad(A >> 64n, C >> 64n) << 64n) + sad(A, C)],
  ["pslldq 3", "66 0f 73 f8 03", (A << 24n) & ((1n << 128n) - 1n)],
  ["psrldq 16", "66 0f 73 d8 10", 0n],
  ["psrlw by more than 15", "66 0f d1 c1", 0n],
];

/** Written out from the manual: the sum of |a - c| over eight bytes. */
function sad(a: bigint, c: bigint): bigint {
  let sum = 0n;
  for (let n = 0n; n < 64n; n += 8n) {
    const d = ((a >> n) & 0xffn) - ((c >> n) & 0xffn);
    sum += d < 0n ? -d : d;
  }
  return sum;
}

describe("SSE2 integer instructions", () => {
  it.each(CASES)("%s", (_name, text, result) => {
    const { xmm, vector, mxcsr } = executeVector(text, { xmm: [A, C] });
    expect({ result: xmm[0], source: xmm[1], vector, mxcsr }).toEqual({
      result,
      source: C,
      vector: undefined,
      mxcsr: 0x1f80,
    });
  });

  it("takes the signs of all bytes with PMOVMSKB", () => {
    expect(executeVector("66 0f d7 c0", { xmm: [A] }).rax).toBe(0b1010_0010_0000_0001n);
  });

  it("raises #GP for a 16-byte operand that is not aligned, but not for MOVDQU", () => {
    const rax = BigInt(AT.data + 8);
    expect(executeVector("66 0f 6f 00", { rax }).vector).toBe(13);
    expect(executeVector("66 0f fc 00", { rax }).vector).toBe(13);
    expect(executeVector("f3 0f 6f 00", { rax }).vector).toBeUndefined();
  });

  it("raises #UD with CR0.EM or without CR4.OSFXSR, #NM with CR0.TS", () => {
    const vectorOf = (cr0Set: number, cr4Clear = 0) =>
      executeVector("66 0f fc c1", { cr0Set, cr4Clear }).vector;
    expect(vectorOf(CR0.EM)).toBe(6);
    expect(vectorOf(0, CR4.OSFXSR)).toBe(6);
    expect(vectorOf(CR0.TS)).toBe(7);
    expect(vectorOf(CR0.EM | CR0.TS)).toBe(6);
  });
});

describe("MMX instructions", () => {
  it("make all x87 registers valid, the stack begin at 0, and the exponent ones", () => {
    const { mm } = executeVector("0f fc c1", { mm: [0x0102n, 0x01ffn] });
    const { state } = vectorGuest().cpu;
    expect(mm[0]).toBe(0x0201n);
    expect(state.get32(CELL.fpuTag)).toBe(0);
    expect(state.get32(X87 + 8) & 0xffff).toBe(0xffff);
  });

  it("narrow both operands into one register with PACKSSWB", () => {
    const { mm } = executeVector("0f 63 c1", {
      mm: [0x7fff_0001_8000_00ffn, 0x0002_ff80_ff7f_0080n],
    });
    expect(mm[0]).toBe(0x02_80_80_7f_7f_01_80_7fn);
  });

  it("need no CR4.OSFXSR", () => {
    expect(executeVector("0f fc c1", { cr4Clear: CR4.OSFXSR }).vector).toBeUndefined();
  });

  it("leave all registers empty with EMMS", () => {
    executeVector("0f 77");
    expect(vectorGuest().cpu.state.get32(CELL.fpuTag)).toBe(0xffff);
  });
});
