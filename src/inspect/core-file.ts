/**
 * A dump of physical memory in an ELF core file: what QEMU's `dump-guest-memory` writes, and Linux's
 * /proc/vmcore. Opening reads the headers and notes only; memory is read when somebody asks for it.
 *
 * - A frame (4 KiB) is in the dump if a PT_LOAD holds all of it *in the file*: the part of a segment
 *   beyond p_filesz was left out by whoever wrote the dump, so it is unknown, not zero.
 * - Where segments overlap (Linux describes its image twice), the one that begins lower counts.
 * - Segments without a physical address (p_paddr = -1, as in /proc/kcore) are passed over.
 */
import { type ByteSource, badFormat, FormatError } from "../base/byte-source.ts";
import {
  type ElfFile,
  type ElfSegment,
  EM_386,
  EM_X86_64,
  ET_CORE,
  elfNotes,
  isElf,
  PT_LOAD,
  readElf,
} from "../base/elf.ts";
import { InvariantError } from "../base/errors.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import type { EntryMemory } from "../mmu/walk.ts";
import { type CpuState, type KernelTables, readCpuNote, readVmcoreinfo } from "./cpu-state.ts";
import { type DumpOptions, type DumpSource, openDumpSource } from "./dump-source.ts";

const FRAME_BYTES = 4096;
const PHYSICAL_LIMIT = 1n << 52n;
const NO_ADDRESS = (1n << 64n) - 1n;

/** Whole frames of physical memory, one after the other in the file. */
export interface DumpRange {
  readonly base: number;
  readonly end: number;
  /** Where the byte at `base` lies in the file. */
  readonly offset: number;
}

/** Files that people take for a dump's ELF form, by their first bytes, and what to do. */
const OTHER_FORMATS: readonly (readonly [string, string])[] = [
  [
    "KDUMP   ",
    "a kdump-compressed dump; write it again as ELF (dump-guest-memory without -z, -l, -s)",
  ],
  ["DISKDUMP", "a diskdump-compressed dump; write it again as ELF"],
  [
    "makedumpfile",
    "a flattened kdump-compressed dump; write it again as ELF (dump-guest-memory without -z, -l, -s)",
  ],
  ["QEVM", "a QEMU migration stream; use dump-guest-memory instead"],
  ["EMiL", "a LiME dump; write it again as ELF"],
  ["PAGE", "a Windows crash dump; use dump-guest-memory without -w"],
  ["\xfd7zXZ", "an xz file; expand it first"],
  ["\x28\xb5\x2f\xfd", "a zstd file; expand it first"],
  ["BZh", "a bzip2 file; expand it first"],
];

export class CoreFile implements EntryMemory {
  readonly elf: ElfFile;
  readonly cpus: readonly CpuState[];
  readonly kernelTables: KernelTables | undefined;
  /** The frames in the dump: sorted, disjoint. */
  readonly ranges: readonly DumpRange[];
  readonly #source: DumpSource;

  /** @throws FormatError */
  constructor(source: DumpSource) {
    this.#source = source;
    refuseOtherFormats(source);
    this.elf = readElf(source);
    if (this.elf.type !== ET_CORE)
      badFormat(source, 16, "e_type", "4 (a core file)", this.elf.type);
    if (this.elf.machine !== EM_X86_64 && this.elf.machine !== EM_386) {
      badFormat(source, 18, "e_machine", "62 (x86-64) or 3 (80386)", this.elf.machine);
    }
    this.ranges = rangesOf(this.elf);
    const cpus: CpuState[] = [];
    let kernelTables: KernelTables | undefined;
    for (const note of elfNotes(this.elf)) {
      if (note.name === "QEMU") cpus.push(readCpuNote(source, note, cpus.length));
      if (note.name === "VMCOREINFO") kernelTables = readVmcoreinfo(note);
    }
    this.cpus = cpus;
    this.kernelTables = kernelTables;
  }

  get name(): string {
    return this.#source.name;
  }

  /** Whether the dump is of a processor in long mode: QEMU says so by e_machine. */
  get longMode(): boolean {
    return this.elf.machine === EM_X86_64;
  }

  /** Whether the frame that holds `physical` is in the dump. */
  isPresent(physical: number): boolean {
    return this.#find(physical) !== undefined;
  }

