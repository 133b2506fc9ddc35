/**
 * What a dump says about the processors: the notes that QEMU writes beside each NT_PRSTATUS, and
 * what Linux tells of itself in VMCOREINFO.
 */
import { type ByteSource, badFormat } from "../base/byte-source.ts";
import type { ElfNote } from "../base/elf.ts";

/** One processor's registers, as far as QEMU's note holds them. */
export interface CpuState {
  /** 0 .. number of processors - 1, in the order of the notes. */
  readonly index: number;
  readonly cr0: number;
  readonly cr2: bigint;
  readonly cr3: bigint;
  readonly cr4: number;
  readonly rip: bigint;
  readonly rsp: bigint;
  readonly rflags: bigint;
  /** Of the selector in CS: the privilege level in the lowest two bits. */
  readonly cs: number;
}

/**
 * Version 1 of the note: u32 version, u32 size, RAX RBX RCX RDX RSI RDI RSP RBP R8-R15 RIP RFLAGS,
 * ten segments of 24 bytes (CS first), CR0-CR4, and in later QEMUs the kernel's GS base.
 */
const NOTE_VERSION = 1;
const NOTE_BYTES = 432;
const AT = { rsp: 56, rip: 136, rflags: 144, cs: 152, cr0: 392, cr2: 408, cr3: 416, cr4: 424 };

/** Reads a note named `QEMU`. @throws FormatError */
export function readCpuNote(source: ByteSource, note: ElfNote, index: number): CpuState {
  const { contents, offset } = note;
  const what = `note "QEMU" of CPU ${index}`;
  if (contents.length < NOTE_BYTES) {
    badFormat(source, offset, what, `at least ${NOTE_BYTES} bytes`, contents.length);
  }
  const view = new DataView(contents.buffer, contents.byteOffset, contents.byteLength);
  const version = view.getUint32(0, true);
  if (version !== NOTE_VERSION) {
    badFormat(source, offset, `version of ${what}`, String(NOTE_VERSION), version);
  }
  const at = (place: number) => view.getBigUint64(place, true);
  return {
    index,
    cr0: view.getInt32(AT.cr0, true),
    cr2: at(AT.cr2),
    cr3: at(AT.cr3),
    cr4: view.getInt32(AT.cr4, true),
    rip: at(AT.rip),
    rsp: at(AT.rsp),
    rflags: at(AT.rflags),
    cs: view.getUint32(AT.cs, true) & 0xffff,
  };
}

/** Where the kernel's image is linked: `__START_KERNEL_map`. */
const KERNEL_MAP = 0xffff_ffff_8000_0000n;

/** The kernel's own tables, as VMCOREINFO gives them. */
export interface KernelTables {
  /** Physical address of `swapper_pg_dir`. */
  readonly top: bigint;
  readonly fiveLevel: boolean;
}

/** Finds `swapper_pg_dir` in the text of the note `VMCOREINFO`; undefined if it is not told. */
export function readVmcoreinfo(note: ElfNote): KernelTables | undefined {
  const text = new TextDecoder("latin1").decode(note.contents.subarray(0, 65536));
  const value = (key: string) => {
    const start = `\n${text}`.indexOf(`\n${key}=`);
    return start < 0 ? undefined : text.slice(start + key.length + 1).split("\n", 1)[0];
  };
  const symbol = value("SYMBOL(swapper_pg_dir)");
  const base = value("NUMBER(phys_base)");
  if (!symbol || !base || !/^[0-9a-f]{1,16}$/.test(symbol) || !/^-?\d{1,19}$/.test(base)) {
    return undefined;
  }
  return {
    top: BigInt.asUintN(64, BigInt(`0x${symbol}`) - KERNEL_MAP + BigInt(base)),
    fiveLevel: value("NUMBER(pgtable_l5_enabled)") === "1",
  };
}
