import { describe, expect, it } from "vitest";
import { Clock, NEVER } from "../../../src/machine/clock.ts";
import { storeMemorySize } from "../../../src/machine/devices/cmos-memory-size.ts";
import { Rtc } from "../../../src/machine/devices/rtc.ts";

const SECOND = 1e9;
/** 2024-02-28 23:59:58 UTC, a Wednesday before a leap day. */
const START = Date.UTC(2024, 1, 28, 23, 59, 58) / 1000;
const DATE = [0, 2, 4, 6, 7, 8, 9, 0x32];

function rig(startSeconds = START) {
  const clock = new Clock();
  const line: [number, boolean][] = [];
  let level = false;
  const rtc = new Rtc(clock, {
    startSeconds,
    interrupt: (asserted) => {
      if (asserted !== level) line.push([clock.now, asserted]);
      level = asserted;
    },
  });
  const get = (index: number) => {
    rtc.write(0, 1, index);
    return rtc.read(1);
  };
  const set = (index: number, value: number) => {
    rtc.write(0, 1, index);
    rtc.write(1, 1, value);
  };
  const date = () => DATE.map(get);
  return { clock, rtc, line, get, set, date };
}

describe("Real-time clock, date", () => {
  it("counts in BCD over the end of a day, in a leap year", () => {
    const { clock, date } = rig();
    expect(date()).toEqual([0x58, 0x59, 0x23, 4, 0x28, 0x02, 0x24, 0x20]);
    clock.advanceTo(2 * SECOND);
    expect(date()).toEqual([0x00, 0x00, 0x00, 5, 0x29, 0x02, 0x24, 0x20]);
  });

  it("shows binary and 12 hours as register B says", () => {
    const { set, date, get } = rig();
    set(11, 0x06);
    expect(date()).toEqual([58, 59, 23, 4, 28, 2, 24, 0x20]);
    set(11, 0x00);
    expect(get(4)).toBe(0x91);
    expect(rig(START + 2).get(4)).toBe(0x00);
    const midnight = rig(START + 2);
    midnight.set(11, 0x00);
    expect(midnight.get(4)).toBe(0x12);
  });

  it("shows an update in progress 244 microseconds before it", () => {
    const { clock, get } = rig();
    const at = (ns: number) => {
      clock.advanceTo(ns);
      return get(10);
    };
    expect([SECOND - 244001, SECOND - 244000, SECOND - 1, SECOND].map(at)).toEqual([
      0x26, 0xa6, 0xa6, 0x26,
    ]);
  });

  it("holds while SET, keeps what is written, and goes on from it", () => {
    const { clock, set, date, get } = rig();
    set(11, 0x82);
    clock.advanceTo(3.5 * SECOND);
    expect(get(0)).toBe(0x58);
    for (const [index, value] of [
      [0, 0x30],
      [2, 0x45],
      [4, 0x12],
      [7, 0x31],
      [8, 0x12],
      [9, 0x99],
      [0x32, 0x19],
    ] as const)
      set(index, value);
    set(11, 0x02);
    clock.advanceTo(4.5 * SECOND);
    expect(date()).toEqual([0x31, 0x45, 0x12, 6, 0x31, 0x12, 0x99, 0x19]);
  });

  it("takes a write without SET at once, keeping the phase of the second", () => {
    const { clock, set, get } = rig();
    clock.advanceTo(0.75 * SECOND);
    set(0, 0x10);
    expect(get(0)).toBe(0x10);
    clock.advanceTo(SECOND);
    expect(get(0)).toBe(0x11);
  });

  it("reads valid RAM and keeps other bytes; port 0x70 is write-only", () => {
    const { rtc, set, get } = rig();
    set(0x0f, 0x0a);
    set(0x8e, 0x33);
    expect([get(13), get(0x0f), get(0x0e), rtc.read(0)]).toEqual([0x80, 0x0a, 0x33, 0xff]);
  });
});

describe("Real-time clock, interrupts", () => {
  it("interrupts after each update until register C is read", () => {
    const { clock, line, set, get } = rig();
    set(10, 0x20);
    set(11, 0x12);
    clock.advanceTo(2.5 * SECOND);
    expect(line).toEqual([[SECOND, true]]);
    // The alarm registers hold 00:00:00, which has just passed.
    expect([get(12), get(12)]).toEqual([0xb0, 0x00]);
    clock.advanceTo(3 * SECOND);
    expect(line).toEqual([
      [SECOND, true],
      [2.5 * SECOND, false],
      [3 * SECOND, true],
    ]);
  });

  it("interrupts periodically at the rate of register A", () => {
    const { clock, line, set, get } = rig();
    set(11, 0x42);
    // Rate 6 is 1024 Hz.
    clock.advanceTo(976562);
    expect(line).toEqual([]);
    clock.advanceTo(976563);
    expect(line).toEqual([[976563, true]]);
    expect(get(12)).toBe(0xc0);
    set(10, 0x2f);
    expect(clock.nextAt).toBe(SECOND / 2);
    set(10, 0x20);
    expect(clock.nextAt).toBe(NEVER);
  });

  it("interrupts at the alarm, with values that match anything", () => {
    const { clock, line, set, get } = rig();
    set(10, 0x20);
    for (const [index, value] of [
      [1, 0x05],
      [3, 0x00],
      [5, 0xff],
    ] as const)
      set(index, value);
    set(11, 0x22);
    expect(clock.nextAt).toBe(7 * SECOND);
    clock.advanceTo(7 * SECOND);
    expect(line).toEqual([[7 * SECOND, true]]);
    expect(get(12)).toBe(0xb0);
    expect(clock.nextAt).toBe(3607 * SECOND);
    set(5, 0x23);
    expect(clock.nextAt).toBe((7 + 82800) * SECOND);
    set(5, 0x24);
    expect(clock.nextAt).toBe(NEVER);
  });

  it("sets flags without interrupts, and arms nothing for them", () => {
    const { clock, line, get } = rig();
    clock.advanceTo(SECOND);
    expect([get(12), line, clock.nextAt]).toEqual([0x50, [], NEVER]);
  });

  it("has its interrupts off after reset", () => {
    const { rtc, set, get, line, clock } = rig();
    set(11, 0x72);
    clock.advanceTo(SECOND);
    rtc.reset();
    expect([get(11), get(12), line.at(-1)?.[1]]).toEqual([0x02, 0x00, false]);
  });
});

describe("CMOS memory sizes", () => {
  it("tells base, extended and high memory", () => {
    const { rtc, get } = rig();
    const mib = 1024 * 1024;
    const sizes = () => [0x15, 0x17, 0x30, 0x34, 0x5b].map((at) => get(at) | (get(at + 1) << 8));
    storeMemorySize(rtc, { lowBytes: 32 * mib, highBytes: 0 });
    expect(sizes()).toEqual([640, 31744, 31744, 256, 0]);
    storeMemorySize(rtc, { lowBytes: 3072 * mib, highBytes: 1024 * mib });
    expect(sizes()).toEqual([640, 0xffff, 0xffff, 48896, 16384]);
  });
});
