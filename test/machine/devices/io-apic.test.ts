import { describe, expect, it } from "vitest";
import { ApicWindows } from "../../../src/machine/devices/apic-window.ts";
import { IoApic } from "../../../src/machine/devices/io-apic.ts";
import type { LocalApic } from "../../../src/machine/devices/local-apic.ts";
import { PhysicalMemory } from "../../../src/memory/physical-memory.ts";
import { apicRig, drain } from "./apic-rig.ts";

const MIB = 1024 * 1024;

function rig(cpus = 1) {
  const made = apicRig(cpus);
  const io = new IoApic(made.bus);
  const get = (index: number) => {
    io.write(0x00, 4, index);
    return io.read(0x10) >>> 0;
  };
  const set = (index: number, value: number) => {
    io.write(0x00, 4, index);
    io.write(0x10, 4, value);
  };
  return { ...made, io, get, set, apic: made.apics[0] as LocalApic };
}

describe("I/O APIC, registers", () => {
  it("has 24 masked pins after reset, version 0x20", () => {
    const { io, get, set } = rig();
    set(0x10, 0);
    io.reset();
    expect([get(0), get(1), get(0x10), get(0x3e), get(0x3f), get(0x40)]).toEqual([
      0, 0x00170020, 0x10000, 0x10000, 0, 0,
    ]);
  });

  it("keeps writable bits only, and its identifier", () => {
    const { get, set } = rig();
    set(0, 0xffffffff);
    set(0x12, 0xffffffff);
    set(0x13, 0xffffffff);
    expect([get(0), get(2), get(0x12), get(0x13)]).toEqual([
      0x0f000000, 0x0f000000, 0x1afff, 0xff000000,
    ]);
  });
});

describe("I/O APIC, edge", () => {
  it("sends once for each rising edge", () => {
    const { io, set, apic } = rig();
    set(0x12, 0x40);
    io.setLine(1, true);
    expect(drain([apic])).toEqual([0x40]);
    io.setLine(1, true);
    expect(drain([apic])).toEqual([-1]);
    io.setLine(1, false);
    io.setLine(1, true);
    expect(drain([apic])).toEqual([0x40]);
  });

  it("ignores an edge on a masked pin", () => {
    const { io, set, apic } = rig();
    set(0x12, 0x10040);
    io.setLine(1, true);
    set(0x12, 0x40);
    expect(apic.interruptPending).toBe(false);
  });

  it("addresses physically, logically, and the least busy CPU", () => {
    const { io, set, apics } = rig(3);
    for (const [i, apic] of apics.entries()) apic.writeWindow(0xd0, 4, (1 << i) << 24);
    const pulse = (lo: number, hi: number) => {
      set(0x13, hi << 24);
      set(0x12, lo);
      io.setLine(1, true);
      io.setLine(1, false);
      return drain(apics);
    };
    expect(pulse(0x40, 2)).toEqual([-1, -1, 0x40]);
    expect(pulse(0x841, 0b011)).toEqual([0x41, 0x41, -1]);
    const [first] = apics as [LocalApic];
    first.taskPriority = 0x30;
    expect(pulse(0x942, 0b011)).toEqual([-1, 0x42, -1]);
  });

  it("sends an NMI", () => {
    const { io, set, log } = rig();
    set(0x12, 0x400);
    io.setLine(1, true);
    expect(log).toEqual(["cpu0 nmi"]);
  });
});

describe("I/O APIC, level", () => {
  it("sets remote IRR, and sends again after EOI while the line is asserted", () => {
    const { io, get, set, apic } = rig();
    set(0x12, 0x8040);
    io.setLine(1, true);
    expect([get(0x12), apic.readWindow(0x1a0, 4)]).toEqual([0xc040, 1]);
    expect(apic.acknowledge()).toBe(0x40);
    apic.writeWindow(0xb0, 4, 0);
    expect([get(0x12), apic.acknowledge()]).toEqual([0xc040, 0x40]);
    io.setLine(1, false);
    apic.writeWindow(0xb0, 4, 0);
    expect([get(0x12), apic.interruptPending]).toEqual([0x8040, false]);
  });

  it("requests when the mask opens while the line is asserted", () => {
    const { io, set, apic } = rig();
    set(0x12, 0x18040);
    io.setLine(1, true);
    expect(apic.interruptPending).toBe(false);
    set(0x12, 0x8040);
    expect(drain([apic])).toEqual([0x40]);
  });

  it("ends by its EOI register and by a change to edge mode", () => {
    const { io, get, set } = rig();
    set(0x12, 0x8040);
    io.setLine(1, true);
    io.setLine(1, false);
    io.write(0x40, 4, 0x41);
    expect(get(0x12)).toBe(0xc040);
    io.write(0x40, 4, 0x40);
    expect(get(0x12)).toBe(0x8040);
    io.setLine(1, true);
    io.setLine(1, false);
    set(0x12, 0x10040);
    set(0x12, 0x18040);
    expect(get(0x12)).toBe(0x18040);
  });
});

describe("Message-signalled interrupts", () => {
  it("carry destination, mode and vector in address and data", () => {
    const { bus, apics } = rig(3);
    for (const [i, apic] of apics.entries()) apic.writeWindow(0xd0, 4, (1 << i) << 24);
    bus.sendMsi(0xfee02000, 0x0050);
    expect(drain(apics)).toEqual([-1, -1, 0x50]);
    bus.sendMsi(0xfee0300c, 0x0051);
    expect(drain(apics)).toEqual([0x51, -1, -1]);
    bus.sendMsi(0xfee0300c, 0x0051);
    expect(drain(apics)).toEqual([-1, 0x51, -1]);
  });
});

describe("Local APIC windows", () => {
  it("show each CPU its own registers, and follow the base", () => {
    const { apics } = apicRig(2);
    const memory = new PhysicalMemory({ linearBytes: 256 * MIB, addressBits: 40 });
    memory.mapRam(0, MIB);
    const windows = new ApicWindows(memory);
    for (const apic of apics) windows.attach(apic);
    expect(memory.read32(0xfee00020)).toBe(0);
    windows.current = 1;
    expect(memory.read32(0xfee00020)).toBe(0x01000000);
    apics[1]?.writeBase(0x10800n);
    expect([memory.read32(0xfee00020), memory.read32(0x10020)]).toEqual([0xffffffff, 0x01000000]);
    windows.current = 0;
    expect(memory.read32(0xfee00020)).toBe(0);
    apics[0]?.writeBase(0xfee00100n);
    apics[1]?.writeBase(0xfee00000n);
    expect([memory.read32(0xfee00020), memory.read32(0x10020)]).toEqual([0xffffffff, 0]);
    // Another device's page, and one beyond this memory's 40 address bits: no APIC answers there.
    memory.mapMmio(0xfec00000, 4096, { read: () => 7, write() {} });
    apics[1]?.writeBase(0xfec00800n);
    expect(memory.read32(0xfec00020)).toBe(7);
    apics[1]?.writeBase(0x10000000800n);
    apics[1]?.writeBase(0x10800n);
    windows.current = 1;
    expect(memory.read32(0x10020)).toBe(0x01000000);
  });
});
