/**
 * Which paging mode is in force, and the shape that it gives to every level.
 *
 * | mode    | levels | entries | top table from   | reserved, beside what is in `levelFormats`  |
 * |---------|--------|---------|------------------|---------------------------------------------|
 * | none    | 0      | -       | -                | -                                           |
 * | 32-bit  | 2      | 4 bytes | CR3[31:12]       | PSE-36: bits 39:32 of a page in bits 20:13  |
 * | PAE     | 3      | 8 bytes | CR3[31:5]        | PDPTEs in registers, checked when loaded    |
 * | 4-level | 4      | 8 bytes | CR3[51:12]       |                                             |
 * | 5-level | 5      | 8 bytes | CR3[51:12]       |                                             |
 *
 * (SDM 3A, "Paging Modes and Control Bits" and the tables of each format.)
 */
import { CR0, CR4, EFER, type PagingRegisters } from "./control-bits.ts";
import type { MmuFeatures } from "./features.ts";

export type PagingKind = "none" | "32-bit" | "pae" | "4-level" | "5-level";

/** Levels count from the leaf. Index 0 is unused. */
export const LEVEL_NAMES = ["", "PTE", "PDE", "PDPTE", "PML4E", "PML5E"] as const;

/** The shape of one level's entries. */
export interface LevelFormat {
  readonly level: number;
  readonly name: string;
  /** The lowest bit of the linear address that indexes this level's table. */
  readonly shift: number;
  readonly indexBits: number;
  /** Whether PS = 1 makes the entry map a page. At level 1 every entry maps a page. */
  readonly mayBeLarge: boolean;
  /** Bits that must be 0 in an entry that references a table (at level 1: in every entry). */
  readonly reserved: bigint;
  /** Bits that must be 0 in an entry that maps a large page. */
  readonly reservedLarge: bigint;
  /** The bits of a large-page entry that give the page's address. */
  readonly largeAddress: bigint;
}

export interface PagingMode {
  readonly kind: PagingKind;
  readonly levels: number;
  readonly entryBytes: 4 | 8;
  /** Width of a linear address: 32, 48 or 57. */
  readonly linearBits: number;
  readonly maxPhyAddr: number;
  /** Whether XD is a right (else it is reserved where entries have 64 bits). */
  readonly executeDisable: boolean;
  /** Whether G has a meaning: CR4.PGE. */
  readonly global: boolean;
  /** PCIDs tag translations: CR4.PCIDE. */
  readonly pcid: boolean;
  /** The address bits of an entry that references a table or a 4-KByte page. */
  readonly address: bigint;
  /** The bits of CR3 that locate the top table. */
  readonly rootAddress: bigint;
  /** By level, 1 .. levels; index 0 repeats level 1. */
  readonly formats: readonly LevelFormat[];
  /** Tells modes of different shape apart: the key of everything generated for one. */
  readonly key: string;
}

const XD = 1n << 63n;
const PS = 1n << 7n;

/** Bits `high` down to `low`, none if high < low. */
function bits(high: number, low: number): bigint {
  return high < low ? 0n : ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
}

export function pagingKind(registers: PagingRegisters): PagingKind {
  if (!(registers.cr0 & CR0.PG)) return "none";
  if (registers.efer & EFER.LMA) return registers.cr4 & CR4.LA57 ? "5-level" : "4-level";
  return registers.cr4 & CR4.PAE ? "pae" : "32-bit";
}

const KINDS: readonly PagingKind[] = ["none", "32-bit", "pae", "4-level", "5-level"];

const LEVELS: Readonly<Record<PagingKind, number>> = {
  none: 0,
  "32-bit": 2,
  pae: 3,
  "4-level": 4,
  "5-level": 5,
};
const LINEAR_BITS: Readonly<Record<PagingKind, number>> = {
  none: 32,
  "32-bit": 32,
  pae: 32,
  "4-level": 48,
  "5-level": 57,
};

const known = new Map<number, PagingMode>();

