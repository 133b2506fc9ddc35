/** How a processor begins: what a boot loader hands to the CPU, as plain data. */
import { CR0, CR4, EFER } from "../../mmu/control-bits.ts";

export const GENERAL_REGISTERS = [
  ...(["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const),
  ...(["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"] as const),
] as const;
export type GeneralRegister = (typeof GENERAL_REGISTERS)[number];

export const SEGMENT_REGISTERS = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"] as const;
export type SegmentRegister = (typeof SEGMENT_REGISTERS)[number];

/** A segment register with its hidden part. */
export interface SegmentState {
  readonly selector: number;
  readonly base: bigint;
  /** In bytes, the granularity applied. */
  readonly limit: number;
  /** Bits 55:40 of the descriptor as bits 15:0 (limit bits 11:8 zero); 0 is unusable. */
  readonly rights: number;
}

export interface TableRegister {
  readonly base: bigint;
  readonly limit: number;
}

export interface EntryState {
  /** Registers not named are 0. */
  readonly registers: Readonly<Partial<Record<GeneralRegister, bigint>>>;
  readonly rip: bigint;
  readonly rflags: bigint;
  readonly cr0: number;
  readonly cr3: bigint;
  readonly cr4: number;
  readonly efer: number;
  readonly segments: Readonly<Record<SegmentRegister, SegmentState>>;
  readonly gdtr: TableRegister;
  readonly idtr: TableRegister;
}

const RFLAGS_ALWAYS = 2n;
const RIGHTS = {
  realCode: 0x009b,
  realData: 0x0093,
  code32: 0xc09b,
  code64: 0xa09b,
  data32: 0xc093,
  ldt: 0x0082,
  busyTss: 0x008b,
} as const;
const FLAT_LIMIT = 0xffffffff;
const REAL_LIMIT = 0xffff;

const segment = (selector: number, rights: number, limit: number, base = 0n): SegmentState => ({
  selector,
  base,
  limit,
  rights,
});

function segmentsOf(code: SegmentState, data: SegmentState): EntryState["segments"] {
  return {
    es: data,
    cs: code,
    ss: data,
    ds: data,
    fs: data,
    gs: data,
    ldtr: segment(0, RIGHTS.ldt, REAL_LIMIT),
    tr: segment(0, RIGHTS.busyTss, REAL_LIMIT),
  };
}

type Registers = EntryState["registers"];

/** Real mode at `address` below 1 MiB: CS:IP with IP = address & 15, data segments 0. */
export function realModeEntry(address: number, registers: Registers = {}): EntryState {
  const selector = address >> 4;
  const code = segment(selector, RIGHTS.realCode, REAL_LIMIT, BigInt(selector << 4));
  return {
    registers,
    rip: BigInt(address & 15),
    rflags: RFLAGS_ALWAYS,
    cr0: CR0.ET,
    cr3: 0n,
    cr4: 0,
    efer: 0,
    segments: segmentsOf(code, segment(0, RIGHTS.realData, REAL_LIMIT)),
    gdtr: { base: 0n, limit: REAL_LIMIT },
    // The interrupt vector table.
    idtr: { base: 0n, limit: 0x3ff },
  };
}

/** A GDT that holds `codeSelector` and, after it, a data segment. */
export interface BootGdt extends TableRegister {
  readonly codeSelector: number;
}

/** 32-bit protected mode, paging off, flat segments. */
export function protectedModeEntry(
  rip: number,
  gdt: BootGdt,
  registers: Registers = {},
): EntryState {
  const code = segment(gdt.codeSelector, RIGHTS.code32, FLAT_LIMIT);
  return {
    registers,
    rip: BigInt(rip),
    rflags: RFLAGS_ALWAYS,
    cr0: CR0.ET | CR0.PE,
    cr3: 0n,
    cr4: 0,
    efer: 0,
    segments: segmentsOf(code, segment(gdt.codeSelector + 8, RIGHTS.data32, FLAT_LIMIT)),
    gdtr: { base: gdt.base, limit: gdt.limit },
    idtr: { base: 0n, limit: 0 },
  };
}

/** 64-bit mode under the tables at `cr3`, with 4 or 5 levels. */
export function longModeEntry(
  rip: bigint,
  gdt: BootGdt,
  paging: { readonly cr3: number; readonly levels: 4 | 5 },
  registers: Registers = {},
): EntryState {
  const code = segment(gdt.codeSelector, RIGHTS.code64, FLAT_LIMIT);
  return {
    registers,
    rip,
    rflags: RFLAGS_ALWAYS,
    cr0: CR0.ET | CR0.PE | CR0.PG,
    cr3: BigInt(paging.cr3),
    cr4: CR4.PAE | (paging.levels === 5 ? CR4.LA57 : 0),
    efer: EFER.LME | EFER.LMA,
    segments: segmentsOf(code, segment(gdt.codeSelector + 8, RIGHTS.data32, FLAT_LIMIT)),
    gdtr: { base: gdt.base, limit: gdt.limit },
    idtr: { base: 0n, limit: 0 },
  };
}

const DESCRIPTORS = {
  code32: 0x00cf9b000000ffffn,
  code64: 0x00af9b000000ffffn,
  data: 0x00cf93000000ffffn,
} as const;

/** The bytes of a GDT with code and data at `codeSelector` and the selector after it. */
export function gdtBytes(codeSelector: number, code: "code32" | "code64"): Uint8Array {
  const bytes = new Uint8Array(codeSelector + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(codeSelector, DESCRIPTORS[code], true);
  view.setBigUint64(codeSelector + 8, DESCRIPTORS.data, true);
  return bytes;
}
