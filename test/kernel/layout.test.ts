import { describe, expect, it } from "vitest";
import { GIB, TIB } from "../../src/base/units.ts";
import { Layout } from "../../src/kernel/layout.ts";
import type { Depth } from "../../src/kernel/record.ts";

describe("The layout, 4 levels", () => {
  const layout = new Layout(4);

  it.each([
    ["the direct map", layout.directMapPage, 273],
    ["vmalloc space", layout.vmallocPage, 402],
    ["the memmap", layout.vmemmapPage, 468],
    ["the kernel image", layout.kernelImagePage, 511],
  ])("begins %s in its top entry", (_name, page, index) => {
    expect(layout.indexAt(page, 4)).toBe(index);
  });

  it("has physical 512 GiB as the first byte of top entry 274", () => {
    expect(layout.directAddress(512 * GIB)).toBe(0xffff890000000000n);
    expect(layout.indexAt(layout.directPage(512 * GIB), 4)).toBe(274);
  });

  it("describes 32 TiB of memory with one top entry of the memmap", () => {
    expect(layout.structPageAddress(32 * TIB)).toBe(0xffffea8000000000n);
    expect(layout.indexAt(layout.pageOf(0xffffea8000000000n), 4)).toBe(469);
  });

  it("takes memory up to 64 TiB", () => expect(layout.physicalEnd).toBe(64 * TIB));
});

describe("The layout, 5 levels", () => {
  const layout = new Layout(5);

  it.each([
    ["the direct map", layout.directMapPage, 0xff11000000000000n],
    ["vmalloc space", layout.vmallocPage, 0xffa0000000000000n],
    ["the memmap", layout.vmemmapPage, 0xffd4000000000000n],
    ["the kernel image", layout.kernelImagePage, 0xffffffff80000000n],
  ])("begins %s at its address", (_name, page, address) => {
    expect(layout.addressOf(page)).toBe(address);
  });

  it("has physical 512 GiB in the second entry of the direct map's P4D table", () => {
    const page = layout.directPage(512 * GIB);
    expect([layout.indexAt(page, 5), layout.indexAt(page, 4)]).toEqual([0x111, 1]);
    expect(layout.structPageAddress(512 * GIB)).toBe(0xffd4000200000000n);
  });

  it("takes memory up to 4 PiB", () => expect(layout.physicalEnd).toBe(4096 * TIB));
});

describe("The layout", () => {
  it("moves regions by whole GiB under KASLR", () => {
    const layout = new Layout(4, { directMapGib: 3, vmallocGib: 3, vmemmapGib: 1 });
    expect(layout.directAddress(0)).toBe(0xffff8880c0000000n);
    expect(layout.structPageAddress(0)).toBe(0xffffea0040000000n);
  });

  it("turns pages into canonical addresses and back", () => {
    for (const levels of [4, 5] as const) {
      const layout = new Layout(levels);
      for (const address of [0n, 0x7ffffffff000n, 0xffff888000000000n, 0xfffffffffffff000n]) {
        expect(layout.addressOf(layout.pageOf(address))).toBe(address);
      }
    }
  });

  it("refuses other depths", () => {
    expect(() => new Layout(3 as Depth)).toThrow("levels: expected 4 or 5, got 3");
  });
});
