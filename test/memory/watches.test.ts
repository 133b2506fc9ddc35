import { describe, expect, it } from "vitest";
import type { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { CHUNK, memoryOf, PAGE, recorder, SECTION } from "./support.ts";

/** The page that is watched: the second. */
const AT = PAGE;

interface Written {
  readonly at: number;
  readonly bytes: number;
}

/** RAM of one section in which the pages at `pages` are watched by one watcher. */
function watched(...pages: number[]): { memory: PhysicalMemory; writes: Written[] } {
  const memory = memoryOf(40);
  memory.mapRam(0, SECTION);
  const writes: Written[] = [];
  for (const page of pages) memory.watch(page, (at, bytes) => writes.push({ at, bytes }));
  return { memory, writes };
}

describe("A watched page, one report for each write and page", () => {
  it.each<[string, (memory: PhysicalMemory) => void, Written[]]>([
    ["write8", (m) => m.write8(AT + 5, 1), [{ at: AT + 5, bytes: 1 }]],
    ["write16", (m) => m.write16(AT + 6, 1), [{ at: AT + 6, bytes: 2 }]],
    ["write32", (m) => m.write32(AT + 8, 1), [{ at: AT + 8, bytes: 4 }]],
    ["write64", (m) => m.write64(AT + 8, 1n), [{ at: AT + 8, bytes: 8 }]],
    ["writePair", (m) => m.writePair(AT + 0xff8, 1, 1), [{ at: AT + 0xff8, bytes: 8 }]],
    ["an unaligned write64", (m) => m.write64(AT + 3, 1n), [{ at: AT + 3, bytes: 8 }]],
    ["writeBytes", (m) => m.writeBytes(AT + 1, new Uint8Array(99)), [{ at: AT + 1, bytes: 99 }]],
    ["fill", (m) => m.fill(AT, PAGE, 7), [{ at: AT, bytes: PAGE }]],
    ["fill with zero", (m) => m.fill(AT, 16), [{ at: AT, bytes: 16 }]],
    ["copy", (m) => m.copy(AT + 16, 0x8000, 32), [{ at: AT + 16, bytes: 32 }]],
    ["a write of what is there already", (m) => m.write8(AT, 0), [{ at: AT, bytes: 1 }]],
    ["writes of no bytes", (m) => m.writeBytes(AT, new Uint8Array(0)), []],
    ["reads", (m) => [m.read64(AT), m.readBytes(AT, new Uint8Array(9))], []],
    ["a copy from it", (m) => m.copy(0x8000, AT, 64), []],
    ["writes beside it", (m) => [m.write8(AT - 1, 1), m.write8(AT + PAGE, 1)], []],
    ["a write16 into it", (m) => m.write16(AT - 1, 1), [{ at: AT, bytes: 1 }]],
    ["a write16 out of it", (m) => m.write16(AT + 0xfff, 1), [{ at: AT + 0xfff, bytes: 1 }]],
    ["a write32 into it", (m) => m.write32(AT - 1, 1), [{ at: AT, bytes: 3 }]],
    ["a write64 into it", (m) => m.write64(AT - 3, 1n), [{ at: AT, bytes: 5 }]],
    ["a write64 into it by half", (m) => m.write64(AT - 4, 1n), [{ at: AT, bytes: 4 }]],
    ["a write64 out of it", (m) => m.write64(AT + 0xffa, 1n), [{ at: AT + 0xffa, bytes: 6 }]],
    [
      "bulk data that begins and ends outside",
      (m) => m.writeBytes(AT - 10, new Uint8Array(PAGE + 20)),
      [{ at: AT, bytes: PAGE }],
    ],
    ["a fill of 2 MiB", (m) => m.fill(0, 2 ** 21, 1), [{ at: AT, bytes: PAGE }]],
  ])("%s", (_name, act, expected) => {
    const { memory, writes } = watched(AT);
    act(memory);
    expect(writes).toEqual(expected);
  });

  it("tells after the bytes are there", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, CHUNK);
    const seen: bigint[] = [];
    memory.watch(AT, () => seen.push(memory.read64(AT)));
    memory.write64(AT, 0x1122_3344_5566_7788n);
    memory.writeBytes(AT, Uint8Array.of(0x99));
    expect(seen).toEqual([0x1122_3344_5566_7788n, 0x1122_3344_5566_7799n]);
  });

  it("tells of each page where an access crosses from one to the next", () => {
    const { memory, writes } = watched(AT, AT + PAGE);
    memory.write64(AT + 0xffd, -1n);
    memory.fill(AT + PAGE - 1, 2, 5);
    expect(writes).toEqual([
      { at: AT + 0xffd, bytes: 3 },
      { at: AT + 0x1000, bytes: 5 },
      { at: AT + 0xfff, bytes: 1 },
      { at: AT + 0x1000, bytes: 1 },
    ]);
  });

  it.each([
    ["forwards", 7 * CHUNK + 0x123, 3 * CHUNK - 0x45],
    ["backwards", 3 * CHUNK - 0x145, 3 * CHUNK - 0x45],
  ])("tells of each page once in a copy of many pieces, %s", (_name, from, to) => {
    const bytes = 2 * CHUNK + 0x678;
    const pages = [0, 1, 15, 16, 17, 31, 32].map((page) => to - (to % PAGE) + page * PAGE);
    const { memory, writes } = watched(...pages);
    memory.copy(to, from, bytes);
    const expected = pages.map((page) => {
      const at = Math.max(page, to);
      return { at, bytes: Math.min(page + PAGE, to + bytes) - at };
    });
    expect(writes.toSorted((a, b) => a.at - b.at)).toEqual(expected);
  });

  it("works in RAM that a device or a gap keeps from being plain", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, 4 * PAGE);
    memory.mapMmio(2 * PAGE, PAGE, recorder());
    const writes: Written[] = [];
    for (const page of [PAGE, 2 * PAGE, 4 * PAGE]) {
      memory.watch(page, (at, bytes) => writes.push({ at, bytes }));
    }
    memory.write64(PAGE, 1n);
    memory.write64(2 * PAGE, 1n);
    memory.write64(4 * PAGE, 1n);
    expect(writes).toEqual([{ at: PAGE, bytes: 8 }]);
  });

  it("is silent for writes that ROM ignores", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, CHUNK, { rom: true });
    const writes: Written[] = [];
    memory.watch(0, (at, bytes) => writes.push({ at, bytes }));
    memory.write64(0, 1n);
    memory.fill(0, 8, 1);
    expect(writes).toEqual([]);
  });
});

