import { describe, expect, it } from "vitest";
import { bytesSource, FormatError } from "../../src/base/byte-source.ts";
import { type ElfFile, elfNotes, MAX_PROGRAM_HEADERS, readElf } from "../../src/base/elf.ts";
import { buildCore } from "../inspect/core-builder.ts";

const page = new Uint8Array(4096).fill(0xa5);
const sound = () =>
  buildCore({ cpus: [{ cr3: 0x1000n }], loads: [{ physical: 0x10_0000n, bytes: page }] });

const read = (bytes: Uint8Array): ElfFile => readElf(bytesSource(bytes, "core"));

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return (error as Error).message;
  }
  return "no error";
}

/** The sound file with some bytes changed. */
function changed(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = sound();
  change(new DataView(bytes.buffer), bytes);
  return bytes;
}

describe("ELF reader", () => {
  it("reads the program headers of a 64-bit file", () => {
    const elf = read(sound());
    expect({ ...elf, source: undefined }).toEqual({
      source: undefined,
      bits: 64,
      type: 4,
      machine: 62,
      entry: 0n,
      segments: [
        {
          index: 0,
          headerOffset: 64,
          type: 4,
          flags: 0,
          offset: 176,
          fileBytes: 460,
          virtual: 0n,
          physical: 0n,
          memoryBytes: 460n,
          align: 0n,
        },
        {
          index: 1,
          headerOffset: 120,
          type: 1,
          flags: 0,
          offset: 4096,
          fileBytes: 4096,
          virtual: 0n,
          physical: 0x10_0000n,
          memoryBytes: 4096n,
          align: 0n,
        },
      ],
    });
  });

  it("reads a 32-bit file, whose p_flags comes last but one", () => {
    const bytes = new Uint8Array(84 + 16);
    const view = new DataView(bytes.buffer);
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
    view.setUint16(16, 2, true);
    view.setUint16(18, 3, true);
    view.setUint32(24, 0x10_0000, true);
    view.setUint32(28, 52, true);
    view.setUint16(42, 32, true);
    view.setUint16(44, 1, true);
    [1, 84, 0xc010_0000, 0x10_0000, 16, 32, 5, 4096].forEach((value, i) => {
      view.setUint32(52 + 4 * i, value, true);
    });
    const { bits, type, machine, entry, segments } = read(bytes);
    expect({ bits, type, machine, entry }).toEqual({
      bits: 32,
      type: 2,
      machine: 3,
      entry: 0x10_0000n,
    });
    expect(segments).toEqual([
      {
        index: 0,
        headerOffset: 52,
        type: 1,
        flags: 5,
        offset: 84,
        fileBytes: 16,
        virtual: 0xc010_0000n,
        physical: 0x10_0000n,
        memoryBytes: 32n,
        align: 4096n,
      },
    ]);
  });

  it("takes the number of headers from section header 0 when e_phnum is PN_XNUM", () => {
    const bytes = changed((view) => {
      view.setUint16(56, 0xffff, true);
      view.setBigUint64(40, 0x1000n, true);
      view.setUint32(0x1000 + 44, 2, true);
    });
    expect(read(bytes).segments).toHaveLength(2);
  });

  it("yields notes with their names and contents", () => {
    const notes = [...elfNotes(read(sound()))];
    expect(notes.map(({ name, type, offset }) => ({ name, type, offset }))).toEqual([
      { name: "QEMU", type: 0, offset: 176 },
    ]);
    expect(notes[0]?.contents).toHaveLength(440);
  });

  const refused: [string, Uint8Array, string][] = [
    [
      "an empty file",
      new Uint8Array(0),
      "core: offset 0x0: ELF magic: expected 7f 45 4c 46, got an empty file",
    ],
    [
      "another magic number",
      Uint8Array.from([1, 2, 3, 4]),
      "core: offset 0x0: ELF magic: expected 7f 45 4c 46, got 01 02 03 04",
    ],
    [
      "a file of 5 bytes",
      sound().slice(0, 5),
      "core: offset 0x0: e_ident: expected 16 bytes, got 5 (the file is truncated)",
    ],
    [
      "a truncated header",
      sound().slice(0, 40),
      "core: offset 0x0: ELF header: expected 64 bytes, got 40 (the file is truncated)",
    ],
    [
      "truncated program headers",
      sound().slice(0, 100),
      "core: offset 0x40: program headers: expected 112 bytes, got 36 (the file is truncated)",
    ],
    [
      "a segment beyond the end",
      sound().slice(0, 5000),
      "core: offset 0x78: segment 1: expected p_offset + p_filesz within the file's 0x1388 bytes, got 0x1000 + 0x1000 (truncated?)",
    ],
    [
      "class 3",
      changed((_, b) => {
        b[4] = 3;
      }),
      "core: offset 0x4: EI_CLASS: expected 1 (32-bit) or 2 (64-bit), got 3",
    ],
    [
      "big-endian files",
      changed((_, b) => {
        b[5] = 2;
      }),
      "core: offset 0x5: EI_DATA: expected 1 (little-endian), got 2",
    ],
    [
      "e_phentsize 57",
      changed((v) => v.setUint16(54, 57, true)),
      "core: offset 0x36: e_phentsize: expected 56, got 57",
    ],
    [
      "e_phoff beyond 2^53",
      changed((v) => v.setBigUint64(32, 1n << 63n, true)),
      "core: offset 0x20: e_phoff: expected an offset within the file, got 0x8000000000000000",
    ],
    [
      "PN_XNUM without section headers",
      changed((v) => v.setUint16(56, 0xffff, true)),
      "core: offset 0x28: e_shoff: expected section header 0 (e_phnum is PN_XNUM), got 0",
    ],
    [
      "more headers than the limit",
      changed((v) => {
        v.setUint16(56, 0xffff, true);
        v.setBigUint64(40, 0x1000n, true);
        v.setUint32(0x1000 + 44, 0xffff_ffff, true);
      }),
      `core: offset 0x38: e_phnum: expected at most ${MAX_PROGRAM_HEADERS}, got 0xffffffff`,
    ],
    [
      "a segment whose end wraps around",
      changed((v) => v.setBigUint64(120 + 8, (1n << 64n) - 4096n, true)),
      "core: offset 0x78: segment 1: expected p_offset + p_filesz within the file's 0x2000 bytes, got 0xfffffffffffff000 + 0x1000 (truncated?)",
    ],
  ];
  it.each(refused)("refuses %s in one line", (_, bytes, message) => {
    expect(messageOf(() => read(bytes))).toBe(message);
  });

  const badNotes: [string, (view: DataView) => void, string][] = [
    [
      "a name beyond the segment",
      (v) => v.setUint32(176, 0xffff_fff0, true),
      "core: offset 0xb0: note: expected name and contents within 448 bytes, got 4294967280 + 440",
    ],
    [
      "contents beyond the segment",
      (v) => v.setUint32(180, 441, true),
      "core: offset 0xb0: note: expected name and contents within 448 bytes, got 5 + 441",
    ],
    [
      "a header cut short",
      (v) => v.setBigUint64(64 + 32, 8n, true),
      "core: offset 0xb0: note: expected a header of 12 bytes, got 8 to the segment's end",
    ],
  ];
  it.each(badNotes)("refuses a note with %s", (_, change, message) => {
    expect(messageOf(() => [...elfNotes(read(changed(change)))])).toBe(message);
  });

  it("takes zeroes at the end of the notes for padding", () => {
    const bytes = changed((view) => view.setBigUint64(64 + 32, 468n, true));
    expect([...elfNotes(read(bytes))]).toHaveLength(1);
  });
});