/** The mode that the registers select; one frozen object for each shape. */
export function pagingMode(registers: PagingRegisters, features: MmuFeatures): PagingMode {
  const kind = pagingKind(registers);
  const pse = (registers.cr4 & CR4.PSE) !== 0;
  const nxe = (registers.efer & EFER.NXE) !== 0;
  const global = (registers.cr4 & CR4.PGE) !== 0;
  const pcid = (registers.cr4 & CR4.PCIDE) !== 0;
  const { maxPhyAddr, gbPages, pse36 } = features;
  // Looked up at every change of a control register: a number, not a text.
  const number =
    (pse ? 1 : 0) |
    (pse36 ? 2 : 0) |
    (nxe ? 4 : 0) |
    (gbPages ? 8 : 0) |
    (global ? 16 : 0) |
    (pcid ? 32 : 0) |
    (KINDS.indexOf(kind) << 6) |
    (maxPhyAddr << 9);
  const cached = known.get(number);
  if (cached) return cached;
  const key = `${kind} pa${maxPhyAddr} ${[pse && "pse", pse36 && "pse36", nxe && "nxe", gbPages && "gb", global && "pge", pcid && "pcid"].filter(Boolean).join(" ")}`;
  const wide = kind !== "32-bit";
  const levels = LEVELS[kind];
  const rootLow = kind === "pae" ? 5 : 12;
  const shape = { kind, maxPhyAddr, gbPages, pse, pse36, nxe };
  const formats = Array.from({ length: levels + 1 }, (_, i) =>
    Object.freeze(levelFormat(Math.max(i, 1), shape)),
  );
  const mode: PagingMode = Object.freeze({
    kind,
    levels,
    entryBytes: wide ? 8 : 4,
    linearBits: LINEAR_BITS[kind],
    maxPhyAddr,
    executeDisable: wide && nxe && kind !== "none",
    global,
    pcid,
    address: bits(wide ? maxPhyAddr - 1 : 31, 12),
    rootAddress: bits(levels >= 4 ? maxPhyAddr - 1 : 31, rootLow),
    formats: Object.freeze(formats),
    key,
  });
  known.set(number, mode);
  return mode;
}

interface Shape {
  readonly kind: PagingKind;
  readonly maxPhyAddr: number;
  readonly gbPages: boolean;
  readonly pse: boolean;
  readonly pse36: boolean;
  readonly nxe: boolean;
}

function levelFormat(level: number, shape: Shape): LevelFormat {
  const name = LEVEL_NAMES[level] as string;
  return shape.kind === "32-bit"
    ? { level, name, ...format32(level, shape) }
    : { level, name, ...format64(level, shape) };
}

/** SDM 3A, "32-Bit Paging": formats of PDEs and PTEs, and PSE-36. */
function format32(level: number, { maxPhyAddr, pse, pse36 }: Shape) {
  const mayBeLarge = level === 2 && pse;
  // A 4-MByte page's address has at most 40 bits: 39:32 lie in bits 20:13 of the PDE.
  const width = pse36 ? Math.min(maxPhyAddr, 40) : 32;
  return {
    shift: level === 1 ? 12 : 22,
    indexBits: 10,
    mayBeLarge,
    reserved: 0n,
    reservedLarge: mayBeLarge ? bits(21, width - 19) : 0n,
    largeAddress: bits(31, 22),
  };
}

/** SDM 3A, "PAE Paging" and "4-Level Paging and 5-Level Paging". */
function format64(level: number, { kind, maxPhyAddr, gbPages, nxe }: Shape) {
  const pae = kind === "pae";
  // PAE reserves everything between the address and XD; long mode ignores 62:52.
  const base = bits(pae ? 62 : 51, maxPhyAddr) | (nxe ? 0n : XD);
  const shift = 12 + 9 * (level - 1);
  const mayBeLarge = level === 2 || (level === 3 && gbPages && !pae);
  const large = base | bits(shift - 1, 13);
  const smallOnly = level === 1 || mayBeLarge || pae ? base : base | PS;
  return {
    shift,
    indexBits: pae && level === 3 ? 2 : 9,
    mayBeLarge,
    reserved: pae && level === 3 ? PAE_PDPTE_RESERVED | bits(63, maxPhyAddr) : smallOnly,
    reservedLarge: mayBeLarge ? large : 0n,
    largeAddress: bits(maxPhyAddr - 1, shift),
  };
}

/** Bits 2:1 and 8:5 of a PDPTE in PAE paging. */
const PAE_PDPTE_RESERVED = 0x1e6n;
