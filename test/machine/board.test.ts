import { describe, expect, it } from "vitest";
import { Board, type BoardOptions } from "../../src/machine/board.ts";
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { recordingPort } from "./devices/apic-rig.ts";
import { recordingControl } from "./devices/recording-control.ts";

const MIB = 1024 * 1024;

function rig(options: Partial<BoardOptions> = {}) {
  const control = recordingControl();
  const sent: number[] = [];
  const memory = new PhysicalMemory({ linearBytes: 256 * MIB, addressBits: 46 });
  const board = new Board({
    memory,
    ramBytes: 64 * MIB,
    cpuCount: 2,
    maxPhyAddr: 46,
    control,
    serial: { send: (byte) => sent.push(byte) > 0 },
    startSeconds: 0,
    hotplug: {
      ejected: (slot, base) => control.log.push(`ejected ${slot} at ${base}`),
      reported: (slot, event, status) => control.log.push(`ost ${slot} ${event} ${status}`),
    },
    ...options,
  });
  const [first, second] = [0, 1].map((i) =>
    board.attachProcessor(recordingPort(board.clock, control.log, `cpu${i}`)),
  );
  return { board, memory, control, sent, first, second, ports: board.ports };
}

describe("Board, wiring", () => {
  it("brings the timer to the boot processor through the 8259 pair and LINT0", () => {
    const { board, ports, first, second } = rig();
    ports.write(0x21, 1, 0xfa);
    ports.write(0x43, 1, 0x34);
    ports.write(0x40, 1, 0);
    ports.write(0x40, 1, 0x10);
    // 4096 pulses are 3.4 ms; the request stands until OUT falls at the end of the next cycle.
    board.clock.advanceTo(5e6);
    expect([first?.interruptPending, second?.interruptPending]).toEqual([true, false]);
    expect(first?.acknowledge()).toBe(0x08);
  });

  it("brings the timer to pin 2 of the I/O APIC and the serial port to pin 4", () => {
    const { board, memory, ports, second } = rig();
    second?.writeWindow(0xf0, 4, 0x1ff);
    const route = (pin: number, vector: number) => {
      memory.write32(0xfec00000, 0x11 + 2 * pin);
      memory.write32(0xfec00010, 1 << 24);
      memory.write32(0xfec00000, 0x10 + 2 * pin);
      memory.write32(0xfec00010, vector);
    };
    route(2, 0x42);
    route(4, 0x44);
    ports.write(0x43, 1, 0x30);
    ports.write(0x40, 2, 0x0101);
    ports.write(0x40, 1, 1);
    board.clock.advanceTo(1e6);
    expect(second?.acknowledge()).toBe(0x42);
    second?.writeWindow(0xb0, 4, 0);
    ports.write(0x3fc, 1, 0x08);
    ports.write(0x3f9, 1, 0x02);
    expect(second?.acknowledge()).toBe(0x44);
  });

  it("keeps a shared line asserted while any of its wires is", () => {
    const { board, ports } = rig();
    const [a, b] = [board.line("a", 20), board.line("b", 20)];
    a(true);
    b(true);
    a(false);
    expect(board.ioApic.state.lines).toBe(1 << 20);
    b(false);
    expect(board.ioApic.state.lines).toBe(0);
    ports.write(0x2014, 1, 1);
    expect(board.ioApic.state.lines).toBe(1 << 20);
  });

  it("shows each CPU its own local APIC at one address", () => {
    const { board, memory } = rig();
    board.apicWindows.current = 1;
    expect(memory.read32(0xfee00020)).toBe(0x01000000);
  });

  it("refuses more processors than it has room for", () => {
    const { board } = rig();
    expect(() => board.attachProcessor(recordingPort(board.clock, [], "x"))).toThrow(
      "processors: expected at most 2",
    );
  });
});

describe("Board, ports", () => {
  it("answers at the ports of a PC", () => {
    const { ports, sent, control, board } = rig();
    for (const byte of [0x68, 0x69]) ports.write(0x3f8, 1, byte);
    expect(sent).toEqual([0x68, 0x69]);
    expect([ports.read(0xe9, 1), ports.read(0x61, 1) & 0x0f, ports.read(0x1f0, 2)]).toEqual([
      0xe9, 0, 0xffff,
    ]);
    ports.write(0x510, 2, 5);
    expect([ports.read(0x511, 1), ports.read(0x511, 1)]).toEqual([2, 0]);
    ports.write(0xf4, 4, 0x10);
    ports.write(0xcf9, 1, 6);
    ports.write(0x64, 1, 0xfe);
    ports.write(0x604, 2, 0x3400);
    expect(control.log).toEqual([
      "exit 33",
      "reset: port 0xcf9",
      "reset: keyboard controller",
      "power off",
    ]);
    expect(board.memory.read64(board.rsdp)).toBe(0x2052545020445352n);
  });
});

describe("Board, memory", () => {
  it("lays RAM around the hole, and tells CMOS and fw_cfg", () => {
    const { memory, ports } = rig({ ramBytes: 4096 * MIB });
    expect(memory.regions).toEqual([
      { base: 0, end: 0xc0000000, kind: "ram" },
      { base: 0x100000000, end: 0x140000000, kind: "ram" },
    ]);
    ports.write(0x70, 1, 0x5c);
    expect(ports.read(0x71, 1)).toBe(0x40);
  });

  it("plugs and ejects a DIMM with its memory", () => {
    const { board, memory, ports, control } = rig();
    const base = 2 ** 39;
    expect(board.plugDimm(base, 256 * MIB)).toBe(0);
    memory.write32(base, 7);
    expect([ports.read(0x620, 1), memory.read32(base)]).toEqual([8, 7]);
    board.hotplug.requestRemoval(0);
    ports.write(0xa14, 1, 8);
    expect([control.log, memory.isPresent(base)]).toEqual([[`ejected 0 at ${base}`], false]);
  });
});

describe("Board, reset and state", () => {
  it("comes back as firmware leaves it", () => {
    const { board, ports, first } = rig();
    ports.write(0x21, 1, 0);
    ports.write(0x3fb, 1, 0x83);
    first?.writeBase(0xfee00100n);
    board.reset();
    expect([ports.read(0x21, 1), ports.read(0x3fb, 1), first?.mode]).toEqual([0xfb, 0, "xAPIC"]);
    expect([ports.read(0x4d1, 1), first?.readWindow(0x350, 4)]).toEqual([0x02, 0x8700]);
  });

  it("has a state that can be cloned for every device", () => {
    const { board } = rig();
    const names = Object.keys(board.devices);
    expect(names).toContain("apic1");
    for (const device of Object.values(board.devices)) {
      expect(structuredClone(device.state)).toEqual(device.state);
    }
  });
});
