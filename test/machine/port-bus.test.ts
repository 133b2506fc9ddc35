import { describe, expect, it } from "vitest";
import { type AccessBytes, PortBus } from "../../src/machine/port-bus.ts";

function recorder(widestBytes: AccessBytes) {
  const log: string[] = [];
  return {
    log,
    widestBytes,
    read(offset: number, bytes: AccessBytes) {
      log.push(`r${bytes}@${offset}`);
      return [0, 0x11, 0x2211, 0, 0x44332211][bytes] as number;
    },
    write(offset: number, bytes: AccessBytes, value: number) {
      log.push(`w${bytes}@${offset}=${value.toString(16)}`);
    },
  };
}

describe("Port bus", () => {
  it("reads all ones where nobody answers and loses writes there", () => {
    const bus = new PortBus();
    bus.write(0x123, 4, 5);
    expect([bus.read(0x123, 1), bus.read(0x123, 2), bus.read(0xffff, 4)]).toEqual([
      0xff, 0xffff, 0xffffffff,
    ]);
  });

  it("splits what is wider than the device, lowest port first", () => {
    const bus = new PortBus();
    const device = recorder(1);
    bus.claim("d", 0x10, 4, device);
    expect(bus.read(0x10, 4)).toBe(0x11111111);
    bus.write(0x12, 2, 0xabcd);
    expect(device.log).toEqual(["r1@0", "r1@1", "r1@2", "r1@3", "w1@2=cd", "w1@3=ab"]);
  });

  it("passes whole what the device takes, and splits at the end of its ports", () => {
    const bus = new PortBus();
    const device = recorder(4);
    bus.claim("d", 0x10, 4, device);
    expect(bus.read(0x10, 4)).toBe(0x44332211);
    expect(bus.read(0x12, 4)).toBe(0xffff2211);
    bus.write(0x0f, 2, 0xbeef);
    expect(device.log).toEqual(["r4@0", "r2@2", "w1@0=be"]);
  });

  it("names both devices when ports are claimed twice, and frees what is given back", () => {
    const bus = new PortBus();
    const giveBack = bus.claim("first", 0x10, 4, recorder(1));
    expect(() => bus.claim("second", 0x13, 1, recorder(1))).toThrow(
      'ports of second: expected free ports, got "0x13 of first"',
    );
    giveBack();
    bus.claim("second", 0x13, 1, recorder(1));
    expect([bus.read(0x12, 1), bus.read(0x13, 1)]).toEqual([0xff, 0x11]);
  });
});
