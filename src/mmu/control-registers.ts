/**
 * What software may write to the control registers (SDM 2, "MOV—Move to/from Control Registers",
 * "WRMSR"; SDM 3A, "Control Registers"). Each check is a table of rules: a rule that holds makes
 * the write #GP(0), and nothing changes.
 */
import { CR0, CR4, EFER, type PagingRegisters } from "./control-bits.ts";
import type { MmuFeatures } from "./features.ts";

/** What the rules look at. */
export interface WriteContext {
  readonly registers: PagingRegisters;
  readonly features: MmuFeatures;
  /** The processor executes 64-bit code (CS.L = 1 under IA-32e mode). */
  readonly codeIs64Bit: boolean;
}

interface Rule {
  readonly why: string;
  readonly refuses: (value: number, context: WriteContext) => boolean;
}

/** The value loses a bit that is set now. */
const clears = (value: number, now: number, bit: number) => (now & bit) !== 0 && !(value & bit);
const sets = (value: number, now: number, bit: number) => !(now & bit) && (value & bit) !== 0;

const CR0_RULES: readonly Rule[] = [
  { why: "PG without PE", refuses: (v) => (v & CR0.PG) !== 0 && !(v & CR0.PE) },
  { why: "NW without CD", refuses: (v) => (v & CR0.NW) !== 0 && !(v & CR0.CD) },
  {
    why: "PG set with EFER.LME but without CR4.PAE",
    refuses: (v, { registers: r }) =>
      sets(v, r.cr0, CR0.PG) && (r.efer & EFER.LME) !== 0 && !(r.cr4 & CR4.PAE),
  },
  {
    why: "PG set with EFER.LME while CS.L = 1",
    refuses: (v, { registers: r, codeIs64Bit }) =>
      sets(v, r.cr0, CR0.PG) && (r.efer & EFER.LME) !== 0 && codeIs64Bit,
  },
  {
    why: "PG cleared in 64-bit mode",
    refuses: (v, { registers: r, codeIs64Bit }) => clears(v, r.cr0, CR0.PG) && codeIs64Bit,
  },
  {
    why: "PG cleared with CR4.PCIDE",
    refuses: (v, { registers: r }) => clears(v, r.cr0, CR0.PG) && (r.cr4 & CR4.PCIDE) !== 0,
  },
];

const CR4_RULES: readonly Rule[] = [
  { why: "a reserved bit", refuses: (v, { features }) => (v & ~cr4Bits(features)) !== 0 },
  {
    why: "PAE cleared in IA-32e mode",
    refuses: (v, { registers: r }) => (r.efer & EFER.LMA) !== 0 && clears(v, r.cr4, CR4.PAE),
  },
  {
    why: "LA57 changed in IA-32e mode",
    refuses: (v, { registers: r }) => (r.efer & EFER.LMA) !== 0 && ((v ^ r.cr4) & CR4.LA57) !== 0,
  },
  {
    why: "PCIDE set outside IA-32e mode, or with CR3[11:0] not 0",
    refuses: (v, { registers: r }) =>
      sets(v, r.cr4, CR4.PCIDE) && (!(r.efer & EFER.LMA) || (r.cr3 & 0xfffn) !== 0n),
  },
];

const EFER_RULES: readonly Rule[] = [
  { why: "a reserved bit", refuses: (v, { features }) => (v & ~eferBits(features)) !== 0 },
  {
    why: "LME changed with paging on",
    refuses: (v, { registers: r }) => (r.cr0 & CR0.PG) !== 0 && ((v ^ r.efer) & EFER.LME) !== 0,
  },
];

/** The bits of CR4 that this processor lets software set. */
export function cr4Bits(features: MmuFeatures): number {
  const known: readonly (readonly [boolean, number])[] = [
    [features.pse, CR4.PSE],
    [features.pae, CR4.PAE],
    [features.pge, CR4.PGE],
    [features.la57, CR4.LA57],
    [features.pcid, CR4.PCIDE],
    [features.smep, CR4.SMEP],
    [features.smap, CR4.SMAP],
    [features.pku, CR4.PKE],
    [features.pks, CR4.PKS],
  ];
  return known.reduce((bits, [has, bit]) => (has ? bits | bit : bits), features.otherCr4Bits);
}

function eferBits(features: MmuFeatures): number {
  const long = features.longMode ? EFER.SCE | EFER.LME | EFER.LMA : 0;
  return long | (features.nx ? EFER.NXE : 0);
}

function check(rules: readonly Rule[], hi: number, value: number, c: WriteContext) {
  return hi !== 0 ? "bits 63:32" : rules.find((rule) => rule.refuses(value, c))?.why;
}

/** Why a write of CR0 is refused, or undefined. Reserved bits in 31:0 are ignored. */
export function refuseCr0(hi: number, lo: number, context: WriteContext): string | undefined {
  return check(CR0_RULES, hi, lo, context);
}

export function refuseCr4(hi: number, lo: number, context: WriteContext): string | undefined {
  return check(CR4_RULES, hi, lo, context);
}

export function refuseEfer(hi: number, lo: number, context: WriteContext): string | undefined {
  return check(EFER_RULES, hi, lo, context);
}

/** Bits of CR0 that exist; the others read 0 whatever is written. ET reads 1. */
const CR0_BITS =
  CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.NE | CR0.WP | CR0.AM | CR0.NW | CR0.CD | CR0.PG;

export function effectiveCr0(value: number): number {
  return (value & CR0_BITS) | CR0.ET;
}

const BIT_63 = 1n << 63n;

/**
 * Why a write of CR3 is refused, or undefined. Bit 63 is no part of the value but asks to keep
 * translations, where PCIDs are enabled.
 */
export function refuseCr3(
  value: bigint,
  { registers, features }: WriteContext,
): string | undefined {
  const pcide = (registers.cr4 & CR4.PCIDE) !== 0;
  const address = pcide ? value & ~BIT_63 : value;
  return address >> BigInt(features.maxPhyAddr) ? "bits 63:MAXPHYADDR" : undefined;
}

/** Whether the registers put PAE paging in force, so that PDPTEs live in registers. */
export function usesPdpteRegisters({ cr0, cr4, efer }: PagingRegisters): boolean {
  return (cr0 & CR0.PG) !== 0 && (cr4 & CR4.PAE) !== 0 && !(efer & EFER.LMA);
}

/** The bits whose change by MOV to CR0 or CR4 loads the PDPTEs (SDM 3A, "PDPTE Registers"). */
export const LOADS_PDPTES = {
  cr0: CR0.CD | CR0.NW | CR0.PG,
  cr4: CR4.PAE | CR4.PGE | CR4.PSE | CR4.SMEP,
} as const;
