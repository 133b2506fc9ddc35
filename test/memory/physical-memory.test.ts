import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/base/errors.ts";
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { bytesOf, CHUNK, memoryOf, PAGE, SECTION, TIB } from "./support.ts";

describe("Physical memory, accesses to RAM", () => {
  it("keeps values little-endian, of every width", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, CHUNK);
    memory.write64(0x10, 0x1122_3344_5566_7788n);
    expect(bytesOf(memory, 0x10, 8)).toEqual([0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
    expect(memory.read8(0x11)).toBe(0x77);
    expect(memory.read16(0x12)).toBe(0x5566);
    expect(memory.read32(0x14)).toBe(0x1122_3344);
    expect(memory.read64(0x10)).toBe(0x1122_3344_5566_7788n);
    memory.write32(0x20, 0xfedc_ba98);
    expect(memory.read32(0x20)).toBe(0xfedc_ba98);
    expect(memory.readInt32(0x20)).toBe(0xfedc_ba98 - 2 ** 32);
    memory.write16(0x20, 0x1234);
    memory.write8(0x23, 0x56);
    expect(memory.read32(0x20)).toBe(0x56dc_1234);
    memory.writePair(0x28, -1, 0x8000_0000 | 0);
    expect(memory.read64(0x28)).toBe(0xffff_ffff_8000_0000n);
  });

  it("cuts values to the width of the write", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, CHUNK);
    memory.fill(0, 32, 0xaa);
    memory.write8(0, 0x1ff);
    memory.write16(2, 0x1_2345);
    memory.write32(4, -2);
    memory.write64(8, (1n << 64n) + 5n);
    memory.write64(16, -1n);
    memory.fill(24, 1, 0x101);
    const expected = [
      ...[0xff, 0xaa, 0x45, 0x23, 0xfe, 0xff, 0xff, 0xff],
      ...[5, 0, 0, 0, 0, 0, 0, 0],
      ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      ...[1, 0xaa],
    ];
    expect(bytesOf(memory, 0, 26)).toEqual(expected);
  });

  it.each([PAGE, CHUNK, SECTION])(
    "needs no alignment, also across a boundary of %i bytes",
    (unit) => {
      for (let before = 1; before < 8; before++) {
        const memory = memoryOf(8);
        memory.mapRam(0, 2 * SECTION);
        const at = unit - before;
        memory.write64(at, 0x1122_3344_5566_7788n);
        expect(memory.read64(at)).toBe(0x1122_3344_5566_7788n);
        expect(bytesOf(memory, at - 1, 10)).toEqual([
          ...[0, 0x88, 0x77, 0x66, 0x55],
          ...[0x44, 0x33, 0x22, 0x11, 0],
        ]);
        memory.write32(at, 0xa1b2_c3d4);
        expect(memory.read32(at)).toBe(0xa1b2_c3d4);
        memory.write16(at, 0xe5f6);
        expect(memory.read16(at)).toBe(0xe5f6);
        expect(memory.read64(at)).toBe(0x1122_3344_a1b2_e5f6n);
      }
    },
  );

  it("copies bulk data in and out across pages, chunks and sections", () => {
    const memory = memoryOf(8);
    memory.mapRam(0, 2 * SECTION);
    const data = Uint8Array.from({ length: 2 * CHUNK + 77 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
    memory.writeBytes(SECTION - CHUNK - 33, data);
    const into = new Uint8Array(data.length);
    memory.readBytes(SECTION - CHUNK - 33, into);
    expect(Buffer.compare(into, data)).toBe(0);
    expect(memory.read8(SECTION - CHUNK - 34)).toBe(0);
    expect(memory.read8(SECTION + CHUNK + 44)).toBe(0);
  });

  it("fills exactly the range", () => {
    const memory = memoryOf(8);
    memory.mapRam(0, 4 * CHUNK);
    memory.fill(CHUNK - 3, CHUNK + 5, 0x5a);
    expect(bytesOf(memory, CHUNK - 5, 4)).toEqual([0, 0, 0x5a, 0x5a]);
    expect(bytesOf(memory, 2 * CHUNK, 4)).toEqual([0x5a, 0x5a, 0, 0]);
    memory.fill(CHUNK, 2);
    expect(bytesOf(memory, CHUNK - 1, 4)).toEqual([0x5a, 0, 0, 0x5a]);
  });

  it.each([
    ["forwards", 3 * CHUNK + 5, 11],
    ["backwards", 11, 3 * CHUNK + 5],
    ["onto itself, upwards", 100, 103],
    ["onto itself, downwards", 103, 100],
    ["onto itself by a page, upwards", 100, 100 + PAGE],
    ["onto itself by a page, downwards", 100 + PAGE, 100],
    ["in place", 100, 100],
  ])("copies %s as if through a buffer", (_name, from, to) => {
    const memory = memoryOf(8);
    memory.mapRam(0, 6 * CHUNK);
    const bytes = 2 * CHUNK + 9;
    const data = Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + (i >> 7)) & 0xff);
    memory.writeBytes(from, data);
    memory.copy(to, from, bytes);
    expect(Buffer.compare(Uint8Array.from(bytesOf(memory, to, bytes)), data)).toBe(0);
  });
});

