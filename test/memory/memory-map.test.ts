import { describe, expect, it } from "vitest";
import {
  AbsentError,
  AlignmentError,
  OverlapError,
  ResourceError,
} from "../../src/memory/errors.ts";
import type { MapChange } from "../../src/memory/listeners.ts";
import type { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { bytesOf, CHUNK, memoryOf, PAGE, recorder, SECTION } from "./support.ts";

/** A memory with RAM, ROM, a DIMM and a device, each with something in it. */
function furnished(): PhysicalMemory {
  const memory = memoryOf(16);
  memory.mapRam(0, 0xa_0000);
  memory.mapRam(0xf_0000, CHUNK, { rom: true, contents: (at, into) => into.fill(at >>> 16) });
  memory.plug(2 * SECTION, 2 * SECTION);
  memory.mapMmio(0xfee0_0000, PAGE, recorder());
  memory.write64(0x1000, 0x1111n);
  memory.write64(2 * SECTION, 0x2222n);
  memory.read8(0xf_0000);
  return memory;
}

/** All that can be seen of the furnished memory. */
function stateOf(memory: PhysicalMemory): unknown {
  return {
    regions: memory.regions,
    residentBytes: memory.residentBytes,
    words: [0x1000, 2 * SECTION, 0xf_0000, 0xb_0000, 4 * SECTION].map((at) => memory.read64(at)),
    device: memory.isPresent(0xfee0_0000),
  };
}

describe("The memory map", () => {
  it("tells what lies where", () => {
    const memory = furnished();
    expect(memory.regions).toEqual([
      { base: 0, end: 0xa_0000, kind: "ram" },
      { base: 0xf_0000, end: 0x10_0000, kind: "rom" },
      { base: 2 * SECTION, end: 4 * SECTION, kind: "dimm" },
    ]);
    expect(memory.regionAt(0x9_ffff)).toEqual({ base: 0, end: 0xa_0000, kind: "ram" });
    expect(memory.regionAt(0xa_0000)).toBeUndefined();
    const places = [0, 0x9_ffff, 0xa_0000, 0xf_0000, 3 * SECTION, 4 * SECTION, 0xfee0_0fff];
    expect(places.map((at) => memory.isPresent(at))).toEqual([
      ...[true, true, false, true],
      ...[true, false, true],
    ]);
    expect(memory.isRam(0, 0xa_0000)).toBe(true);
    expect(memory.isRam(0, 0xa_0001)).toBe(false);
    expect(memory.isRam(0xf_0000, PAGE)).toBe(false);
    expect(memory.isRam(2 * SECTION, 2 * SECTION)).toBe(true);
  });

  it.each<[string, (memory: PhysicalMemory) => unknown, Error]>([
    [
      "RAM over RAM",
      (m) => m.mapRam(0x9_f000, 2 * PAGE),
      new OverlapError("ram: expected a free range, got 0x9f000-0xa0fff over ram 0x0-0x9ffff"),
    ],
    [
      "ROM over a DIMM",
      (m) => m.mapRam(3 * SECTION, PAGE, { rom: true }),
      new OverlapError(
        "rom: expected a free range, got 0x18000000-0x18000fff over dimm 0x10000000-0x1fffffff",
      ),
    ],
    [
      "a DIMM over a DIMM",
      (m) => m.plug(SECTION, 2 * SECTION),
      new OverlapError(
        "dimm: expected a free range, got 0x8000000-0x17ffffff over dimm 0x10000000-0x1fffffff",
      ),
    ],
    [
      "a device over a device",
      (m) => m.mapMmio(0xfedf_f000, 2 * PAGE, recorder()),
      new OverlapError(
        "mmio: expected a free range, got 0xfedff000-0xfee00fff over 0xfee00000-0xfee00fff",
      ),
    ],
    [
      "RAM at half a page",
      (m) => m.mapRam(0xb_0800, PAGE),
      new AlignmentError(
        "ram: expected base and size in multiples of 0x1000, got base 0xb0800, size 0x1000",
      ),
    ],
    [
      "RAM of half a page",
      (m) => m.mapRam(0xb_0000, 0x800),
      new AlignmentError(
        "ram: expected base and size in multiples of 0x1000, got base 0xb0000, size 0x800",
      ),
    ],
    [
      "RAM of no size",
      (m) => m.mapRam(0xb_0000, 0),
      new AlignmentError(
        "ram: expected base and size in multiples of 0x1000, got base 0xb0000, size 0x0",
      ),
    ],
    [
      "RAM below zero",
      (m) => m.mapRam(-PAGE, PAGE),
      new AlignmentError(
        "ram: expected base and size in multiples of 0x1000, got base -4096, size 0x1000",
      ),
    ],
    [
      "a DIMM at half a section",
      (m) => m.plug(SECTION / 2, SECTION),
      new AlignmentError(
        "dimm: expected base and size in multiples of 0x8000000, got base 0x4000000, size 0x8000000",
      ),
    ],
    [
      "a DIMM beyond the address space",
      (m) => m.plug(2 ** 40 - SECTION, 2 * SECTION),
      new AlignmentError(
        "dimm: expected an end of at most 0x10000000000 (40 address bits), " +
          "got 0xfff8000000-0x10007ffffff",
      ),
    ],
    [
      "a device at half a page",
      (m) => m.mapMmio(0xfec0_0010, PAGE, recorder()),
      new AlignmentError(
        "mmio: expected base and size in multiples of 0x1000, got base 0xfec00010, size 0x1000",
      ),
    ],
    [
      "a watch beyond the address space",
      (m) => m.watch(2 ** 40, () => {}),
      new AlignmentError(
        "watch: expected an end of at most 0x10000000000 (40 address bits), " +
          "got 0x10000000000-0x10000000fff",
      ),
    ],
    [
      "unplugging what is absent",
      (m) => m.unplug(8 * SECTION, SECTION),
      new AbsentError("unplug: expected plugged sections, got 0x40000000-0x47ffffff"),
    ],
    [
      "unplugging what is partly absent",
      (m) => m.unplug(3 * SECTION, 2 * SECTION),
      new AbsentError("unplug: expected plugged sections, got 0x18000000-0x27ffffff"),
    ],
    [
      "unplugging fixed RAM",
      (m) => m.unplug(0, SECTION),
      new AbsentError("unplug: expected plugged sections, got 0x0-0x7ffffff"),
    ],
    [
      "unplugging half a section",
      (m) => m.unplug(2 * SECTION, SECTION / 2),
      new AlignmentError(
        "unplug: expected base and size in multiples of 0x8000000, got base 0x10000000, size 0x4000000",
      ),
    ],
  ])("refuses %s, and stays as it was", (_name, act, error) => {
    const memory = furnished();
    const before = stateOf(memory);
    const told: MapChange[] = [];
    memory.subscribe({ mapChanged: (change) => told.push(change) });
    expect(() => act(memory)).toThrow(error);
    expect(() => act(memory)).toThrow(expect.objectContaining({ name: error.name }));
    expect(stateOf(memory)).toEqual(before);
    expect(told).toEqual([]);
  });
});

describe("Hot-remove", () => {
  it("makes a section absent, and only that one", () => {
    const memory = memoryOf(8);
    memory.plug(0, 3 * SECTION);
    for (const section of [0, 1, 2]) memory.write64(section * SECTION + 8, BigInt(section + 1));
    memory.unplug(SECTION, SECTION);
    expect([0, 1, 2].map((section) => memory.read64(section * SECTION + 8))).toEqual([
      1n,
      0xffff_ffff_ffff_ffffn,
      3n,
    ]);
    expect(memory.regions).toEqual([
      { base: 0, end: SECTION, kind: "dimm" },
      { base: 2 * SECTION, end: 3 * SECTION, kind: "dimm" },
    ]);
    expect(memory.residentBytes).toBe(2 * CHUNK);
  });

  it("takes what two neighbouring plugs brought", () => {
    const memory = memoryOf(4);
    memory.plug(0, SECTION);
    memory.plug(SECTION, SECTION);
    memory.unplug(0, 2 * SECTION);
    expect(memory.regions).toEqual([]);
  });

  it("recycles the backing zeroed", () => {
    const memory = memoryOf(3);
    memory.plug(0, SECTION);
    memory.fill(0, 2 * CHUNK, 0xee);
    memory.unplug(0, SECTION);
    expect(memory.residentBytes).toBe(0);
    memory.plug(SECTION, SECTION);
    memory.write8(SECTION, 1);
    memory.write8(SECTION + CHUNK, 1);
    expect(memory.residentBytes).toBe(2 * CHUNK);
    expect(bytesOf(memory, SECTION, 2 * CHUNK).filter((byte) => byte !== 0)).toEqual([1, 1]);
  });

  it("can be repeated for ever in a small backing", () => {
    const memory = memoryOf(5);
    for (let round = 0; round < 200; round++) {
      const base = (round % 7) * SECTION;
      memory.plug(base, SECTION);
      expect(memory.read64(base + 3 * CHUNK)).toBe(0n);
      for (let chunk = 0; chunk < 4; chunk++) memory.write64(base + chunk * CHUNK, BigInt(round));
      memory.unplug(base, SECTION);
    }
    expect(memory.residentBytes).toBe(0);
  });

  it("also recycles chunks that a device kept from being plain RAM", () => {
    const memory = memoryOf(2);
    memory.plug(0, SECTION);
    const remove = memory.mapMmio(PAGE, PAGE, recorder());
    memory.write8(0, 0xee);
    expect(memory.residentBytes).toBe(CHUNK);
    memory.unplug(0, SECTION);
    expect(memory.residentBytes).toBe(0);
    expect(memory.read8(0)).toBe(0xff);
    memory.plug(0, SECTION);
    expect(memory.read8(0)).toBe(0);
    remove();
    expect(memory.read8(PAGE)).toBe(0);
  });
});

describe("Exhausted host backing", () => {
  const message = (at: string, used: string, total: string) =>
    `host backing exhausted at physical address ${at}: ${used} of ${total} used, 64K more needed`;

  it("is an error that names the address and the sizes", () => {
    const memory = memoryOf(3);
    memory.plug(0, SECTION);
    memory.fill(0, 2 * CHUNK, 1);
    for (const write of [
      () => memory.write8(0x2_1234, 1),
      () => memory.write64(0x2_1234, 1n),
      () => memory.hostForWrite(0x2_1234),
      () => memory.writeBytes(0x2_1234, Uint8Array.of(1)),
      () => memory.fill(0x2_1234, 5, 1),
    ]) {
      expect(write).toThrow(new ResourceError(message("0x20000", "128K", "192K")));
    }
    expect(memory.residentBytes).toBe(2 * CHUNK);
    expect(memory.read8(0x2_1234)).toBe(0);
    expect(memory.read8(0)).toBe(1);
  });

  it("loses nothing, also when there is no room for a table", () => {
    const memory = memoryOf(2);
    memory.plug(0, 32 * SECTION);
    memory.write8(0, 1);
    // One chunk holds the tables of 16 sections.
    for (const section of [1, 16, 31]) {
      expect(() => memory.write8(section * SECTION, 1)).toThrow(ResourceError);
    }
    expect(memory.residentBytes).toBe(CHUNK);
    memory.unplug(0, SECTION);
    memory.write8(5 * SECTION, 5);
    expect(memory.read8(5 * SECTION)).toBe(5);
    expect(memory.residentBytes).toBe(CHUNK);
  });

  it("leaves reads and zeroing of untouched RAM working", () => {
    const memory = memoryOf(2);
    memory.plug(0, 2 * SECTION);
    memory.write8(0, 1);
    expect(memory.read64(SECTION)).toBe(0n);
    memory.fill(SECTION, SECTION, 0);
    expect(memory.residentBytes).toBe(CHUNK);
  });
});

describe("Partial chunks", () => {
  it("hold RAM in units of 4 KiB", () => {
    const memory = memoryOf(4);
    memory.mapRam(PAGE, PAGE);
    memory.mapRam(3 * PAGE, PAGE);
    for (let page = 0; page < 5; page++) memory.write32(page * PAGE, page + 1);
    expect([0, 1, 2, 3, 4].map((page) => memory.read32(page * PAGE))).toEqual([
      ...[0xffff_ffff, 2, 0xffff_ffff, 4, 0xffff_ffff],
    ]);
    expect(memory.residentBytes).toBe(CHUNK);
    expect(memory.hostForWrite(PAGE)).toBe(0);
  });

  it("become plain RAM when the rest is mapped, and keep what they held", () => {
    const memory = memoryOf(4);
    memory.mapRam(PAGE, PAGE);
    memory.write32(PAGE, 0x1234);
    memory.mapRam(0, PAGE);
    expect(memory.hostForRead(PAGE)).toBe(0);
    memory.mapRam(2 * PAGE, CHUNK - 2 * PAGE);
    expect(memory.hostForRead(PAGE)).not.toBe(0);
    expect(memory.read32(PAGE)).toBe(0x1234);
    expect(memory.read32(2 * PAGE)).toBe(0);
  });
});

describe("ROM and given contents", () => {
  it("gives contents once for each byte, chunk by chunk, before the first use", () => {
    const memory = memoryOf(4);
    const asked: [number, number][] = [];
    const contents = (at: number, into: Uint8Array) => {
      asked.push([at, into.length]);
      into.fill(0x40 + asked.length);
    };
    memory.mapRam(CHUNK - PAGE, CHUNK + PAGE, { contents });
    expect(asked).toEqual([]);
    expect(memory.read8(CHUNK + 5)).toBe(0x41);
    memory.write8(CHUNK + 6, 1);
    expect(bytesOf(memory, CHUNK - 1, 1)).toEqual([0x42]);
    expect(bytesOf(memory, CHUNK + 5, 3)).toEqual([0x41, 1, 0x41]);
    expect(asked).toEqual([
      [CHUNK, CHUNK],
      [CHUNK - PAGE, PAGE],
    ]);
  });

  it("asks for contents also where a neighbour has touched the chunk before", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, PAGE);
    memory.write8(0, 1);
    memory.mapRam(PAGE, PAGE, { contents: (_at, into) => into.fill(0x77) });
    expect([memory.read8(0), memory.read8(PAGE), memory.read8(2 * PAGE - 1)]).toEqual([
      ...[1, 0x77, 0x77],
    ]);
  });

  it("does not lose a chunk when the contents cannot be had", () => {
    const memory = memoryOf(2);
    const contents = () => {
      throw new Error("file is gone");
    };
    memory.mapRam(0, CHUNK, { contents });
    memory.mapRam(CHUNK, CHUNK);
    for (let i = 0; i < 3; i++) expect(() => memory.read8(0)).toThrow("file is gone");
    memory.write8(CHUNK, 1);
    expect(memory.residentBytes).toBe(CHUNK);
  });

  it("ignores writes to ROM of every kind", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, CHUNK, { rom: true, contents: (_at, into) => into.fill(0x99) });
    memory.write8(0, 1);
    memory.write32(4, 1);
    memory.write64(8, 1n);
    memory.writeBytes(16, Uint8Array.of(1));
    memory.fill(20, 8, 1);
    memory.fill(30, 8, 0);
    expect(new Set(bytesOf(memory, 0, 64))).toEqual(new Set([0x99]));
    expect(memory.hostForWrite(0)).toBe(0);
    expect(memory.hostForRead(0)).not.toBe(0);
  });

  it("keeps RAM writable in a chunk that it shares with ROM", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, CHUNK / 2);
    memory.mapRam(CHUNK / 2, CHUNK / 2, { rom: true });
    memory.write32(0, 5);
    memory.write32(CHUNK / 2, 5);
    memory.write64(CHUNK / 2 - 4, 0x1122_3344_5566_7788n);
    expect([memory.read32(0), memory.read32(CHUNK / 2)]).toEqual([5, 0]);
    expect(memory.read64(CHUNK / 2 - 4)).toBe(0x5566_7788n);
  });
});
