import { describe, expect, it } from "vitest";
import { bytesOf, CHUNK, memoryOf, PAGE, recorder, SECTION } from "./support.ts";

const BASE = 0x1_0000;

describe("MMIO, the accesses that a device sees", () => {
  it("have the offset, the width and an unsigned value", () => {
    const memory = memoryOf(4);
    const device = recorder();
    memory.mapMmio(BASE, PAGE, device);
    memory.write8(BASE + 1, -1);
    memory.write16(BASE + 2, -2);
    memory.write32(BASE + 4, -3);
    memory.read8(BASE + 9);
    memory.read16(BASE + 10);
    memory.read32(BASE + 0xffc);
    expect(device.log).toEqual(["w1 1=ff", "w2 2=fffe", "w4 4=fffffffd", "r1 9", "r2 a", "r4 ffc"]);
  });

  it("are two of 4 bytes for one of 8, the lower half first", () => {
    const memory = memoryOf(4);
    const device = recorder((offset) => offset);
    memory.mapMmio(BASE, PAGE, device);
    memory.write64(BASE + 8, 0xaabb_ccdd_1122_3344n);
    expect(memory.read64(BASE + 8)).toBe(0xc_0000_0008n);
    expect(device.log).toEqual(["w4 8=11223344", "w4 c=aabbccdd", "r4 8", "r4 c"]);
  });

  it("cut what the device answers to the width", () => {
    const memory = memoryOf(4);
    memory.mapMmio(
      BASE,
      PAGE,
      recorder(() => -1),
    );
    expect(memory.read8(BASE)).toBe(0xff);
    expect(memory.read16(BASE)).toBe(0xffff);
    expect(memory.read32(BASE)).toBe(0xffff_ffff);
    expect(memory.readInt32(BASE)).toBe(-1);
    expect(memory.read64(BASE)).toBe(0xffff_ffff_ffff_ffffn);
    expect(bytesOf(memory, BASE, 2)).toEqual([0xff, 0xff]);
  });

  it("never cross the end of its range", () => {
    const memory = memoryOf(4);
    const [low, high] = [recorder(() => 0x11), recorder(() => 0x22)];
    memory.mapMmio(BASE, PAGE, low);
    memory.mapMmio(BASE + PAGE, PAGE, high);
    memory.write32(BASE + PAGE - 1, 0x4433_2211);
    expect(memory.read32(BASE + PAGE - 1)).toBe(0x2222_2211);
    expect(low.log).toEqual(["w1 fff=11", "r1 fff"]);
    expect(high.log).toEqual(["w1 0=22", "w1 1=33", "w1 2=44", "r1 0", "r1 1", "r1 2"]);
  });

  it("are split between RAM and device where one access touches both", () => {
    const memory = memoryOf(4);
    const device = recorder(() => 0x5566_7788);
    memory.mapRam(0, BASE);
    memory.mapMmio(BASE, PAGE, device);
    memory.write64(BASE - 4, 0xaabb_ccdd_1122_3344n);
    memory.write16(BASE - 1, 0x9988);
    expect(memory.read64(BASE - 4)).toBe(0x5566_7788_8822_3344n);
    expect(device.log).toEqual(["w4 0=aabbccdd", "w1 0=99", "r4 0"]);
  });

  it("are bytes for bulk copies and fills", () => {
    const memory = memoryOf(4);
    const device = recorder((offset) => offset + 0x100);
    memory.mapRam(0, BASE);
    memory.mapMmio(BASE, PAGE, device);
    memory.writeBytes(BASE - 1, Uint8Array.of(1, 2, 3));
    memory.fill(BASE - 1, 2, 0x1ee);
    memory.fill(BASE + 4, 1, 0);
    expect(bytesOf(memory, BASE - 1, 3)).toEqual([0xee, 0, 1]);
    expect(device.log).toEqual(["w1 0=2", "w1 1=3", "w1 0=ee", "w1 4=0", "r1 0", "r1 1"]);
  });
});

describe("MMIO over RAM and ROM", () => {
  it("hides RAM, which is there again when the device goes", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, SECTION);
    memory.write32(BASE, 0x1234);
    memory.write32(BASE + PAGE, 0x5678);
    const device = recorder(() => 0xd);
    const remove = memory.mapMmio(BASE, PAGE, device);
    memory.write32(BASE, 0xffff);
    expect(memory.read32(BASE)).toBe(0xd);
    expect(memory.read32(BASE + PAGE)).toBe(0x5678);
    expect([memory.hostForRead(BASE), memory.hostForWrite(BASE)]).toEqual([0, 0]);
    remove();
    expect(memory.read32(BASE)).toBe(0x1234);
    expect(memory.hostForRead(BASE)).not.toBe(0);
    expect(device.log).toEqual(["w4 0=ffff", "r4 0"]);
  });

  it("takes no host memory for RAM that it hides", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, SECTION);
    memory.mapMmio(BASE, CHUNK, recorder());
    memory.write32(BASE, 1);
    memory.write64(BASE + 8, 1n);
    memory.hostForWrite(BASE);
    memory.read32(BASE);
    expect(memory.residentBytes).toBe(0);
    memory.write32(BASE - 4, 1);
    expect(memory.residentBytes).toBe(CHUNK);
  });

  it("lets RAM beside it in the same chunk be written before and after", () => {
    const memory = memoryOf(4);
    memory.mapRam(0, SECTION);
    const remove = memory.mapMmio(BASE + 4 * PAGE, PAGE, recorder());
    memory.write32(BASE + 3 * PAGE, 7);
    memory.fill(BASE + 5 * PAGE, 4, 8);
    remove();
    expect(memory.read32(BASE + 3 * PAGE)).toBe(7);
    expect(memory.read32(BASE + 5 * PAGE)).toBe(0x0808_0808);
    expect(memory.read32(BASE + 4 * PAGE)).toBe(0);
  });

  it("hides ROM and its contents", () => {
    const memory = memoryOf(4);
    memory.mapRam(BASE, CHUNK, { rom: true, contents: (_at, into) => into.fill(0x77) });
    const remove = memory.mapMmio(
      BASE,
      PAGE,
      recorder(() => 0xd),
    );
    expect([memory.read8(BASE), memory.read8(BASE + PAGE)]).toEqual([0xd, 0x77]);
    expect(memory.hostForRead(BASE)).toBe(0);
    remove();
    expect(memory.read8(BASE)).toBe(0x77);
  });

  it("stays when the DIMM below is unplugged", () => {
    const memory = memoryOf(4);
    memory.plug(0, SECTION);
    const remove = memory.mapMmio(
      BASE,
      PAGE,
      recorder(() => 0xd),
    );
    memory.unplug(0, SECTION);
    expect([memory.read8(BASE), memory.read8(BASE + PAGE)]).toEqual([0xd, 0xff]);
    remove();
    expect(memory.read8(BASE)).toBe(0xff);
  });

  it("goes once: a second removal leaves a later device alone", () => {
    const memory = memoryOf(4);
    const remove = memory.mapMmio(BASE, PAGE, recorder());
    remove();
    memory.mapMmio(
      BASE,
      PAGE,
      recorder(() => 0x42),
    );
    remove();
    expect(memory.read8(BASE)).toBe(0x42);
  });

  it("covers ranges of terabytes", () => {
    const memory = memoryOf(4);
    const device = recorder((offset) => offset / 2 ** 30);
    const remove = memory.mapMmio(2 ** 36, 2 ** 39, device);
    expect(memory.read32(2 ** 36 + 2 ** 38)).toBe(256);
    remove();
    expect(memory.isPresent(2 ** 36)).toBe(false);
  });
});
