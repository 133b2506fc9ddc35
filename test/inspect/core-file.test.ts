import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesSource, FormatError } from "../../src/base/byte-source.ts";
import { CoreFile, openCoreFile } from "../../src/inspect/core-file.ts";
import { countLeaves, mappedRanges } from "../../src/inspect/mappings.ts";
import { pagingContext } from "../../src/inspect/paging-context.ts";
import { TableReader } from "../../src/inspect/table-reader.ts";
import { tableStats } from "../../src/inspect/table-stats.ts";
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { type BuiltCore, buildCore, withFile } from "./core-builder.ts";

const frame = (value: number, count = 1) => new Uint8Array(4096 * count).fill(value);

function open(bytes: Uint8Array): CoreFile {
  return new CoreFile({ ...bytesSource(bytes, "core"), close: () => {} });
}

const load = (core: BuiltCore) => open(buildCore(core));

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return (error as Error).message;
  }
  return "no error";
}

async function rejection(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return (error as Error).message;
  }
  return "no error";
}

describe("CoreFile", () => {
  it("has the frames of the PT_LOADs, in order of physical address", () => {
    const core = load({
      loads: [
        { physical: 0x8000n, bytes: frame(2, 2) },
        { physical: 0x1000n, bytes: frame(1) },
      ],
    });
    expect(core.ranges).toEqual([
      { base: 0x1000, end: 0x2000, offset: 0x3000 },
      { base: 0x8000, end: 0xa000, offset: 0x1000 },
    ]);
    const at = [0xfff, 0x1000, 0x1fff, 0x2000, 0x7fff, 0x8000, 0x9fff, 0xa000];
    expect(at.map((physical) => core.isPresent(physical))).toEqual([
      false,
      true,
      true,
      false,
      false,
      true,
      true,
      false,
    ]);
  });

  it("reads all ones where the dump has nothing", () => {
    const core = load({ loads: [{ physical: 0x1000n, bytes: frame(7) }] });
    const into = new Uint8Array(4);
    core.readBytes(0xffe, into);
    expect([...into]).toEqual([0xff, 0xff, 7, 7]);
    core.readBytes(0x1ffe, into);
    expect([...into]).toEqual([7, 7, 0xff, 0xff]);
    expect([core.read32(0x1000), core.read64(0x1000), core.read64(0)]).toEqual([
      0x07070707,
      0x0707070707070707n,
      0xffff_ffff_ffff_ffffn,
    ]);
  });

  it("leaves out partial frames at a segment's ends, and what is beyond p_filesz", () => {
    const core = load({
      loads: [
        { physical: 0x1800n, bytes: frame(1, 2), memoryBytes: 0x8000n },
        { physical: 0x10_0000n, bytes: new Uint8Array(0), memoryBytes: 0x1000n },
      ],
    });
    expect(core.ranges).toEqual([{ base: 0x2000, end: 0x3000, offset: 0x1800 }]);
  });

  it("lets the segment that begins lower win where two overlap", () => {
    const core = load({
      loads: [
        { physical: 0x3000n, bytes: frame(3, 4) },
        { physical: 0x1000n, bytes: frame(1, 3) },
        { physical: 0x2000n, bytes: frame(2) },
      ],
    });
    expect(core.ranges).toEqual([
      { base: 0x1000, end: 0x4000, offset: 0x5000 },
      { base: 0x4000, end: 0x7000, offset: 0x2000 },
    ]);
  });

  it("passes over segments without a physical address", () => {
    const nowhere = { physical: (1n << 64n) - 1n, bytes: frame(9) };
    expect(load({ loads: [nowhere] }).ranges).toEqual([]);
  });

  it("knows all processors of the QEMU notes", () => {
    const core = load({
      cpus: [{ cr3: 0x1000n }, { cr3: 0x2005n, cr4: 0x1020n, cr0: 0x80000011n }],
    });
    const registers = core.cpus.map(({ index, cr0, cr3, cr4, cs }) => [index, cr0, cr3, cr4, cs]);
    expect(registers).toEqual([
      [0, 0x80050033 | 0, 0x1000n, 0x6f0, 0x10],
      [1, 0x80000011 | 0, 0x2005n, 0x1020, 0x10],
    ]);
    expect(core.cpus[0]?.rip).toBe(0xffff_ffff_8100_0000n);
  });

  it("maps a dump of 64 GiB lazily: only chunks that are touched are read", () => {
    const reads: [number, number][] = [];
    const head = buildCore({ loads: [{ physical: 0x1_0000_0000n, bytes: new Uint8Array(4096) }] });
    const bytes = 64 * 2 ** 30;
    const view = new DataView(head.buffer);
    view.setBigUint64(120 + 32, BigInt(bytes), true);
    view.setBigUint64(120 + 40, BigInt(bytes), true);
    const core = new CoreFile({
      name: "huge",
      sizeBytes: bytes + 4096,
      read: (offset, into) => {
        if (offset < 4096) into.set(head.subarray(offset, offset + into.length));
        else {
          reads.push([offset, into.length]);
          into.fill(0x5a);
        }
      },
      close: () => {},
    });
    const memory = new PhysicalMemory({ linearBytes: 512 * 2 ** 20 });
    core.mapInto(memory);
    expect(reads).toEqual([]);
    expect(memory.read32(0x1_0000_0000 + 2 ** 35)).toBe(0x5a5a5a5a);
    expect(memory.isPresent(0x1_0000_0000 + bytes)).toBe(false);
    expect(reads).toEqual([[4096 + 2 ** 35, 65536]]);
  });

  const refused: [string, () => Uint8Array, string][] = [
    [
      "an executable",
      () => {
        const bytes = buildCore({});
        bytes[16] = 2;
        return bytes;
      },
      "core: offset 0x10: e_type: expected 4 (a core file), got 2",
    ],
    [
      "another machine",
      () => buildCore({ machine: 183 }),
      "core: offset 0x12: e_machine: expected 62 (x86-64) or 3 (80386), got 183",
    ],
    [
      "addresses above 2^52",
      () => buildCore({ loads: [{ physical: 1n << 52n, bytes: frame(0) }] }),
      "core: offset 0x78: segment 1: expected p_paddr + p_memsz of at most 2^52, got 0x10000000000000 + 0x1000",
    ],
    [
      "p_filesz above p_memsz",
      () => buildCore({ loads: [{ physical: 0n, bytes: frame(0), memoryBytes: 16n }] }),
      "core: offset 0x78: segment 1: expected p_filesz of at most p_memsz (0x10), got 0x1000",
    ],
    [
      "a short QEMU note",
      () => buildCore({ notes: [{ name: "QEMU", type: 0, contents: new Uint8Array(100) }] }),
      'core: offset 0x78: note "QEMU" of CPU 0: expected at least 432 bytes, got 100',
    ],
    [
      "a QEMU note of version 0",
      () => buildCore({ notes: [{ name: "QEMU", type: 0, contents: new Uint8Array(440) }] }),
      'core: offset 0x78: version of note "QEMU" of CPU 0: expected 1, got 0',
    ],
    [
      "kdump-compressed files",
      () => new TextEncoder().encode("KDUMP   \u0006"),
      "core: offset 0x0: expected an ELF core file, got a kdump-compressed dump; write it again as ELF (dump-guest-memory without -z, -l, -s)",
    ],
    [
      "xz files",
      () => Uint8Array.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]),
      "core: offset 0x0: expected an ELF core file, got an xz file; expand it first",
    ],
  ];
  it.each(refused)("refuses %s in one line", (_, bytes, message) => {
    expect(messageOf(() => open(bytes()))).toBe(message);
  });
});

