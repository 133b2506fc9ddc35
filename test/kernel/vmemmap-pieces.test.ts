/** Memmap that does not fill whole leaves, that is shared, or that lies in its own range. */
import { describe, expect, it } from "vitest";
import { GIB, MIB, TIB } from "../../src/base/units.ts";
import { Checker } from "../../src/check/checker.ts";
import { type BootOptions, bootKernel } from "../../src/kernel/boot.ts";
import { EBUSY, EEXIST, EINVAL, ENOMEM } from "../../src/kernel/bug.ts";
import { memremapPages, memunmapPages } from "../../src/kernel/device-memory.ts";
import { entryOf } from "../../src/kernel/direct-map.ts";
import { addMemory, plugDimm, removeMemory, unplugDimm } from "../../src/kernel/hotplug.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { removePagetable } from "../../src/kernel/teardown.ts";
import { KernelView } from "../../src/kernel/view.ts";

const AT = 512 * GIB;
const SECTION = 128 * MIB;

function boot(options: BootOptions = {}) {
  const k = bootKernel({ levels: 4, linearBytes: 512 * MIB, ...options });
  plugDimm(k, AT, GIB);
  const checker = new Checker(new KernelView(k));
  return { k, checker };
}
const run = (k: Kernel, body: () => number) => k.operation("it", body);
/** Physical address of the 4 KiB page, or -1. */
function frameOf(k: Kernel, page: number): number {
  const found = entryOf(k, page, 1);
  return found && k.tables.isPresent(found.table, found.index)
    ? k.tables.target(found.table, found.index)
    : -1;
}
function leafAt(k: Kernel, page: number): boolean {
  const found = entryOf(k, page, 2);
  return found !== undefined && k.tables.isPresent(found.table, found.index);
}

// A struct page of 56 bytes: the memmap of a section takes 448 of a leaf's 512 pages, and that of
// the first section at 512 GiB begins with a leaf (2^27 frames of 56 bytes are 3584 leaves).
describe("Memmap of struct pages of 56 bytes", () => {
  const first = (k: Kernel) => k.layout.vmemmapRange(AT, SECTION).from;

  it("remembers the unused tail of the newest leaf, and goes on in it without a mark", () => {
    const { k } = boot({ structPageBytes: 56 });
    run(k, () => addMemory(k, AT, SECTION));
    expect(k.unusedPmdStart).toBe(first(k) + 448);
    run(k, () => addMemory(k, AT + SECTION, SECTION));
    expect(k.unusedPmdStart).toBe(first(k) + 896);
  });

  it("marks what lies before a piece that begins within a new leaf", () => {
    const { k } = boot({ structPageBytes: 56 });
    run(k, () => addMemory(k, AT + SECTION, SECTION));
    const read = (page: number, at = 0) =>
      k.processor.readKernel(k.layout.addressOf(page) + BigInt(at));
    expect(read(first(k))).toBe(0xfdfdfdfdfdfdfdfdn);
    expect(read(first(k) + 447, 4088)).toBe(0xfdfdfdfdfdfdfdfdn);
    expect(read(first(k) + 448)).toBe(0n);
  });

  it.each([4, 5] as const)("gives a leaf back with its last piece, %i levels", (levels) => {
    const { k, checker } = boot({ levels, structPageBytes: 56 });
    run(k, () => addMemory(k, AT, 2 * SECTION));
    run(k, () => removeMemory(k, AT, SECTION));
    expect([leafAt(k, first(k)), leafAt(k, first(k) + 512)]).toEqual([true, true]);
    run(k, () => removeMemory(k, AT + SECTION, SECTION));
    expect([leafAt(k, first(k)), leafAt(k, first(k) + 512)]).toEqual([false, false]);
    expect(checker.fullCheck()).toEqual([]);
    expect(checker.findings).toEqual([]);
  });

  it("keeps a leaf for ever where only freed parts are marked, until v5.12", () => {
    const { k, checker } = boot({ kernel: "v4.17", structPageBytes: 56 });
    run(k, () => addMemory(k, AT, SECTION));
    run(k, () => removeMemory(k, AT, SECTION));
    expect(leafAt(k, first(k))).toBe(true);
    expect(checker.findings.map(({ rule }) => rule)).toContain("memmap-mismatch");
  });

  it("writes beyond the leaf where the fill begins with the piece, v5.13 to v5.17", () => {
    const { k } = boot({ kernel: "edgecombe-2021", structPageBytes: 56 });
    const { bug } = run(k, () => addMemory(k, AT + SECTION, SECTION));
    // 448 pages from page 448 on: the second leaf, which is not there yet.
    expect(bug).toMatchObject({ kind: "oops", address: k.layout.addressOf(first(k) + 512) });
    expect(bug?.trace[0]).toBe("vmemmap_set_pmd");
  });
});

describe("Memmap of compound device memory", () => {
  const memmapFrames = (k: Kernel) =>
    [...k.frames.used()].filter(({ use }) => use.kind === "memmap").length;

  it("has two pages of its own for each 2 MiB, and the second six times more", () => {
    const { k, checker } = boot();
    const before = memmapFrames(k);
    const free = k.frames.freeFrames;
    expect(run(k, () => memremapPages(k, AT, 2 * SECTION, { vmemmapShift: 9 })).errno).toBe(0);
    expect(memmapFrames(k) - before).toBe(256);
    const { from } = k.layout.vmemmapRange(AT, SECTION);
    const frames = Array.from({ length: 9 }, (_, i) => frameOf(k, from + i));
    expect(new Set(frames.slice(1, 8)).size).toBe(1);
    expect(new Set([frames[0], frames[1], frames[8]]).size).toBe(3);
    const info = [...k.frames.usedWithin(frames[1] ?? 0, 4096)];
    expect(info.map(({ references }) => references)).toEqual([6]);
    expect(run(k, () => memunmapPages(k, AT)).errno).toBe(0);
    expect(checker.fullCheck()).toEqual([]);
    expect(checker.findings).toEqual([]);
    // The PUD table of the direct map is kept.
    expect(k.frames.freeFrames).toBe(free - 1);
  });

  it("has two pages for a whole GiB, across its eight sections", () => {
    const { k, checker } = boot();
    const before = memmapFrames(k);
    run(k, () => memremapPages(k, AT, GIB, { vmemmapShift: 18 }));
    expect(memmapFrames(k) - before).toBe(2);
    run(k, () => memunmapPages(k, AT));
    expect(checker.fullCheck()).toEqual([]);
    expect(memmapFrames(k)).toBe(before);
  });
});

