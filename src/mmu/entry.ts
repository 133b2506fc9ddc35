/**
 * The bits of a paging-structure entry: one table for the walkers, the messages and the dumps.
 *
 * | bit   | entry that references a table | entry that maps a page                         |
 * |-------|-------------------------------|------------------------------------------------|
 * | 0     | P                             | P                                              |
 * | 1     | R/W                           | R/W                                            |
 * | 2     | U/S                           | U/S                                            |
 * | 3, 4  | PWT, PCD                      | PWT, PCD                                       |
 * | 5     | A                             | A                                              |
 * | 6     | ignored                       | D                                              |
 * | 7     | PS = 0                        | PS = 1 in a large page; PAT in a 4-KByte page  |
 * | 8     | ignored                       | G                                              |
 * | 12    | address                       | PAT in a large page, else address              |
 * | 51:12 | address                       | address                                        |
 * | 62:59 | ignored                       | protection key                                 |
 * | 63    | XD                            | XD                                             |
 *
 * (SDM 3A, "Formats of CR3 and Paging-Structure Entries"; 32-bit paging has the same low bits.)
 */
import type { LevelFormat, PagingMode } from "./paging-mode.ts";

/** Masks of the low half of an entry. */
export const ENTRY_LO = {
  P: 1 << 0,
  RW: 1 << 1,
  US: 1 << 2,
  PWT: 1 << 3,
  PCD: 1 << 4,
  A: 1 << 5,
  D: 1 << 6,
  PS: 1 << 7,
  PAT_4K: 1 << 7,
  G: 1 << 8,
  PAT_LARGE: 1 << 12,
} as const;

/** Masks of the high half of a 64-bit entry. */
export const ENTRY_HI = { XD: 1 << 31, KEY_SHIFT: 27 } as const;

/** The same masks over the whole entry, where speed does not matter. */
export const ENTRY = {
  P: 1n << 0n,
  RW: 1n << 1n,
  US: 1n << 2n,
  PWT: 1n << 3n,
  PCD: 1n << 4n,
  A: 1n << 5n,
  D: 1n << 6n,
  PS: 1n << 7n,
  PAT_4K: 1n << 7n,
  G: 1n << 8n,
  PAT_LARGE: 1n << 12n,
  XD: 1n << 63n,
} as const;

/** An entry, decoded for people. */
export interface EntryDescription {
  readonly level: number;
  readonly name: string;
  readonly present: boolean;
  /** Whether it maps a page (true) or references a table (false). */
  readonly leaf: boolean;
  /** Where the page or the table lies. */
  readonly address: number;
  readonly writable: boolean;
  readonly user: boolean;
  readonly accessed: boolean;
  readonly dirty: boolean;
  readonly global: boolean;
  readonly noExecute: boolean;
  /** PAT, PCD and PWT as the index into IA32_PAT, 0..7. */
  readonly patIndex: number;
  readonly protectionKey: number;
  /** Reserved bits that are set. */
  readonly reservedSet: bigint;
  /** Bits that are set and that the processor ignores: software's. */
  readonly ignoredSet: bigint;
  /** Names of the bits that are set, low to high: `P RW A D PS G XD`. */
  readonly bits: readonly string[];
}

/** Whether a present entry at this level maps a page. */
export function isLeaf(entry: bigint, format: LevelFormat): boolean {
  return format.level === 1 || (format.mayBeLarge && (entry & ENTRY.PS) !== 0n);
}

/** The reserved bits that are set in a present entry. */
export function reservedBits(entry: bigint, format: LevelFormat): bigint {
  const large = format.level > 1 && isLeaf(entry, format);
  return entry & (large ? format.reservedLarge : format.reserved);
}

/** Bits 11:9 of every entry, 58:52 of those of 4- and 5-level paging, 62:59 where there is no key. */
const IGNORED = { always: 7n << 9n, longMode: 0x7fn << 52n, keyless: 0xfn << 59n } as const;

