/**
 * Where pml5 decodes otherwise than iced-x86, and why. Everything else must be the same.
 */

import type { DecodedInstruction } from "../../../src/cpu/decode/decoded.ts";
import { instructionRows } from "../../../src/cpu/decode/rows.ts";

export interface Difference {
  readonly name: string;
  /** What decides it, with the manual's title. */
  readonly because: string;
  /** Names of iced's `Code` values. */
  readonly codes: RegExp;
  /** Where the difference is expected; elsewhere both must agree. */
  applies(ours: DecodedInstruction, mode: number): boolean;
  /**
   * What ours must be instead: another mnemonic of the same length, "#UD", or "word" where iced
   * gives a 16-bit register operand the operand size.
   */
  readonly expects: string;
}

/**
 * Iced's names of the features that every 64-bit processor has. CET_IBT stands for ENDBR, which
 * is a NOP by that name where it is not announced (SDM 1, Control-Flow Enforcement).
 */
const BASELINE = `INTEL8086 INTEL186 INTEL286 INTEL386 INTEL486 X64 FPU FPU287 FPU387 CMOV CX8
  CMPXCHG16B CPUID MSR TSC RDPMC SEP SMM FXSR MULTIBYTENOP PAUSE PREFETCHW PREFETCHWT1 CET_IBT`;

/** Iced's names of features where they are not QEMU's in upper case. */
const RENAMED: Readonly<Record<string, string>> = {
  pni: "SSE3",
  abm: "LZCNT",
  clflush: "CLFSH",
  "sha-ni": "SHA",
  "sse4.1": "SSE4_1",
  "sse4.2": "SSE4_2",
};

/** Iced's names of all features that our rows have: what needs another one is #UD. */
export const SUPPORTED_FEATURES: ReadonlySet<string> = new Set([
  ...BASELINE.split(/\s+/),
  ...instructionRows.map(({ feature }) => RENAMED[feature] ?? feature.toUpperCase()),
]);

/**
 * Codes that iced calls privileged and our rows do not, as they raise #UD and not #GP(0) at CPL > 0
 * (SDM 2A/2B, CLAC, STAC).
 */
export const NOT_PRIVILEGED = /^(Clac|Stac)$/;

const always = () => true;

export const DIFFERENCES: readonly Difference[] = [
  {
    name: "SYSCALL and SYSRET outside 64-bit mode",
    because:
      "SDM 2B, SYSCALL and SYSRET: #UD in compatibility and legacy mode; iced follows AMD here.",
    codes: /^(Syscall|Sysretd|Sysretq)$/,
    applies: (_ours, mode) => mode !== 64,
    expects: "#UD",
  },
  {
    name: "PAUSE with REX.B",
    because:
      "SDM 2B, NOP: 90 is NOP only as an alias of XCHG (E)AX, (E)AX. With REX.B it is XCHG R8, " +
      "rAX, F3 or not; processors execute the exchange.",
    codes: /^Pause$/,
    applies: (ours) => (ours.rex & 1) !== 0,
    expects: "xchg",
  },
  {
    name: "hints that are not announced",
    because:
      "SDM 2B, NOP and SDM 1, CET: 0F 18 … 0F 1F are NOP where the feature that gives them a " +
      "meaning (CLDEMOTE, PREFETCHI, shadow stacks) is absent.",
    codes: /^(Cldemote_m8|Prefetchit[01]_m8|Rdssp[dq]_r(32|64))$/,
    applies: always,
    expects: "nop",
  },
  {
    name: "selectors and status words in registers",
    because:
      "SDM 2A/2B, MOV, ARPL, VERR, LLDT, LTR, LMSW: only the low 16 bits are read, so the operand " +
      "is a 16-bit register here; iced names the register by the operand size.",
    codes: /^(Mov_Sreg|Arpl|Verr|Verw|Lldt|Ltr|Lmsw)_/,
    applies: always,
    expects: "word",
  },
];