  /**
   * Fills `into` from the file, with all ones where the dump has nothing, as memory reads there.
   * @throws FormatError if the file cannot be read
   */
  readBytes(physical: number, into: Uint8Array): void {
    for (let done = 0; done < into.length; ) {
      const at = physical + done;
      const range = this.#find(at);
      const room = into.length - done;
      const bytes = Math.min(room, range ? range.end - at : FRAME_BYTES - (at % FRAME_BYTES));
      const piece = into.subarray(done, done + bytes);
      if (range) this.#source.read(range.offset + at - range.base, piece);
      else piece.fill(0xff);
      done += bytes;
    }
  }

  read32(physical: number): number {
    return this.#viewOf(physical, 4).getUint32(0, true);
  }

  read64(physical: number): bigint {
    return this.#viewOf(physical, 8).getBigUint64(0, true);
  }

  /** A dump is never written: to change its tables, map it into a `PhysicalMemory`. */
  write32(physical: number): never {
    throw new InvariantError(`write to ${this.name} at 0x${physical.toString(16)}`);
  }

  /**
   * Maps the dump's frames into `memory`. They are read from this file when they are first touched,
   * so it has to stay open.
   * @throws OverlapError where `memory` has something already; AlignmentError beyond its limit
   */
  mapInto(memory: PhysicalMemory): void {
    const contents = (physical: number, into: Uint8Array) => this.readBytes(physical, into);
    for (const { base, end } of this.ranges) memory.mapRam(base, end - base, { contents });
  }

  close(): void {
    this.#source.close();
  }

  #viewOf(physical: number, bytes: number): DataView {
    const into = new Uint8Array(bytes);
    this.readBytes(physical, into);
    return new DataView(into.buffer);
  }

  #find(physical: number): DumpRange | undefined {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ranges[middle] as DumpRange).end <= physical) low = middle + 1;
      else high = middle;
    }
    const range = this.ranges[low];
    return range !== undefined && range.base <= physical ? range : undefined;
  }
}

/**
 * Opens a dump, gzip-compressed or not.
 * @throws FormatError
 */
export async function openCoreFile(path: string, options: DumpOptions = {}): Promise<CoreFile> {
  const source = await openDumpSource(path, options);
  try {
    return new CoreFile(source);
  } catch (error) {
    source.close();
    throw error;
  }
}

function refuseOtherFormats(source: ByteSource): void {
  if (isElf(source)) return;
  const head = new Uint8Array(Math.min(16, source.sizeBytes));
  source.read(0, head);
  const text = String.fromCharCode(...head);
  const other = OTHER_FORMATS.find(([magic]) => text.startsWith(magic));
  if (other) {
    throw new FormatError(`${source.name}: offset 0x0: expected an ELF core file, got ${other[1]}`);
  }
}

/** The whole frames that the file holds; partial frames at a segment's ends are not in the dump. */
function rangesOf(elf: ElfFile): DumpRange[] {
  const found: DumpRange[] = [];
  for (const segment of elf.segments) {
    if (segment.type !== PT_LOAD || segment.physical === NO_ADDRESS) continue;
    const range = wholeFrames(elf.source, segment);
    if (range.base < range.end) found.push(range);
  }
  found.sort((a, b) => a.base - b.base);
  const disjoint: DumpRange[] = [];
  let covered = 0;
  for (const { base, end, offset } of found) {
    const from = Math.max(base, covered);
    if (from < end) disjoint.push({ base: from, end, offset: offset + from - base });
    covered = Math.max(covered, end);
  }
  return disjoint;
}

function wholeFrames(source: ByteSource, segment: ElfSegment): DumpRange {
  const { physical, memoryBytes, fileBytes, headerOffset, index } = segment;
  if (physical + memoryBytes > PHYSICAL_LIMIT) {
    const got = `0x${physical.toString(16)} + 0x${memoryBytes.toString(16)}`;
    badFormat(source, headerOffset, `segment ${index}`, "p_paddr + p_memsz of at most 2^52", got);
  }
  if (BigInt(fileBytes) > memoryBytes) {
    const expected = `p_filesz of at most p_memsz (0x${memoryBytes.toString(16)})`;
    badFormat(source, headerOffset, `segment ${index}`, expected, fileBytes);
  }
  const start = Number(physical);
  const base = Math.ceil(start / FRAME_BYTES) * FRAME_BYTES;
  const end = Math.floor((start + fileBytes) / FRAME_BYTES) * FRAME_BYTES;
  return { base, end, offset: segment.offset + base - start };
}
