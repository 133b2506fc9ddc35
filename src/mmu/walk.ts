/**
 * The reference walk: how a linear address is translated, step by step as the manual tells it
 * (SDM 3A, "Paging"). It is the specification; the generated walk must do the same.
 *
 * For each level, from the top table down:
 *   1. index the table with the address's bits of this level and read the entry;
 *   2. P = 0: page fault, not present;
 *   3. a reserved bit is set: page fault, RSVD;
 *   4. gather rights: U/S and R/W are ANDed, XD is ORed;
 *   5. the entry maps a page: go to 6; else its address is the next table: go to 1.
 * Then:
 *   6. judge the gathered rights: page fault, protection violation;
 *   7. set A in every entry used, and D in the last for a write. Where the manual leaves room for A
 *      after a fault, this machine sets no A bit unless the whole walk succeeds.
 */
import { KIND_MASK, STACK, WRITE } from "./access.ts";
import { isCanonical } from "./canonical.ts";
import type { PagingRegisters } from "./control-bits.ts";
import {
  addressOf,
  ENTRY,
  ENTRY_LO,
  isLeaf,
  patIndexOf,
  protectionKeyOf,
  reservedBits,
} from "./entry.ts";
import { GP_ZERO, NO_FAULT, PF_ERROR, pageFault, SS_ZERO } from "./fault.ts";
import type { LevelFormat, PagingMode } from "./paging-mode.ts";
import { ALL_RIGHTS, judge, RIGHT, reportsFetch, rightsTest } from "./rights.ts";

/** What a walk needs of physical memory. `PhysicalMemory` is one. */
export interface EntryMemory {
  read32(physical: number): number;
  read64(physical: number): bigint;
  write32(physical: number, value: number): void;
  isPresent(physical: number): boolean;
}

/** One entry that the walk read. */
export interface WalkStep {
  readonly level: number;
  readonly name: string;
  readonly index: number;
  /** Where the entry lies; -1 for a PDPTE register. */
  readonly entryAddress: number;
  readonly entry: bigint;
  readonly leaf: boolean;
  /** Where the entry leads: a table, or a page's first byte. Meaningless unless present and lawful. */
  readonly address: number;
  readonly reservedSet: bigint;
  /** No memory answers at `entryAddress`: the entry is the bus's all ones. */
  readonly absent: boolean;
  /** Rights (see RIGHT) gathered up to and with this entry. */
  readonly rights: number;
}

export interface WalkResult {
  /** `NO_FAULT`, or the fault with its error code. */
  readonly fault: number;
  /** The entries read, top first. The last one is the leaf, or the entry that faulted. */
  readonly steps: readonly WalkStep[];
  /** The translation; valid if there is no fault, or the fault is a protection violation. */
  readonly physical: number;
  readonly pageBytes: number;
  /** The level of the leaf, 0 without paging. */
  readonly level: number;
  readonly rights: number;
  readonly protectionKey: number;
  readonly global: boolean;
  readonly patIndex: number;
  /** The leaf's D bit, as the walk leaves it. */
  readonly dirty: boolean;
}

/** Where a walk begins when a paging-structure cache supplied the upper levels. */
export interface WalkStart {
  /** The level of the entry to read first. */
  readonly level: number;
  readonly table: number;
  readonly rights: number;
}

export interface WalkOptions {
  /** Set A and D bits as a processor does; a walk for display writes nothing. */
  readonly setAccessedDirty?: boolean;
  readonly start?: WalkStart | undefined;
}

const NOTHING = {
  steps: [],
  physical: 0,
  pageBytes: 0,
  level: 0,
  rights: 0,
  protectionKey: 0,
  global: false,
  patIndex: 0,
  dirty: false,
} as const;

/**
 * Translates `linear` (0 .. 2^64-1; the low 32 bits count outside 4- and 5-level paging).
 * @param registers as they are when `mode` was derived from them
 */
