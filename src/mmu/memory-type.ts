/**
 * The memory type of an access: what the page says by way of the PAT, and what the MTRRs say of the
 * physical address, combined (SDM 3A, "Memory Cache Control").
 *
 * An emulator has no caches to control, so nothing here changes a result; a translation reports it.
 */

/** By the encoding that IA32_PAT and the MTRRs share. 2 and 3 are reserved. */
export const MEMORY_TYPE = { UC: 0, WC: 1, WT: 4, WP: 5, WB: 6, UC_MINUS: 7 } as const;

const NAMES: Readonly<Record<number, string>> = {
  0: "UC",
  1: "WC",
  4: "WT",
  5: "WP",
  6: "WB",
  7: "UC-",
};

/** IA32_PAT after reset: WB WT UC- UC, twice. */
export const RESET_PAT = 0x0007_0406_0007_0406n;

/** `UC`, `WC`, `WT`, `WP`, `WB`, `UC-`; `reserved (2)` for what is none. */
export function memoryTypeName(type: number): string {
  return NAMES[type] ?? `reserved (${type})`;
}

/** Whether a write to IA32_PAT with this value is lawful (else #GP). */
export function isLawfulPat(pat: bigint): boolean {
  for (let index = 0; index < 8; index++) {
    const byte = Number((pat >> BigInt(8 * index)) & 0xffn);
    if (NAMES[byte] === undefined) return false;
  }
  return true;
}

/** The type that entry `patIndex` (0..7: the bits PAT, PCD, PWT of a leaf) of IA32_PAT selects. */
export function patType(pat: bigint, patIndex: number): number {
  return Number((pat >> BigInt(8 * patIndex)) & 7n);
}

/**
 * Effective types: a row for each type from the MTRRs, a column for each from the PAT.
 * (SDM 3A, "Effective Page-Level Memory Types for Pentium III and More Recent Processor Families".)
 */
const { UC, WC, WT, WP, WB, UC_MINUS } = MEMORY_TYPE;
const PAT_COLUMNS: readonly number[] = [UC, UC_MINUS, WC, WT, WB, WP];
const EFFECTIVE: Readonly<Record<number, readonly number[]>> = {
  [UC]: [UC, UC, WC, UC, UC, UC],
  [WC]: [UC, WC, WC, UC, WC, UC],
  [WT]: [UC, UC, WC, WT, WT, WP],
  [WB]: [UC, UC, WC, WT, WB, WP],
  [WP]: [UC, WC, WC, WT, WP, WP],
};

/**
 * The effective type where normal caching is in effect (CR0.CD = 0).
 * @param mtrr from `mtrrType`: UC, WC, WT, WP or WB
 * @param pat from `patType`
 */
export function effectiveMemoryType(mtrr: number, pat: number): number {
  return EFFECTIVE[mtrr]?.[PAT_COLUMNS.indexOf(pat)] ?? UC;
}

/** The MTRRs of a processor. */
export interface Mtrrs {
  /** IA32_MTRR_DEF_TYPE: the type in bits 7:0, FE in bit 10, E in bit 11. */
  readonly defaultType: number;
  /**
   * Types of the fixed ranges of the first MByte, 88 of them in order of address: 8 of 64 KBytes,
   * 16 of 16 KBytes, 64 of 4 KBytes. None: fixed ranges are not supported.
   */
  readonly fixed?: Uint8Array;
  /** IA32_MTRR_PHYSBASEn and IA32_MTRR_PHYSMASKn. */
  readonly variable: readonly { readonly base: bigint; readonly mask: bigint }[];
}

const FIXED_ENABLE = 1 << 10;
const ENABLE = 1 << 11;
const VALID = 1n << 11n;
const MIB = 1 << 20;

/**
 * The type that the MTRRs give to `physical` (SDM 3A, "MTRR Precedences"): UC for everything while
 * they are disabled, then the fixed ranges, then the variable ranges, then the default. Of several
 * variable ranges UC wins, then WT over WB; what else overlaps is undefined, and here UC.
 */
export function mtrrType(mtrrs: Mtrrs, physical: number): number {
  if (!(mtrrs.defaultType & ENABLE)) return UC;
  if (physical < MIB && mtrrs.fixed && mtrrs.defaultType & FIXED_ENABLE) {
    return mtrrs.fixed[fixedIndex(physical)] as number;
  }
  let found: number | undefined;
  const page = BigInt(physical) & ~0xfffn;
  for (const { base, mask } of mtrrs.variable) {
    if (!(mask & VALID)) continue;
    const wanted = mask & ~0xfffn;
    if ((page & wanted) !== (base & wanted)) continue;
    const type = Number(base & 0xffn);
    found = found === undefined ? type : overlap(found, type);
  }
  return found ?? mtrrs.defaultType & 0xff;
}

/** What a processor has beside its page tables to decide on memory types. */
export interface MemoryTypeRegisters {
  /** IA32_PAT. */
  readonly pat: bigint;
  /** None: all memory is WB, as firmware leaves RAM. */
  readonly mtrrs?: Mtrrs | undefined;
}

/**
 * The effective type of a page, with normal caching (CR0.CD = 0).
 * @param patIndex of the leaf, 0..7; undefined without paging, where the PAT has no say
 */
export function memoryTypeOf(
  { pat, mtrrs }: MemoryTypeRegisters,
  patIndex: number | undefined,
  physical: number,
): number {
  const mtrr = mtrrs ? mtrrType(mtrrs, physical) : WB;
  return patIndex === undefined ? mtrr : effectiveMemoryType(mtrr, patType(pat, patIndex));
}

function overlap(a: number, b: number): number {
  if (a === b) return a;
  const writeThrough = (a === WT && b === WB) || (a === WB && b === WT);
  return writeThrough ? WT : UC;
}

function fixedIndex(physical: number): number {
  if (physical < 0x80000) return physical >>> 16;
  if (physical < 0xc0000) return 8 + ((physical - 0x80000) >>> 14);
  return 24 + ((physical - 0xc0000) >>> 12);
}