describe("Physical memory, sparse addresses", () => {
  it("reaches the last byte below 2^52", () => {
    const memory = new PhysicalMemory();
    const top = 2 ** 52;
    expect(memory.limit).toBe(top);
    memory.plug(top - SECTION, SECTION);
    memory.write64(top - 8, 0x0123_4567_89ab_cdefn);
    expect(memory.read64(top - 8)).toBe(0x0123_4567_89ab_cdefn);
    expect(memory.read32(top - 4)).toBe(0x0123_4567);
    expect(memory.read32(top - 2)).toBe(0xffff_0123);
    expect(memory.read64(top)).toBe(0xffff_ffff_ffff_ffffn);
  });

  it("pays for a DIMM at 64 TiB only what is touched, in chunks of 64 KiB", () => {
    const memory = new PhysicalMemory();
    memory.plug(64 * TIB, 64 * TIB);
    expect(memory.residentBytes).toBe(0);
    expect(memory.read64(100 * TIB)).toBe(0n);
    memory.fill(64 * TIB, 16 * SECTION, 0);
    expect(memory.residentBytes).toBe(0);
    memory.write8(64 * TIB, 1);
    memory.write8(64 * TIB + CHUNK - 1, 2);
    expect(memory.residentBytes).toBe(CHUNK);
    memory.write8(128 * TIB - 1, 3);
    expect(memory.residentBytes).toBe(2 * CHUNK);
    expect([64 * TIB, 64 * TIB + CHUNK - 1, 128 * TIB - 1].map((at) => memory.read8(at))).toEqual([
      1, 2, 3,
    ]);
  });

  it("keeps addresses apart that agree in their low 32 bits", () => {
    const memory = new PhysicalMemory();
    const places = [0, 2 ** 32, 2 ** 40, 2 ** 51].map((base) => base + 5 * SECTION);
    for (const base of places) memory.plug(base, SECTION);
    for (const [i, base] of places.entries()) memory.write32(base + 0x1238, i + 1);
    expect(places.map((base) => memory.read32(base + 0x1238))).toEqual([1, 2, 3, 4]);
  });
});

describe("Physical memory, absent addresses", () => {
  it("read as all ones, of every width, and lose writes", () => {
    const memory = memoryOf(4);
    memory.write8(0, 1);
    memory.write16(2, 1);
    memory.write32(4, 1);
    memory.write64(8, 1n);
    memory.writeBytes(16, Uint8Array.of(1, 2, 3));
    memory.fill(32, 8, 7);
    memory.copy(0x100, 0, 64);
    expect(memory.read8(0)).toBe(0xff);
    expect(memory.read16(2)).toBe(0xffff);
    expect(memory.read32(4)).toBe(0xffff_ffff);
    expect(memory.readInt32(4)).toBe(-1);
    expect(memory.read64(8)).toBe(0xffff_ffff_ffff_ffffn);
    expect(bytesOf(memory, 16, 3)).toEqual([0xff, 0xff, 0xff]);
    expect(memory.residentBytes).toBe(0);
  });

  it("read as ones beside RAM within one access, and lose only their part of a write", () => {
    const memory = memoryOf(4);
    memory.mapRam(PAGE, PAGE);
    memory.write64(2 * PAGE - 4, 0x1122_3344_5566_7788n);
    expect(memory.read64(2 * PAGE - 4)).toBe(0xffff_ffff_5566_7788n);
    memory.write32(PAGE - 1, 0xaabb_ccdd);
    expect(memory.read32(PAGE - 1)).toBe(0xaabb_ccff);
    expect(bytesOf(memory, 2 * PAGE - 2, 4)).toEqual([0x66, 0x55, 0xff, 0xff]);
  });

  it("begin at the width of a physical address", () => {
    const memory = memoryOf(4, 36);
    memory.mapRam(2 ** 36 - PAGE, PAGE);
    memory.write8(2 ** 36, 1);
    expect(memory.read8(2 ** 36)).toBe(0xff);
    expect(memory.read8(2 ** 52)).toBe(0xff);
    expect(memory.hostForRead(2 ** 36)).toBe(0);
    expect(memory.hostForWrite(2 ** 36)).toBe(0);
  });
});

