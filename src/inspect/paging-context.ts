/** Which tables of a dump to read, and how: control registers from its notes, or as told. */
import { FormatError } from "../base/byte-source.ts";
import { badArgument } from "../base/errors.ts";
import { loOf } from "../base/word64.ts";
import { CR0, CR4, EFER, type PagingRegisters, RESET_REGISTERS } from "../mmu/control-bits.ts";
import { ENTRY } from "../mmu/entry.ts";
import { mmuFeatures } from "../mmu/features.ts";
import { type PagingMode, pagingMode } from "../mmu/paging-mode.ts";
import type { CoreFile } from "./core-file.ts";

/** What a user may set; the rest comes from the dump. */
export interface PagingChoice {
  /** Which processor's registers, 0 .. number of processors - 1. Default 0. */
  readonly cpu?: number;
  readonly cr3?: bigint;
  readonly cr4?: number;
  readonly efer?: number;
  /** 36..52. Default 52. */
  readonly maxPhyAddr?: number;
  /** 2 is 32-bit paging, 3 is PAE; sets the bits of CR0, CR4 and EFER that select the mode. */
  readonly levels?: 2 | 3 | 4 | 5;
}

export interface PagingContext {
  readonly registers: PagingRegisters;
  readonly mode: PagingMode;
  /** Where CR3 comes from, for a heading: `CPU 0 of 1`. */
  readonly origin: string;
}

type Bits = Pick<PagingRegisters, "cr0" | "cr4" | "efer">;

/** The bits that select a mode, as set and cleared for each number of levels. */
const MODE_BITS: Readonly<Record<number, { readonly set: Bits; readonly clear: Bits }>> = {
  2: modeBits(0, 0, CR4.PAE, EFER.LMA),
  3: modeBits(CR4.PAE, 0, 0, EFER.LMA),
  4: modeBits(CR4.PAE, EFER.LMA, CR4.LA57, 0),
  5: modeBits(CR4.PAE | CR4.LA57, EFER.LMA, 0, 0),
};

function modeBits(setCr4: number, setEfer: number, clearCr4: number, clearEfer: number) {
  const set = { cr0: CR0.PE | CR0.PG, cr4: setCr4, efer: setEfer };
  return { set, clear: { cr0: 0, cr4: clearCr4, efer: clearEfer } };
}

/** What kernels run with, where the dump does not say. */
const USUAL_CR0 = CR0.PE | CR0.WP | CR0.PG;
const USUAL_CR4 = CR4.PSE | CR4.PAE | CR4.PGE;
/** EFER is in no note. A kernel of our days uses execute-disable. */
const USUAL_EFER = EFER.NXE | EFER.SCE;

/**
 * @throws ArgumentError for a choice that is not possible; FormatError if the dump does not tell
 *   CR3 and the choice does not either
 */
export function pagingContext(core: CoreFile, choice: PagingChoice = {}): PagingContext {
  const told = fromDump(core, choice);
  const longMode = core.longMode ? EFER.LMA | EFER.LME : 0;
  const chosen = {
    cr0: told.cr0,
    cr4: choice.cr4 ?? told.cr4,
    efer: choice.efer ?? USUAL_EFER | longMode,
  };
  const bits = MODE_BITS[choice.levels ?? 0];
  const pick = (name: keyof Bits) =>
    bits ? (chosen[name] | bits.set[name]) & ~bits.clear[name] : chosen[name];
  const cr3 = choice.cr3 ?? told.cr3;
  const registers = {
    ...RESET_REGISTERS,
    cr0: pick("cr0"),
    cr3,
    cr4: pick("cr4"),
    efer: pick("efer"),
    ac: told.ac,
  };
  const mode = pagingMode(registers, mmuFeatures({ maxPhyAddr: choice.maxPhyAddr ?? 52 }));
  const pdptes = mode.kind === "pae" ? readPdptes(core, cr3, mode) : registers.pdptes;
  return { registers: { ...registers, pdptes }, mode, origin: told.origin };
}

interface Told {
  readonly cr0: number;
  readonly cr3: bigint;
  readonly cr4: number;
  readonly ac: boolean;
  readonly origin: string;
}

/** EFLAGS.AC: while it is set, SMAP lets explicit accesses of the kernel pass. */
const RFLAGS_AC = 1n << 18n;

function fromDump(core: CoreFile, { cpu: index, cr3 }: PagingChoice): Told {
  const { cpus, kernelTables } = core;
  const cpu = cpus[index ?? 0];
  const given = cr3 === undefined ? "" : "CR3 as given, else ";
  if (cpu) {
    const ac = (cpu.rflags & RFLAGS_AC) !== 0n;
    return { ...cpu, ac, origin: `${given}CPU ${cpu.index} of ${cpus.length}` };
  }
  if (index !== undefined) {
    const expected = cpus.length > 0 ? `0..${cpus.length - 1}` : "none (the dump has no QEMU note)";
    badArgument("cpu", expected, index);
  }
  const paging = { cr0: USUAL_CR0, cr4: USUAL_CR4, ac: false };
  if (cr3 !== undefined) return { ...paging, cr3, origin: "CR3 as given" };
  if (kernelTables) {
    const cr4 = USUAL_CR4 | (kernelTables.fiveLevel ? CR4.LA57 : 0);
    return { ...paging, cr4, cr3: kernelTables.top, origin: "swapper_pg_dir in VMCOREINFO" };
  }
  throw new FormatError(
    `${core.name}: expected a note named QEMU or VMCOREINFO to tell CR3, got none; give --cr3`,
  );
}

/**
 * What MOV to CR3 would load into the PDPTE registers. The dump has only the memory that they were
 * loaded from, and there QEMU sets bit 5 (A elsewhere) when it uses one: reserved in a PDPTE, so it
 * cannot have been set then.
 */
function readPdptes(core: CoreFile, cr3: bigint, mode: PagingMode): bigint[] {
  const bytes = new Uint8Array(32);
  const table = Number(cr3 & mode.rootAddress);
  if (!core.isPresent(table)) {
    const at = `0x${table.toString(16)}`;
    throw new FormatError(
      `${core.name}: expected the PDPTEs of CR3 at ${at}, which is not in the dump`,
    );
  }
  core.readBytes(table, bytes);
  const view = new DataView(bytes.buffer);
  return [0, 8, 16, 24].map((at) => view.getBigUint64(at, true) & ~ENTRY.A);
}

/** The low 32 bits of a control register that a user gave, as the registers hold them. */
export function controlBits(value: bigint): number {
  return loOf(value);
}
