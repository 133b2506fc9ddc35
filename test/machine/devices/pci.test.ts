import { describe, expect, it } from "vitest";
import { hostBridge, PciBus, PciConfigSpace } from "../../../src/machine/devices/pci.ts";
import { ResetControl } from "../../../src/machine/devices/reset-ports.ts";
import { TestDevice } from "../../../src/machine/devices/test-device.ts";
import { PortBus } from "../../../src/machine/port-bus.ts";
import { recordingControl } from "./recording-control.ts";

function rig() {
  const control = recordingControl();
  const bus = new PciBus(new ResetControl(control));
  bus.add(0, 0, hostBridge());
  const ports = new PortBus();
  ports.claim("pci", 0xcf8, 8, bus);
  const at = (address: number) => ports.write(0xcf8, 4, address);
  return { bus, ports, at, control };
}

describe("PCI configuration mechanism #1", () => {
  it("finds the host bridge at 0:0.0 and nothing elsewhere", () => {
    const { ports, at } = rig();
    at(0x80000000);
    expect(ports.read(0xcfc, 4)).toBe(0x12378086);
    at(0x80000008);
    expect([ports.read(0xcfc, 4), ports.read(0xcfe, 2), ports.read(0xcff, 1)]).toEqual([
      0x06000002, 0x0600, 0x06,
    ]);
    for (const absent of [0x80000800, 0x80000100, 0x80010000, 0x00000000]) {
      at(absent);
      expect(ports.read(0xcfc, 4)).toBe(0xffffffff);
    }
  });

  it("keeps the address register's implemented bits, in 32-bit accesses only", () => {
    const { ports, at } = rig();
    at(0xffffffff);
    expect(ports.read(0xcf8, 4)).toBe(0x80fffffc);
    ports.write(0xcf8, 1, 0);
    ports.write(0xcfa, 2, 0);
    expect(ports.read(0xcf8, 4)).toBe(0x80fffffc);
  });

  it("writes writable bits only, byte by byte too", () => {
    const { bus, ports, at } = rig();
    const card = new PciConfigSpace({ vendor: 0x1af4, device: 0x1042, classCode: 0x010000 });
    card.writable.set([0x00, 0xf0, 0xff, 0xff], 0x10);
    bus.add(3, 0, card);
    at(0x80001810);
    ports.write(0xcfc, 4, 0xffffffff);
    expect(ports.read(0xcfc, 4)).toBe(0xfffff000);
    ports.write(0xcfe, 1, 0x12);
    expect(ports.read(0xcfc, 4)).toBe(0xff12f000);
  });

  it("has the reset control register at 0xCF9 as a byte", () => {
    const { ports, control } = rig();
    ports.write(0xcf9, 1, 0x02);
    expect(ports.read(0xcf9, 1)).toBe(0x02);
    ports.write(0xcf9, 1, 0x06);
    expect(control.log).toEqual(["reset: port 0xcf9"]);
  });
});

describe("Test device", () => {
  it("stores bytes behind ports and memory, and drives lines", () => {
    const device = new TestDevice();
    const ports = new PortBus();
    const lines: string[] = [];
    ports.claim("storage", 0xe0, 4, device.storage);
    ports.claim(
      "lines",
      0x2000,
      24,
      TestDevice.irqPorts((line, on) => lines.push(`${line} ${on}`)),
    );
    ports.write(0xe0, 4, 0x12345678);
    expect([ports.read(0xe0, 4), ports.read(0xe1, 1)]).toEqual([0x12345678, 0x56]);
    device.memory.write(0xfffc, 4, 0xdeadbeef);
    expect(device.memory.read(0xfffe, 2)).toBe(0xdead);
    ports.write(0x200e, 1, 1);
    ports.write(0x200e, 1, 0);
    expect(lines).toEqual(["14 true", "14 false"]);
    device.reset();
    expect([ports.read(0xe0, 4), device.memory.read(0xfffe, 2)]).toEqual([0, 0]);
  });
});