describe("Opening a dump", () => {
  const core = buildCore({
    cpus: [{ cr3: 0x1000n }],
    loads: [{ physical: 0x1000n, bytes: frame(3) }],
  });

  it("expands gzip, recognised by its content", async () => {
    await withFile(gzipSync(core), async (path) => {
      const opened = await openCoreFile(path);
      expect(opened.read32(0x1000)).toBe(0x03030303);
      opened.close();
    });
  });

  it("expands what is too large for memory to a file, zeroes left out", async () => {
    const bytes = new Uint8Array(20 * 2 ** 20);
    bytes[0] = 1;
    bytes[17 * 2 ** 20] = 2;
    bytes[bytes.length - 1] = 3;
    const dump = buildCore({ loads: [{ physical: 0n, bytes }] });
    const seen: number[] = [];
    await withFile(gzipSync(dump, { level: 1 }), async (path) => {
      const opened = await openCoreFile(path, { onProgress: (done) => seen.push(done) });
      expect(opened.ranges).toEqual([{ base: 0, end: bytes.length, offset: 4096 }]);
      const into = new Uint8Array(bytes.length);
      opened.readBytes(0, into);
      expect(Buffer.compare(into, bytes)).toBe(0);
      opened.close();
    });
    expect(seen.length).toBeGreaterThan(0);
  });

  it("reports truncated gzip in one line", async () => {
    const zipped = gzipSync(core);
    await withFile(zipped.subarray(0, zipped.length - 12), async (path) => {
      const message = await rejection(openCoreFile(path));
      expect(message).toMatch(
        /^\S+dump\.elf: offset 0x[0-9a-f]+: expected more gzip data after \d+ expanded bytes, got the end of the file \(truncated\?\)$/,
      );
    });
  });

  it("reports corrupted gzip in one line", async () => {
    const zipped = gzipSync(Buffer.concat([core, Buffer.from("x".repeat(1000))]));
    zipped[zipped.length - 6] = (zipped[zipped.length - 6] as number) ^ 0xff;
    await withFile(zipped, async (path) => {
      const message = await rejection(openCoreFile(path));
      expect(message).toMatch(
        /^\S+dump\.elf: offset 0x[0-9a-f]+ or before: expected sound gzip data, got: [^\n]+$/,
      );
    });
  });

  it("stops at the limit of what may be expanded", async () => {
    const large = buildCore({ loads: [{ physical: 0n, bytes: new Uint8Array(2 ** 20) }] });
    await withFile(gzipSync(large), async (path) => {
      const message = await rejection(openCoreFile(path, { expandLimitBytes: 2 ** 19 }));
      expect(message).toMatch(
        /expected at most 512K expanded, got more \(a larger --expand-limit allows it\)$/,
      );
    });
  });

  it("refuses what is no ELF file before it is expanded", async () => {
    const seen: number[] = [];
    const zeroes = gzipSync(new Uint8Array(2 ** 26), { level: 1 });
    await withFile(zeroes, async (path) => {
      const message = await rejection(
        openCoreFile(path, { expandLimitBytes: 2 ** 20, onProgress: (done) => seen.push(done) }),
      );
      expect(message).toMatch(/: offset 0x0: ELF magic: expected 7f 45 4c 46, got 00 00 00 00$/);
    });
    expect(seen.at(-1)).toBeLessThan(zeroes.length);
  });

  it("says what is wrong with a path", async () => {
    expect(await rejection(openCoreFile("/nonexistent"))).toBe(
      "/nonexistent: cannot open: no such file",
    );
    expect(await rejection(openCoreFile("/"))).toBe("/: expected a file, got a directory");
  });

  it("reports a file that shrinks while it is read", async () => {
    await withFile(core, async (path) => {
      const opened = await openCoreFile(path);
      writeFileSync(path, core.subarray(0, 4096));
      expect(messageOf(() => opened.read32(0x1000))).toBe(
        `${path}: offset 0x1000: expected 4 more bytes, got the end of the file (it shrank while it was read)`,
      );
      opened.close();
    });
  });
});

