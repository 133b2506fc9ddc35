import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/base/errors.ts";
import type { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { WordRuns } from "../../src/memory/word-runs.ts";
import { CHUNK, memoryOf, PAGE, recorder } from "./support.ts";

const NX = 0x8000_0000;

function wordsAt(memory: PhysicalMemory, physical: number, count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => memory.read64(physical + i * 8));
}

/** The page at 0 is plain RAM, the one at PAGE is watched: generated code and the slow path. */
function scene() {
  const memory = memoryOf(4);
  memory.mapRam(0, CHUNK);
  const written: string[] = [];
  memory.watch(PAGE, (at, bytes) => written.push(`${at.toString(16)}+${bytes}`));
  return { memory, runs: new WordRuns(memory), written };
}

describe.each([
  ["plain RAM", 0],
  ["a watched page", PAGE],
])("Runs of words in %s", (_, page) => {
  it.each([0, 1, 7, 8, 9, 16, 31, 511, 512])("fills and clears %i words and no more", (count) => {
    const { memory, runs } = scene();
    const first = Math.min(3, 512 - count);
    const at = page + first * 8;
    expect(runs.fillZeros(at, count, NX, 0xffff_f163, 0x1000)).toBe(count);
    const expected = Array.from({ length: 512 }, (_, i) =>
      i < first || i >= first + count ? 0n : 0x8000_0000_ffff_f163n + BigInt(i - first) * 0x1000n,
    );
    expect(wordsAt(memory, page, 512)).toEqual(expected);
    expect(runs.isZero(page, 512)).toBe(count === 0);
    expect(runs.clear(at, count)).toBe(count);
    expect(runs.isZero(page, 512)).toBe(true);
  });

  it("leaves words alone that are not zero, in either half", () => {
    const { memory, runs } = scene();
    memory.writePair(page + 8, 5, 0);
    memory.writePair(page + 9 * 8, 0, 6);
    expect(runs.fillZeros(page, 12, 0, 1, 0x20_0000)).toBe(10);
    const step = 0x20_0000n;
    expect(wordsAt(memory, page, 13)).toEqual([
      ...[1n, 5n << 32n],
      ...[2n, 3n, 4n, 5n, 6n, 7n, 8n].map((i) => i * step + 1n),
      ...[6n, 10n * step + 1n, 11n * step + 1n, 0n],
    ]);
  });

  it("counts bit 0 of what it clears", () => {
    const { memory, runs } = scene();
    for (let i = 0; i < 20; i++) memory.writePair(page + i * 8, 0x1000, i);
    expect(runs.clear(page, 19)).toBe(9);
    expect(wordsAt(memory, page, 20)).toEqual([...Array(19).fill(0n), 0x1000_0000_0013n]);
  });

  it.each([0, 7, 8, 63, 504, 511])("finds one bit in word %i", (index) => {
    const { memory, runs } = scene();
    memory.writePair(page + index * 8, 1 << 31, 0);
    expect(runs.isZero(page, 512)).toBe(false);
    expect(runs.isZero(page, index)).toBe(true);
    expect(runs.isZero(page + index * 8 + 8, 511 - index)).toBe(true);
  });
});

describe("Runs of words", () => {
  it("tells a watcher of each word that is written", () => {
    const { runs, written } = scene();
    runs.fillZeros(PAGE + 8, 2, 0, 3, 1);
    runs.clear(PAGE + 16, 1);
    expect(written).toEqual(["1008+8", "1010+8", "1010+8"]);
  });

  it("reads and writes a device word by word", () => {
    const memory = memoryOf(4);
    const device = recorder();
    memory.mapMmio(0, PAGE, device);
    expect(new WordRuns(memory).fillZeros(0, 1, 2, 3, 0)).toBe(1);
    expect(device.log).toEqual(["r4 0", "r4 4", "w4 0=3", "w4 4=2"]);
  });

  it("refuses what is unaligned or leaves the page", () => {
    const { runs } = scene();
    expect(() => runs.clear(4, 1)).toThrow(ArgumentError);
    expect(() => runs.isZero(8, 512)).toThrow(ArgumentError);
    expect(() => runs.fillZeros(0, -1, 0, 0, 0)).toThrow(ArgumentError);
  });
});
