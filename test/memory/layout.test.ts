import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/base/errors.ts";
import { ResourceError } from "../../src/memory/errors.ts";
import { LinearMemory } from "../../src/memory/layout.ts";

const MIB = 2 ** 20;

describe("The linear memory", () => {
  it("has 4 GiB and 52 address bits unless told otherwise, and never grows", () => {
    const linear = new LinearMemory();
    expect(linear.endBytes).toBe(4096 * MIB);
    expect(linear.buffer.byteLength).toBe(4096 * MIB);
    expect(linear.addressBits).toBe(52);
    expect(() => linear.wasmMemory.grow(1)).toThrow(RangeError);
  });

  it("keeps arena, directory and backing apart, and the first 64 KiB unused", () => {
    const linear = new LinearMemory({ addressBits: 40, arenaBytes: MIB, linearBytes: 16 * MIB });
    expect(linear.directoryBase).toBe(65536 + MIB);
    // 2^13 sections of 128 MiB, a word each: half a chunk, rounded up.
    expect(linear.backingBase).toBe(65536 + MIB + 65536);
    expect(linear.endBytes).toBe(16 * MIB);
    expect(linear.reserve(100)).toBe(65536);
  });

  it("hands out the arena aligned and once, until it is full", () => {
    const linear = new LinearMemory({ addressBits: 36, arenaBytes: 65536, linearBytes: 16 * MIB });
    expect(linear.reserve(8, 8)).toBe(65536);
    expect(linear.reserve(100)).toBe(65536 + 64);
    expect(linear.reserve(4096, 4096)).toBe(65536 + 4096);
    expect(() => linear.reserve(65536)).toThrow(
      new ResourceError(
        "arena: expected at most 57344 bytes, got 65536; give the memory a larger arenaBytes",
      ),
    );
    expect(linear.reserve(57344)).toBe(65536 + 8192);
  });

  it.each([
    [{ addressBits: 35 }, "addressBits: expected 36..52, got 35"],
    [{ addressBits: 53 }, "addressBits: expected 36..52, got 53"],
    [{ addressBits: 40.5 }, "addressBits: expected 36..52, got 40.5"],
    [
      { addressBits: 36, arenaBytes: 65536, linearBytes: 1 },
      "linearBytes: expected 262144..4294967296, got 1",
    ],
    [
      { addressBits: 36, arenaBytes: 65536, linearBytes: 2 ** 33 },
      "linearBytes: expected 262144..4294967296, got 0x200000000",
    ],
  ])("refuses %j", (options, message) => {
    expect(() => new LinearMemory(options)).toThrow(new ArgumentError(message));
  });
});