describe("Device memory", () => {
  it("comes in pieces of 2 MiB, several of them in one section", () => {
    const { k, checker } = boot();
    expect(run(k, () => memremapPages(k, AT + MIB, 2 * MIB)).errno).toBe(EINVAL);
    for (const at of [AT, AT + 6 * MIB]) {
      expect(run(k, () => memremapPages(k, at, 4 * MIB)).errno).toBe(0);
    }
    expect(run(k, () => memremapPages(k, AT + 2 * MIB, 2 * MIB)).errno).toBe(EEXIST);
    run(k, () => memunmapPages(k, AT));
    expect(checker.fullCheck()).toEqual([]);
    const { from } = k.layout.vmemmapRange(AT + 6 * MIB, 4 * MIB);
    expect([frameOf(k, from - 1), frameOf(k, from) >= 0]).toEqual([-1, true]);
  });

  it("stays while somebody uses its pages, and its device stays plugged in", () => {
    const { k } = boot();
    run(k, () => memremapPages(k, AT, GIB));
    const map = k.pagemaps.get(AT);
    if (map) map.users = 3;
    expect(run(k, () => memunmapPages(k, AT))).toMatchObject({
      errno: EBUSY,
      message: "expected no users, got 3 pages in use",
    });
    expect(run(k, () => unplugDimm(k, AT, GIB)).errno).toBe(EBUSY);
    if (map) map.users = 0;
    expect(run(k, () => memunmapPages(k, AT)).errno).toBe(0);
    expect(run(k, () => unplugDimm(k, AT, GIB)).errno).toBe(0);
  });

  it("may hold its own memmap, of which all comes back", () => {
    const { k, checker } = boot();
    const free = k.frames.freeFrames;
    run(k, () => memremapPages(k, AT, GIB, { memmapOnDevice: true }));
    const map = k.pagemaps.get(AT);
    expect(map?.altmap).toMatchObject({ bytes: 16 * MIB, usedBytes: 16 * MIB, skippedBytes: 0 });
    run(k, () => memunmapPages(k, AT));
    expect(map?.altmap?.usedBytes).toBe(0);
    expect(checker.fullCheck()).toEqual([]);
    // The PUD table of the direct map is kept; that of the memmap is boot memory's.
    expect(k.frames.freeFrames).toBe(free - 1);
  });
});

describe("Memmap on memory", () => {
  it("is each block's own on kernels that can, one block's on older ones, nobody's before", () => {
    const add = (kernel: string, bytes: number) => {
      const { k } = boot({ kernel });
      return run(k, () => addMemory(k, AT, bytes, { memmapOnMemory: true })).errno;
    };
    expect(add("right", 2 * SECTION)).toBe(0);
    expect(add("edgecombe-2021", SECTION)).toBe(0);
    expect(add("edgecombe-2021", 2 * SECTION)).toBe(EINVAL);
    expect(add("v4.17", SECTION)).toBe(EINVAL);
  });

  it("is forgotten when the memory blocks cannot be made, until January 2024", () => {
    const attempt = (kernel: string) => {
      const { k } = boot({ kernel });
      // Two tables of the direct map, the section's usage map, one table of the memmap, the block.
      k.frames.failNth(5);
      expect(run(k, () => addMemory(k, AT, SECTION, { memmapOnMemory: true })).errno).toBe(ENOMEM);
      return k.frames.useOf(AT).kind;
    };
    expect(attempt("right")).toBe("reserved");
    // The range's first frames are on the free list, and the range itself is gone.
    expect(attempt("edgecombe-2021")).toBe("free");
  });
});

describe("The guard of identity tables in remove_pte_table()", () => {
  // The sum of entry and address overflows to less than 1 GiB only for an entry that no kernel has.
  const attempt = (kernel: string) => {
    const { k } = boot({ kernel, gbPages: false });
    const table = k.allocateTable(1);
    const page = k.layout.directPage(32 * TIB);
    const tables = [k.allocateTable(3), k.allocateTable(2), table];
    let at = k.initMm.physical;
    for (const [i, level] of [4, 3, 2].entries()) {
      const next = tables[i] ?? 0;
      k.tables.setTarget(at, k.layout.indexAt(page, level), level, next, { hi: 0, lo: 0x67 });
      at = next;
    }
    const complement = 2n ** 64n - k.layout.addressOf(page);
    const entry = (complement & ~0xfffn) | 0x63n;
    k.tables.set(table, 0, 1, Number(entry >> 32n), Number(BigInt.asIntN(32, entry)));
    k.tables.set(table, 1, 1, 0, 0x5063);
    run(k, () => {
      removePagetable(k, page, page + 2, true);
      return 0;
    });
    return [k.tables.isPresent(table, 0), k.tables.isPresent(table, 1)];
  };

  it("ends the removal at once", () => expect(attempt("v6.17")).toEqual([true, true]));
  it("is not ours", () => expect(attempt("right")).toEqual([false, false]));
});