/** Everything that the commands do with a file, on a file that nobody vouches for. */
function digest(bytes: Uint8Array): void {
  const core = open(bytes);
  const { mode, registers } = pagingContext(core);
  if (mode.levels === 0) return;
  const reader = new TableReader(core, mode, registers);
  countLeaves(reader);
  tableStats(reader);
  let ranges = 0;
  for (const range of mappedRanges(reader)) {
    if (range.startFrame >= range.endFrame) throw new Error("an empty range");
    ranges += 1;
    if (ranges === 5_000) break;
  }
}

/** Passes if the file is read, or refused in one line that names an offset or what is wanting. */
function expectDigestOrOneLine(bytes: Uint8Array): void {
  try {
    digest(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toMatch(
      /^core: (offset 0x[0-9a-f]+|expected) [^\n]*|^core: offset/,
    );
    expect((error as Error).message).not.toContain("\n");
  }
}

describe("Hostile dumps", () => {
  const real = gunzipSync(
    readFileSync(new URL("../../examples/data/linux-6.1-5level.elf.gz", import.meta.url)),
  );

  it("are refused when truncated, at every offset of the headers and at every page", () => {
    for (let end = 0; end < 0x900; end++) {
      expect(messageOf(() => digest(real.subarray(0, end)))).toMatch(/^core: offset 0x[0-9a-f]+: /);
    }
    for (let end = 0x1000; end < real.length; end += 4096) {
      expect(messageOf(() => digest(real.subarray(0, end)))).toMatch(
        /^core: offset 0x[0-9a-f]+: segment/,
      );
    }
  });

  it("neither crash nor hang with flipped bits in headers and notes", () => {
    const flips = fc.array(fc.tuple(fc.nat(0x900), fc.nat(7)), { minLength: 1, maxLength: 4 });
    check(
      fc.property(flips, (places) => {
        const bytes = Uint8Array.from(real);
        for (const [at, bit] of places) bytes[at] = (bytes[at] as number) ^ (1 << bit);
        expectDigestOrOneLine(bytes);
      }),
      200,
    );
  });

  it("neither crash nor hang with flipped bits in the tables", () => {
    const place = fc.tuple(fc.integer({ min: 0x1000, max: real.length - 1 }), fc.nat(7));
    check(
      fc.property(fc.array(place, { minLength: 1, maxLength: 200 }), (places) => {
        const bytes = Uint8Array.from(real);
        for (const [at, bit] of places) bytes[at] = (bytes[at] as number) ^ (1 << bit);
        expectDigestOrOneLine(bytes);
      }),
      40,
    );
  });

  it("neither crash nor hang when the tables are noise", () => {
    check(
      fc.property(fc.uint8Array({ minLength: 4096, maxLength: 4096 }), (noise) => {
        const loads = [0, 1, 2, 3].map((i) => ({
          physical: BigInt(i * 0x1000),
          bytes: noise.map((byte, at) => (at % 8 > 1 ? (at % 8 === 2 ? byte & 0x30 : 0) : byte)),
        }));
        expectDigestOrOneLine(buildCore({ cpus: [{ cr3: 0n, cr4: 0x1020n }], loads }));
      }),
      40,
    );
  });
});

function check(property: fc.IProperty<unknown>, numRuns: number): void {
  const seed = 20_240_601;
  console.log(`hostile dumps: seed ${seed}, ${numRuns} cases`);
  fc.assert(property as fc.IProperty<[unknown]>, { seed, numRuns });
}