export function walk(
  memory: EntryMemory,
  mode: PagingMode,
  registers: PagingRegisters,
  linear: bigint,
  access: number,
  options: WalkOptions = {},
): WalkResult {
  if (!isCanonical(linear, mode.linearBits)) {
    return { ...NOTHING, fault: access & STACK ? SS_ZERO : GP_ZERO };
  }
  if (mode.kind === "none") {
    const physical = Number(BigInt.asUintN(32, linear));
    return { ...NOTHING, fault: NO_FAULT, physical, pageBytes: 4096, rights: ALL_RIGHTS };
  }
  const steps: WalkStep[] = [];
  const fault = (cause: number) => pageFault(access, cause, reportsFetch(registers, mode));
  let { level, table, rights } = options.start ?? topOf(mode, registers);
  for (;;) {
    const format = mode.formats[level] as LevelFormat;
    const step = readStep(memory, mode, registers, format, table, linear, rights);
    steps.push(step);
    if (!(step.entry & ENTRY.P)) return { ...NOTHING, fault: fault(0), steps };
    if (step.reservedSet) return { ...NOTHING, fault: fault(PF_ERROR.P | PF_ERROR.RSVD), steps };
    rights = step.rights;
    if (step.leaf) {
      const found = translationOf(step, format, mode, linear);
      const cause = judge(rightsTest(registers, mode, access), rights, found.protectionKey);
      if (cause >= 0) return { ...found, fault: fault(cause), steps };
      const writes = (access & KIND_MASK) === WRITE;
      if (options.setAccessedDirty) setAccessedDirty(memory, steps, writes);
      const dirty = found.dirty || (writes && options.setAccessedDirty === true);
      return { ...found, dirty, fault: NO_FAULT, steps };
    }
    table = step.address;
    level -= 1;
  }
}

function topOf(mode: PagingMode, registers: PagingRegisters): WalkStart {
  const table = Number(registers.cr3 & mode.rootAddress);
  return { level: mode.levels, table, rights: ALL_RIGHTS };
}

function readStep(
  memory: EntryMemory,
  mode: PagingMode,
  registers: PagingRegisters,
  format: LevelFormat,
  table: number,
  linear: bigint,
  rights: number,
): WalkStep {
  const index = Number((linear >> BigInt(format.shift)) & ((1n << BigInt(format.indexBits)) - 1n));
  // PAE paging keeps its top level in registers, which carry no rights.
  const register = mode.kind === "pae" && format.level === 3;
  const entryAddress = register ? -1 : table + index * mode.entryBytes;
  const entry = register
    ? (registers.pdptes[index] as bigint)
    : mode.entryBytes === 8
      ? memory.read64(entryAddress)
      : BigInt(memory.read32(entryAddress));
  return {
    level: format.level,
    name: format.name,
    index,
    entryAddress,
    entry,
    leaf: isLeaf(entry, format),
    address: addressOf(entry, format, mode),
    reservedSet: reservedBits(entry, format),
    absent: !register && !memory.isPresent(entryAddress),
    rights: register ? rights : gather(rights, entry, mode),
  };
}

/** Step 4: U/S and R/W are ANDed, XD is ORed. */
function gather(rights: number, entry: bigint, mode: PagingMode): number {
  const kept = rights & Number(entry & 6n);
  const denied = mode.executeDisable && entry & ENTRY.XD ? RIGHT.NO_EXECUTE : 0;
  return kept | (rights & RIGHT.NO_EXECUTE) | denied;
}

function translationOf(step: WalkStep, format: LevelFormat, mode: PagingMode, linear: bigint) {
  const pageBytes = 2 ** format.shift;
  const { entry } = step;
  return {
    physical: step.address + Number(linear & BigInt(pageBytes - 1)),
    pageBytes,
    level: format.level,
    rights: step.rights,
    protectionKey: mode.levels >= 4 ? protectionKeyOf(entry) : 0,
    global: mode.global && (entry & ENTRY.G) !== 0n,
    patIndex: patIndexOf(entry, format),
    dirty: (entry & ENTRY.D) !== 0n,
  };
}

/** Step 7. P, A and D lie in the low half, so one 32-bit store does it. */
function setAccessedDirty(memory: EntryMemory, steps: readonly WalkStep[], write: boolean): void {
  for (const step of steps) {
    if (step.entryAddress < 0) continue;
    const wanted = ENTRY_LO.A | (step.leaf && write ? ENTRY_LO.D : 0);
    // Read again: a table that references itself shows one entry as several steps.
    const low = memory.read32(step.entryAddress);
    if ((low & wanted) !== wanted) memory.write32(step.entryAddress, (low | wanted) >>> 0);
  }
}
