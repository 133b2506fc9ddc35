/**
 * Reads the headers, program headers and notes of little-endian ELF files (System V ABI, "Object
 * Files" and "Program Loading"), 64- and 32-bit.
 *
 * The file is not trusted: every offset and size is checked against the file before it is used,
 * counts have limits, and nothing is read that was not asked for, so that the work is bounded by
 * the limits below and by the file's real size. Every error is a `FormatError` of one line.
 */
import { type ByteSource, badFormat, readExactly } from "./byte-source.ts";

export const ET_CORE = 4;
export const EM_386 = 3;
export const EM_X86_64 = 62;
export const PT_LOAD = 1;
export const PT_NOTE = 4;

/** More program headers than any memory map has segments. */
export const MAX_PROGRAM_HEADERS = 1 << 18;
/** All notes of a file together: room for those of 16,384 processors. */
export const MAX_NOTE_BYTES = 16 * 1024 * 1024;

/** e_phnum when the real count is in sh_info of section header 0. */
const PN_XNUM = 0xffff;
const TWO_53 = 1n << 53n;

export interface ElfSegment {
  readonly index: number;
  /** Where its program header lies in the file, for messages. */
  readonly headerOffset: number;
  readonly type: number;
  readonly flags: number;
  /** [offset, offset + fileBytes) lies within the file. */
  readonly offset: number;
  readonly fileBytes: number;
  readonly virtual: bigint;
  readonly physical: bigint;
  readonly memoryBytes: bigint;
  readonly align: bigint;
}

export interface ElfNote {
  /** Where the note lies in the file. */
  readonly offset: number;
  readonly name: string;
  readonly type: number;
  readonly contents: Uint8Array;
}

export interface ElfFile {
  readonly source: ByteSource;
  readonly bits: 32 | 64;
  readonly type: number;
  readonly machine: number;
  readonly entry: bigint;
  readonly segments: readonly ElfSegment[];
}

/** Where a class of files keeps what: name, offset and size of each field that is read. */
interface Layout {
  readonly bits: 32 | 64;
  readonly headerBytes: number;
  readonly entry: number;
  readonly programOffset: number;
  readonly sectionOffset: number;
  readonly programEntryBytes: number;
  readonly programCount: number;
  /** Size of a word: an address, an offset or a size. */
  readonly wordBytes: 4 | 8;
  readonly segmentBytes: number;
  readonly segment: Readonly<
    Record<
      "flags" | "offset" | "virtual" | "physical" | "fileBytes" | "memoryBytes" | "align",
      number
    >
  >;
  readonly sectionInfo: number;
}

const LAYOUT_32: Layout = {
  bits: 32,
  headerBytes: 52,
  entry: 24,
  programOffset: 28,
  sectionOffset: 32,
  programEntryBytes: 42,
  programCount: 44,
  wordBytes: 4,
  segmentBytes: 32,
  segment: {
    offset: 4,
    virtual: 8,
    physical: 12,
    fileBytes: 16,
    memoryBytes: 20,
    flags: 24,
    align: 28,
  },
  sectionInfo: 28,
};

const LAYOUT_64: Layout = {
  bits: 64,
  headerBytes: 64,
  entry: 24,
  programOffset: 32,
  sectionOffset: 40,
  programEntryBytes: 54,
  programCount: 56,
  wordBytes: 8,
  segmentBytes: 56,
  segment: {
    flags: 4,
    offset: 8,
    virtual: 16,
    physical: 24,
    fileBytes: 32,
    memoryBytes: 40,
    align: 48,
  },
  sectionInfo: 44,
};

/** Whether the file begins with ELF's magic number. */
export function isElf(source: ByteSource): boolean {
  if (source.sizeBytes < 4) return false;
  const magic = new Uint8Array(4);
  source.read(0, magic);
  return viewOf(magic).getUint32(0) === 0x7f454c46;
}

/**
 * Reads the header and all program headers.
 * @throws FormatError
 */
export function readElf(source: ByteSource): ElfFile {
  if (!isElf(source)) {
    const first = readExactly(source, 0, Math.min(4, source.sizeBytes), "ELF magic");
    const came = first.length === 0 ? "an empty file" : hexBytes(first);
    badFormat(source, 0, "ELF magic", "7f 45 4c 46", came);
  }
  const identity = readExactly(source, 0, 16, "e_ident");
  const [, , , , fileClass, encoding, version] = identity;
  if (fileClass !== 1 && fileClass !== 2) {
    badFormat(source, 4, "EI_CLASS", "1 (32-bit) or 2 (64-bit)", fileClass as number);
  }
  if (encoding !== 1) badFormat(source, 5, "EI_DATA", "1 (little-endian)", encoding as number);
  if (version !== 1) badFormat(source, 6, "EI_VERSION", "1", version as number);
  const layout = fileClass === 1 ? LAYOUT_32 : LAYOUT_64;
  const header = viewOf(readExactly(source, 0, layout.headerBytes, "ELF header"));
  return {
    source,
    bits: layout.bits,
    type: header.getUint16(16, true),
    machine: header.getUint16(18, true),
    entry: word(header, layout.entry, layout),
    segments: readSegments(source, header, layout),
  };
}

