import { describe, expect, it } from "vitest";
import { Clock, NEVER } from "../../../src/machine/clock.ts";
import { AcpiPm } from "../../../src/machine/devices/acpi-pm.ts";
import { recordingControl } from "./recording-control.ts";

/** 2^23 ticks of 3.579545 MHz, in ns, rounded up. */
const HALF_NS = 2343484438;

function rig() {
  const clock = new Clock();
  const control = recordingControl();
  const sci: boolean[] = [];
  let level = false;
  const pm = new AcpiPm(
    clock,
    (asserted) => {
      if (asserted !== level) sci.push(asserted);
      level = asserted;
    },
    control,
  );
  return { clock, control, sci, pm };
}

describe("ACPI PM timer", () => {
  it("counts 24 bits at 3.579545 MHz, in any width", () => {
    const { clock, pm } = rig();
    clock.advanceTo(1e9);
    expect(pm.timer.read(0, 4)).toBe(3579545);
    expect([pm.timer.read(0, 1), pm.timer.read(1, 1), pm.timer.read(2, 1)]).toEqual([
      0x99, 0x9e, 0x36,
    ]);
    clock.advanceTo(5e9);
    expect(pm.timer.read(0, 4)).toBe(5 * 3579545 - 2 ** 24);
  });

  it("sets its status when the highest bit changes; a 1 clears it", () => {
    const { clock, pm } = rig();
    clock.advanceTo(HALF_NS - 1);
    expect(pm.events.read(0, 2)).toBe(0);
    clock.advanceTo(HALF_NS);
    expect([pm.events.read(0, 2), clock.nextAt]).toEqual([1, NEVER]);
    pm.events.write(0, 2, 1);
    expect(pm.events.read(0, 2)).toBe(0);
  });

  it("raises the SCI when enabled, without being looked at", () => {
    const { clock, pm, sci } = rig();
    pm.smi.write(0, 1, 2);
    pm.events.write(2, 2, 1);
    clock.advanceTo(HALF_NS);
    expect(sci).toEqual([true]);
    pm.events.write(0, 2, 1);
    expect(sci).toEqual([true, false]);
  });
});

describe("ACPI PM1a", () => {
  it("is switched on and off by the SMI command only", () => {
    const { pm } = rig();
    pm.control.write(0, 2, 1);
    expect(pm.control.read(0, 2)).toBe(0);
    pm.smi.write(0, 1, 2);
    expect([pm.control.read(0, 2), pm.smi.read(0, 1)]).toEqual([1, 2]);
    pm.smi.write(0, 1, 3);
    expect(pm.control.read(0, 2)).toBe(0);
  });

  it("powers off by the type of S5, and not by another", () => {
    const { pm, control } = rig();
    pm.control.write(0, 2, 0x2000 | (1 << 10));
    expect(control.log).toEqual([]);
    pm.control.write(0, 2, 0x2000 | (5 << 10));
    expect(control.log).toEqual(["power off"]);
  });

  it("shows the power button, with SCI while ACPI is on", () => {
    const { pm, sci } = rig();
    pm.events.write(2, 2, 0x100);
    pm.pressPowerButton();
    expect([pm.events.read(0, 2), sci]).toEqual([0x100, []]);
    pm.smi.write(0, 1, 2);
    expect(sci).toEqual([true]);
    pm.events.write(1, 1, 0x01);
    expect([pm.events.read(0, 2), sci]).toEqual([0, [true, false]]);
  });
});

describe("ACPI general-purpose events", () => {
  it("raise the SCI where enabled; a 1 clears the status", () => {
    const { pm, sci } = rig();
    pm.smi.write(0, 1, 2);
    pm.raiseGpe(11);
    expect([pm.generalEvents.read(1, 1), sci]).toEqual([0x08, []]);
    pm.generalEvents.write(9, 1, 0x08);
    expect(sci).toEqual([true]);
    pm.generalEvents.write(1, 1, 0x08);
    expect([pm.generalEvents.read(1, 1), sci]).toEqual([0, [true, false]]);
    pm.reset();
    expect(pm.generalEvents.read(9, 1)).toBe(0);
  });
});
