import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Clock } from "../../../src/machine/clock.ts";
import { AcpiPm, GPE0_BYTES } from "../../../src/machine/devices/acpi-pm.ts";
import {
  HOTPLUG_GPE,
  HOTPLUG_PORTS,
  MemoryHotplug,
} from "../../../src/machine/devices/memory-hotplug.ts";
import { type AccessBytes, PortBus } from "../../../src/machine/port-bus.ts";
import { recordingControl } from "./recording-control.ts";

const MIB = 1024 * 1024;
const GIB_512 = 512 * 1024 * MIB;

function rig(slots = 4) {
  const log: string[] = [];
  const hotplug: MemoryHotplug = new MemoryHotplug(slots, {
    raise: () => log.push("gpe"),
    ejected: (slot, base, bytes) => log.push(`ejected ${slot} ${base} ${bytes}`),
    reported: (slot, event, status) => log.push(`ost ${slot} ${event} ${status}`),
  });
  return { hotplug, log };
}

describe("Memory hotplug registers", () => {
  it("show a slot's range, node and flags, and nothing in an empty or absent one", () => {
    const { hotplug } = rig(2);
    const base = 0x12_3456_0000_0000;
    expect(hotplug.plug(base, 0x1_8000_0000, 1)).toBe(0);
    const words = [0, 4, 8, 12, 16, 20].map((offset) => hotplug.read(offset, 4));
    expect(words).toEqual([0, 0x123456, 0x80000000, 1, 1, 3]);
    for (const slot of [1, 2, 0xffffffff]) {
      hotplug.write(0, 4, slot);
      expect([0, 4, 8, 12, 16, 20].map((offset) => hotplug.read(offset, 4))).toEqual([
        0, 0, 0, 0, 0, 0,
      ]);
    }
  });

  it("refuse more DIMMs than slots, and removal from an empty one", () => {
    const { hotplug } = rig(1);
    expect(() => hotplug.requestRemoval(0)).toThrow("slot: expected one with a DIMM, got 0");
    hotplug.plug(GIB_512, 128 * MIB);
    expect(() => hotplug.plug(2 * GIB_512, 128 * MIB)).toThrow("dimm: expected at most 1");
  });

  it("announce nothing for a DIMM there from the start; reset keeps it", () => {
    const { hotplug, log } = rig();
    hotplug.plug(GIB_512, 128 * MIB, 0, false);
    expect([hotplug.read(20, 1), log]).toEqual([1, []]);
    hotplug.requestRemoval(0);
    hotplug.reset();
    expect([hotplug.read(20, 1), log]).toEqual([1, ["gpe"]]);
  });
});

describe("Memory hotplug, a recorded guest", () => {
  // What Linux 6.1 did to the registers around one insertion and one removal.
  const trace = readFileSync(new URL("./memory-hotplug-port-trace.txt", import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const [, direction, port, value, bytes] =
        /^(\w+) \S+ (0x\w+) val=(0x\w+) sz=(\d)$/.exec(line) ?? [];
      return { direction, port: Number(port), value: Number(value), bytes: Number(bytes), line };
    });

  /** Offsets into the trace at which the host acted: the guest's next access saw the GPE. */
  const firstAccessTo = (from: number, port: number) =>
    trace.findIndex(
      (access, i) => i >= from && access.port === port && access.direction === "read",
    );

  it("reads the same values in every access, and ends with the DIMM ejected", () => {
    const clock = new Clock();
    const ports = new PortBus();
    const log: string[] = [];
    const pm = new AcpiPm(clock, () => {}, recordingControl());
    const hotplug: MemoryHotplug = new MemoryHotplug(4, {
      raise: () => pm.raiseGpe(HOTPLUG_GPE),
      ejected: (slot, base, bytes) => log.push(`ejected ${slot} ${base} ${bytes}`),
      reported: (slot, event, status) => log.push(`ost ${slot} ${event} ${status}`),
    });
    ports.claim("events", 0x600, 4, pm.events);
    ports.claim("control", 0x604, 2, pm.control);
    ports.claim("gpe", 0x620, GPE0_BYTES, pm.generalEvents);
    ports.claim("smi", 0xb2, 2, pm.smi);
    ports.claim("hotplug", 0xa00, HOTPLUG_PORTS, hotplug);
    const insertion = firstAccessTo(0, 0x600);
    const removal = firstAccessTo(insertion + 1, 0x600);
    let checked = 0;
    for (const [i, { direction, port, value, bytes, line }] of trace.entries()) {
      if (i === insertion) {
        // The timer's status was set by then: more than its half period had passed.
        clock.advanceTo(3e9);
        hotplug.plug(GIB_512, 256 * MIB);
      } else if (i === removal) hotplug.requestRemoval(0);
      // The chipset's SMI enable register belongs to firmware that is not here.
      if (port === 0x630) continue;
      if (direction === "write") ports.write(port, bytes as AccessBytes, value);
      else {
        expect(ports.read(port, bytes as AccessBytes), `access ${i}: ${line}`).toBe(value);
        checked += 1;
      }
    }
    expect(checked).toBe(trace.filter(({ direction }) => direction === "read").length - 1);
    expect(log).toEqual([
      "ost 0 1 0",
      "ost 0 3 132",
      `ejected 0 ${GIB_512} ${256 * MIB}`,
      "ost 0 3 0",
    ]);
  });
});