function readSegments(source: ByteSource, header: DataView, layout: Layout): ElfSegment[] {
  const { segmentBytes } = layout;
  const count = segmentCount(source, header, layout);
  if (count === 0) return [];
  const entryBytes = header.getUint16(layout.programEntryBytes, true);
  if (entryBytes !== segmentBytes) {
    badFormat(source, layout.programEntryBytes, "e_phentsize", String(segmentBytes), entryBytes);
  }
  if (count > MAX_PROGRAM_HEADERS) {
    badFormat(source, layout.programCount, "e_phnum", `at most ${MAX_PROGRAM_HEADERS}`, count);
  }
  const start = fileOffset(source, layout.programOffset, "e_phoff", header, layout);
  const table = viewOf(readExactly(source, start, count * segmentBytes, "program headers"));
  return Array.from({ length: count }, (_, index) => {
    const at = index * segmentBytes;
    const view = new DataView(table.buffer, table.byteOffset + at, segmentBytes);
    return readSegment(source, index, start + at, view, layout);
  });
}

function segmentCount(source: ByteSource, header: DataView, layout: Layout): number {
  const count = header.getUint16(layout.programCount, true);
  if (count !== PN_XNUM) return count;
  const what = "section header 0 (e_phnum is PN_XNUM)";
  const at = fileOffset(source, layout.sectionOffset, "e_shoff", header, layout);
  if (at === 0) badFormat(source, layout.sectionOffset, "e_shoff", what, 0);
  return viewOf(readExactly(source, at, layout.sectionInfo + 4, what)).getUint32(
    layout.sectionInfo,
    true,
  );
}

function readSegment(
  source: ByteSource,
  index: number,
  headerOffset: number,
  view: DataView,
  layout: Layout,
): ElfSegment {
  const field = (name: keyof Layout["segment"]) => word(view, layout.segment[name], layout);
  const offset = field("offset");
  const fileBytes = field("fileBytes");
  const size = BigInt(source.sizeBytes);
  if (fileBytes > 0n && offset + fileBytes > size) {
    const span = `0x${offset.toString(16)} + 0x${fileBytes.toString(16)}`;
    const expected = `p_offset + p_filesz within the file's 0x${size.toString(16)} bytes`;
    badFormat(source, headerOffset, `segment ${index}`, expected, `${span} (truncated?)`);
  }
  return {
    index,
    headerOffset,
    type: view.getUint32(0, true),
    flags: view.getUint32(layout.segment.flags, true),
    offset: fileBytes > 0n ? Number(offset) : 0,
    fileBytes: Number(fileBytes),
    virtual: field("virtual"),
    physical: field("physical"),
    memoryBytes: field("memoryBytes"),
    align: field("align"),
  };
}

/**
 * The notes of all PT_NOTE segments, in order.
 * @throws FormatError, at the note that is wrong: those before it have been yielded
 */
export function* elfNotes(elf: ElfFile): Generator<ElfNote> {
  let total = 0;
  for (const segment of elf.segments) {
    if (segment.type !== PT_NOTE) continue;
    total += segment.fileBytes;
    if (total > MAX_NOTE_BYTES) {
      const what = `notes up to segment ${segment.index}`;
      badFormat(elf.source, segment.headerOffset, what, `at most ${MAX_NOTE_BYTES} bytes`, total);
    }
    yield* notesOf(elf.source, segment);
  }
}

function* notesOf(source: ByteSource, segment: ElfSegment): Generator<ElfNote> {
  const bytes = readExactly(source, segment.offset, segment.fileBytes, "notes");
  const view = viewOf(bytes);
  // The gABI asks for 8 in 64-bit files; what writes core files aligns to 4 all the same.
  const pad = (length: number) => Math.ceil(length / 4) * 4;
  for (let at = 0; at < bytes.length; ) {
    const left = bytes.length - at;
    const offset = segment.offset + at;
    if (left < 12) {
      // Zeroes up to an alignment are no note.
      if (bytes.subarray(at).every((byte) => byte === 0)) return;
      badFormat(source, offset, "note", "a header of 12 bytes", `${left} to the segment's end`);
    }
    const nameBytes = view.getUint32(at, true);
    const contentBytes = view.getUint32(at + 4, true);
    const contentsAt = at + 12 + pad(nameBytes);
    if (contentsAt + contentBytes > bytes.length) {
      const got = `${nameBytes} + ${contentBytes}`;
      badFormat(source, offset, "note", `name and contents within ${left - 12} bytes`, got);
    }
    yield {
      offset,
      name: text(bytes.subarray(at + 12, at + 12 + nameBytes)),
      type: view.getUint32(at + 8, true),
      contents: bytes.subarray(contentsAt, contentsAt + contentBytes),
    };
    at = contentsAt + pad(contentBytes);
  }
}

/** A note's name: up to its NUL, at most 64 characters. */
function text(bytes: Uint8Array): string {
  const end = bytes.subarray(0, 64).indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? 64 : end));
}

function fileOffset(
  source: ByteSource,
  at: number,
  what: string,
  header: DataView,
  layout: Layout,
): number {
  const value = word(header, at, layout);
  if (value >= TWO_53) badFormat(source, at, what, "an offset within the file", value);
  return Number(value);
}

function word(view: DataView, at: number, layout: Layout): bigint {
  return layout.wordBytes === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hexBytes(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
