import { describe, expect, it } from "vitest";
import { FW_CFG, FwCfg } from "../../../src/machine/devices/fw-cfg.ts";
import { PhysicalMemory } from "../../../src/memory/physical-memory.ts";

const MIB = 1024 * 1024;

function rig() {
  const memory = new PhysicalMemory({ linearBytes: 256 * MIB, addressBits: 40 });
  memory.mapRam(0, MIB);
  const device = new FwCfg(memory);
  const bytes = (selector: number, count: number) => {
    device.write(0, 2, selector);
    return Array.from({ length: count }, () => device.read(1, 1));
  };
  const dma = (control: number, length: number, address: number) => {
    const view = new DataView(new ArrayBuffer(16));
    view.setUint32(0, control);
    view.setUint32(4, length);
    view.setBigUint64(8, BigInt(address));
    memory.writeBytes(0x100, new Uint8Array(view.buffer));
    device.write(4, 4, 0);
    device.write(8, 4, 0x00010000);
    return memory.read32(0x100);
  };
  return { memory, device, bytes, dma };
}

describe("fw_cfg, ports", () => {
  it("has its signature and features, and zeros beyond an item and where there is none", () => {
    const { bytes } = rig();
    expect(bytes(FW_CFG.signature, 6)).toEqual([0x51, 0x45, 0x4d, 0x55, 0, 0]);
    expect(bytes(FW_CFG.id, 4)).toEqual([3, 0, 0, 0]);
    expect(bytes(0x7777, 2)).toEqual([0, 0]);
  });

  it("tells CPU count and RAM size, from the start at each selection", () => {
    const { device, bytes } = rig();
    device.setNumber(FW_CFG.cpuCount, 3, 2);
    device.setNumber(FW_CFG.ramBytes, 5 * 2 ** 30, 8);
    expect(bytes(5, 2)).toEqual([3, 0]);
    expect(bytes(3, 8)).toEqual([0, 0, 0, 0x40, 1, 0, 0, 0]);
    expect(bytes(5, 1)).toEqual([3]);
  });

  it("lists named files and gives their bytes", () => {
    const { device, bytes } = rig();
    device.addFile("opt/a", Uint8Array.of(7, 8));
    device.addFile("etc/b", Uint8Array.of(9));
    const listed = bytes(FW_CFG.files, 4 + 128);
    expect(listed.slice(0, 18)).toEqual([
      0, 0, 0, 2, 0, 0, 0, 2, 0, 0x20, 0, 0, 0x6f, 0x70, 0x74, 0x2f, 0x61, 0,
    ]);
    expect(listed.slice(68, 74)).toEqual([0, 0, 0, 1, 0, 0x21]);
    expect([bytes(0x20, 2), bytes(0x21, 1)]).toEqual([[7, 8], [9]]);
    expect(() => device.addFile("a b", new Uint8Array())).toThrow("file: expected 1..55 ASCII");
  });
});

describe("fw_cfg, DMA", () => {
  it("shows its signature at the address register", () => {
    const { device } = rig();
    expect([device.read(4, 4), device.read(8, 4)]).toEqual([0x554d4551, 0x47464320]);
  });

  it("selects, skips and reads, clearing what lies beyond the item", () => {
    const { device, memory, dma } = rig();
    device.addFile("opt/a", Uint8Array.of(1, 2, 3, 4, 5));
    memory.fill(0x200, 16, 0xcc);
    expect(dma((0x20 << 16) | 8 | 4, 1, 0)).toBe(0);
    expect(dma(2, 2, 0x200)).toBe(0);
    expect(dma(2, 4, 0x204)).toBe(0);
    const got = new Uint8Array(10);
    memory.readBytes(0x200, got);
    expect([...got]).toEqual([2, 3, 0xcc, 0xcc, 4, 5, 0, 0, 0xcc, 0xcc]);
  });

  it("reports an error for a write and for memory out of reach", () => {
    const { dma } = rig();
    expect(dma(16, 1, 0x200)).toBe(0x01000000);
    expect(dma(2, 0xffffffff, 2 ** 40 - 1)).toBe(0x01000000);
  });

  it("loses a transfer whose control structure is out of memory's reach", () => {
    const { device } = rig();
    device.write(4, 4, 0xffffffff);
    device.write(8, 4, 0xffffffff);
    expect(device.state).toEqual({ selected: 0, position: 0, dmaHi: 0 });
  });

  it("reports an error for a read longer than 16 MiB", () => {
    const { dma } = rig();
    expect(dma(8 | 2, 0x01000000, 0x200)).toBe(0);
    expect(dma(8 | 2, 0x01000001, 0x200)).toBe(0x01000000);
  });
});