describe("Physical memory, bad addresses", () => {
  const negative = "physical: expected an integer in 0..2^53-1, got -1";
  it.each<[string, (memory: PhysicalMemory) => unknown, string]>([
    ["read8", (m) => m.read8(-1), negative],
    ["read16", (m) => m.read16(-1), negative],
    ["read32", (m) => m.read32(-1), negative],
    ["read64", (m) => m.read64(-1), negative],
    ["write8", (m) => m.write8(-1, 0), negative],
    ["write16", (m) => m.write16(-1, 0), negative],
    ["write32", (m) => m.write32(-1, 0), negative],
    ["write64", (m) => m.write64(-1, 0n), negative],
    ["readBytes", (m) => m.readBytes(-1, new Uint8Array(2)), negative],
    ["writeBytes", (m) => m.writeBytes(-1, new Uint8Array(2)), negative],
    ["fill", (m) => m.fill(-1, 2), negative],
    ["copy to", (m) => m.copy(-1, 0, 2), negative],
    ["copy from", (m) => m.copy(0, -1, 2), negative],
    ["a size", (m) => m.fill(0, -1), "bytes: expected an integer in 0..2^53-1, got -1"],
    ["NaN", (m) => m.read8(Number.NaN), "physical: expected an integer in 0..2^53-1, got NaN"],
    [
      "beyond 2^53",
      (m) => m.read8(2 ** 53),
      "physical: expected an integer in 0..2^53-1, got 0x20000000000000",
    ],
  ])("are refused: %s", (_name, act, message) => {
    const memory = memoryOf(4);
    memory.mapRam(0, SECTION);
    memory.fill(0, CHUNK, 0x11);
    expect(() => act(memory)).toThrow(new ArgumentError(message));
    expect(memory.read64(0)).toBe(0x1111_1111_1111_1111n);
  });
});

describe("Physical memory, host addresses", () => {
  it("are where the bytes are", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, 2 * CHUNK);
    memory.write32(CHUNK + 0x124, 0xcafe_f00d);
    const host = memory.hostForRead(CHUNK + 0x124);
    expect(host).toBeGreaterThanOrEqual(memory.linear.backingBase);
    expect(memory.linear.int32[host >>> 2]).toBe(0xcafe_f00d | 0);
    expect(memory.hostForWrite(CHUNK + 0x124)).toBe(host);
    memory.linear.bytes[host] = 0xee;
    expect(memory.read32(CHUNK + 0x124)).toBe(0xcafe_f0ee);
  });

  it("of untouched RAM are none for reading, and new for writing", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, CHUNK);
    expect(memory.hostForRead(8)).toBe(0);
    expect(memory.residentBytes).toBe(0);
    expect(memory.hostForWrite(8)).not.toBe(0);
    expect(memory.residentBytes).toBe(CHUNK);
    expect(memory.hostForRead(8)).toBe(memory.hostForWrite(8));
  });

  it("are none for what is absent, negative or no number", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, CHUNK);
    for (const at of [CHUNK, -1, Number.NaN]) {
      expect([memory.hostForRead(at), memory.hostForWrite(at)]).toEqual([0, 0]);
    }
  });
});