describe("Watches", () => {
  it("tell everybody, until each has ended", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, CHUNK);
    const log: string[] = [];
    const both = () => log.push("both");
    const ends = [
      memory.watch(AT, () => log.push("a")),
      memory.watch(AT, both),
      memory.watch(AT + 8, both),
    ];
    memory.write8(AT, 1);
    expect(log.splice(0)).toEqual(["a", "both", "both"]);
    ends[1]?.();
    ends[1]?.();
    memory.write8(AT, 1);
    expect(log.splice(0)).toEqual(["a", "both"]);
    ends[0]?.();
    ends[2]?.();
    memory.write8(AT, 1);
    expect(log).toEqual([]);
    expect(memory.hostForWrite(AT)).not.toBe(0);
  });

  it("may end, or begin another, while they are told", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, CHUNK);
    const log: string[] = [];
    const end = memory.watch(AT, () => {
      log.push("first");
      end();
      memory.watch(AT, () => log.push("second"));
    });
    memory.write8(AT, 1);
    memory.write8(AT, 1);
    expect(log).toEqual(["first", "second"]);
  });

  it("give the writer what they throw, the bytes written", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, CHUNK);
    memory.watch(AT, () => {
      throw new Error("stop here");
    });
    expect(() => memory.write32(AT, 5)).toThrow("stop here");
    expect(memory.read32(AT)).toBe(5);
  });

  it("keep writers off host addresses of their page only", () => {
    const { memory } = watched(AT);
    memory.write8(0, 1);
    expect(memory.hostForWrite(AT)).toBe(0);
    expect(memory.hostForWrite(AT + 0xfff)).toBe(0);
    expect(memory.hostForRead(AT)).not.toBe(0);
    expect(memory.hostForWrite(AT - 1)).not.toBe(0);
    expect(memory.hostForWrite(AT + PAGE)).not.toBe(0);
  });

  it("outlive unplugging, and begin before plugging", () => {
    const memory = memoryOf(4);
    const writes: number[] = [];
    memory.watch(SECTION + AT, (at) => writes.push(at));
    memory.write8(SECTION + AT, 1);
    memory.plug(SECTION, SECTION);
    memory.write8(SECTION + AT + 1, 1);
    memory.unplug(SECTION, SECTION);
    memory.write8(SECTION + AT + 2, 1);
    memory.plug(SECTION, SECTION);
    memory.write8(SECTION + AT + 3, 1);
    expect(writes).toEqual([SECTION + AT + 1, SECTION + AT + 3]);
  });
});

describe("Listeners", () => {
  it("learn of each change of the map, after it, and of pages that begin or cease to be watched", () => {
    const memory = memoryOf(8);
    const log: string[] = [];
    const end = memory.subscribe({
      mapChanged: ({ kind, base, bytes }) => {
        log.push(`${kind} ${base.toString(16)}+${bytes.toString(16)} ${memory.isPresent(base)}`);
      },
      watchChanged: (page) => log.push(`watch ${page.toString(16)}`),
    });
    memory.subscribe({});
    memory.mapRam(0, PAGE);
    memory.plug(SECTION, SECTION);
    const remove = memory.mapMmio(2 * PAGE, PAGE, recorder());
    const ends = [memory.watch(0x123, () => {}), memory.watch(0x456, () => {})];
    for (const endWatch of ends) endWatch();
    memory.unplug(SECTION, SECTION);
    remove();
    expect(log).toEqual([
      "plug 0+1000 true",
      "plug 8000000+8000000 true",
      "mmio 2000+1000 true",
      "watch 0",
      "watch 0",
      "unplug 8000000+8000000 false",
      "mmio 2000+1000 false",
    ]);
    end();
    memory.mapRam(PAGE, PAGE);
    expect(log.length).toBe(7);
  });
});