/** The bits of a present entry that are set and that the processor ignores. */
export function ignoredBits(entry: bigint, format: LevelFormat, mode: PagingMode): bigint {
  const longMode = mode.levels >= 4;
  let ignored: bigint = IGNORED.always | (longMode ? IGNORED.longMode : 0n);
  if (isLeaf(entry, format)) return entry & (mode.global ? ignored : ignored | ENTRY.G);
  // A PDPTE register reserves what other entries that reference a table ignore.
  if (mode.kind === "pae" && format.level === 3) return entry & ignored;
  ignored |= ENTRY.D | ENTRY.G | (longMode ? IGNORED.keyless : 0n);
  // Without CR4.PSE a PDE's PS has no meaning; elsewhere PS = 1 makes a leaf, or is reserved.
  if (mode.kind === "32-bit") ignored |= ENTRY.PS;
  return entry & ignored;
}

/** The physical address that the entry gives: of a table, or of a page's first byte. */
export function addressOf(entry: bigint, format: LevelFormat, mode: PagingMode): number {
  if (format.level === 1 || !isLeaf(entry, format)) return Number(entry & mode.address);
  const page = Number(entry & format.largeAddress);
  if (mode.kind !== "32-bit") return page;
  const width = BigInt(Math.min(mode.maxPhyAddr, 40) - 32);
  const upper = (entry >> 13n) & ((1n << width) - 1n);
  return page + Number(upper) * 4294967296;
}

/** PAT, PCD and PWT of an entry as an index into IA32_PAT. */
export function patIndexOf(entry: bigint, format: LevelFormat): number {
  const low = Number(entry & 0x1fffn);
  const leaf = isLeaf(entry, format);
  const patBit = !leaf ? 0 : format.level === 1 ? ENTRY_LO.PAT_4K : ENTRY_LO.PAT_LARGE;
  return (low & patBit ? 4 : 0) | (low & ENTRY_LO.PCD ? 2 : 0) | (low & ENTRY_LO.PWT ? 1 : 0);
}

/** Bits 62:59; they are a key only in an entry that maps a page under 4- or 5-level paging. */
export function protectionKeyOf(entry: bigint): number {
  return Number((entry >> 59n) & 15n);
}

/**
 * Decodes the entry for a message or a listing.
 * @param level 1 (PTE) .. mode.levels
 */
export function describeEntry(entry: bigint, level: number, mode: PagingMode): EntryDescription {
  const format = mode.formats[level] as LevelFormat;
  const leaf = isLeaf(entry, format);
  const keyed = leaf && mode.levels >= 4;
  return {
    level,
    name: format.name,
    present: (entry & ENTRY.P) !== 0n,
    leaf,
    address: addressOf(entry, format, mode),
    writable: (entry & ENTRY.RW) !== 0n,
    user: (entry & ENTRY.US) !== 0n,
    accessed: (entry & ENTRY.A) !== 0n,
    dirty: leaf && (entry & ENTRY.D) !== 0n,
    global: leaf && mode.global && (entry & ENTRY.G) !== 0n,
    noExecute: mode.executeDisable && (entry & ENTRY.XD) !== 0n,
    patIndex: patIndexOf(entry, format),
    protectionKey: keyed ? protectionKeyOf(entry) : 0,
    reservedSet: reservedBits(entry, format),
    ignoredSet: ignoredBits(entry, format, mode),
    bits: bitNames(entry, format, mode),
  };
}

function bitNames(entry: bigint, format: LevelFormat, mode: PagingMode): string[] {
  const leaf = isLeaf(entry, format);
  const patBit = format.level === 1 ? ENTRY.PAT_4K : ENTRY.PAT_LARGE;
  const named: readonly (readonly [string, bigint, boolean])[] = [
    ["P", ENTRY.P, true],
    ["RW", ENTRY.RW, true],
    ["US", ENTRY.US, true],
    ["PWT", ENTRY.PWT, true],
    ["PCD", ENTRY.PCD, true],
    ["A", ENTRY.A, true],
    ["D", ENTRY.D, leaf],
    ["PS", ENTRY.PS, format.level > 1],
    ["PAT", patBit, leaf],
    ["G", ENTRY.G, leaf],
    ["XD", ENTRY.XD, mode.entryBytes === 8],
  ];
  return named.filter(([, bit, applies]) => applies && entry & bit).map(([name]) => name);
}
