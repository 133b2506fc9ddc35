import { describe, expect, it } from "vitest";
import { Clock } from "../../../src/machine/clock.ts";
import { PIT_HZ, Pit } from "../../../src/machine/devices/pit.ts";
import { PitCounter } from "../../../src/machine/devices/pit-counter.ts";

/** A counter programmed with `control` (access LSB, MSB) at pulse 0 and a count at `writeAt`. */
function counter(mode: number, count: number, { gate = true, bcd = 0, writeAt = 0 } = {}) {
  const c = new PitCounter();
  c.setGate(0, gate);
  c.control(0x30 | (mode << 1) | bcd);
  write(c, writeAt, count);
  return c;
}

function write(c: PitCounter, now: number, count: number) {
  c.write(now, count & 0xff);
  c.write(now, count >> 8);
}

function read(c: PitCounter, now: number) {
  return c.read(now) | (c.read(now) << 8);
}

/** OUT at pulses `from`..`to` as a string of 0 and 1. */
function wave(c: PitCounter, from: number, to: number) {
  let text = "";
  for (let now = from; now <= to; now++) text += c.out(now) ? "1" : "0";
  return text;
}

describe("8254, mode 0 (interrupt on terminal count)", () => {
  it("goes high N + 1 pulses after the count is written and stays there", () => {
    expect(wave(counter(0, 4), 0, 8)).toBe("000001111");
  });

  it("counts down from the pulse that loads, and on through 0xffff", () => {
    const c = counter(0, 4);
    expect([1, 2, 5, 6].map((now) => read(c, now))).toEqual([4, 3, 0, 0xffff]);
  });

  it("pauses while the gate is low", () => {
    const c = counter(0, 4);
    c.setGate(3, false);
    expect(read(c, 100)).toBe(2);
    c.setGate(100, true);
    expect(wave(c, 100, 103)).toBe("0011");
  });

  it("starts over with a new count, stopping at its first byte", () => {
    const c = counter(0, 4);
    c.write(5, 3);
    expect(wave(c, 5, 9)).toBe("00000");
    c.write(9, 0);
    expect(wave(c, 9, 13)).toBe("00001");
  });
});

describe("8254, mode 1 (one-shot)", () => {
  it("goes low for N pulses after each gate edge, and is retriggerable", () => {
    const c = counter(1, 3, { gate: false });
    expect(wave(c, 0, 4)).toBe("11111");
    c.setGate(5, true);
    expect(wave(c, 5, 9)).toBe("10001");
    c.setGate(9, false);
    c.setGate(10, true);
    c.setGate(12, false);
    c.setGate(12, true);
    expect(wave(c, 11, 16)).toBe("000001");
  });

  it("takes a new count at the next trigger only", () => {
    const c = counter(1, 3, { gate: false });
    c.setGate(0, true);
    write(c, 2, 5);
    expect(wave(c, 1, 5)).toBe("00011");
    c.setGate(6, false);
    c.setGate(7, true);
    expect(wave(c, 8, 13)).toBe("000001");
  });
});

describe("8254, mode 2 (rate generator)", () => {
  it("is low in the last pulse of each N", () => {
    expect(wave(counter(2, 3), 0, 9)).toBe("1110110110");
  });

  it("takes a new count at the end of the cycle", () => {
    const c = counter(2, 4);
    write(c, 2, 2);
    expect(wave(c, 1, 8)).toBe("11101010");
  });

  it("is high and does not count while the gate is low; a rising gate starts a cycle", () => {
    const c = counter(2, 3);
    c.setGate(3, false);
    expect(wave(c, 3, 6)).toBe("1111");
    c.setGate(6, true);
    expect(wave(c, 7, 12)).toBe("110110");
  });

  it("counts N..1", () => {
    const c = counter(2, 3);
    expect([1, 2, 3, 4].map((now) => read(c, now))).toEqual([3, 2, 1, 3]);
  });
});

describe("8254, mode 3 (square wave)", () => {
  it("halves an even count, and gives the high half one more of an odd one", () => {
    expect(wave(counter(3, 4), 1, 8)).toBe("11001100");
    expect(wave(counter(3, 5), 1, 10)).toBe("1110011100");
  });

  it("counts down by two", () => {
    const even = counter(3, 4);
    expect([1, 2, 3, 4, 5].map((now) => read(even, now))).toEqual([4, 2, 4, 2, 4]);
    const odd = counter(3, 5);
    expect([1, 2, 3, 4, 5, 6].map((now) => read(odd, now))).toEqual([4, 2, 0, 4, 2, 4]);
  });

  it("takes a new count at the end of the half", () => {
    const c = counter(3, 8);
    write(c, 2, 4);
    expect(wave(c, 1, 10)).toBe("1111001100");
  });

  it("is mode 7 too, and mode 6 is mode 2", () => {
    expect([counter(7, 4).state.mode, counter(6, 4).state.mode]).toEqual([3, 2]);
  });
});

describe("8254, modes 4 and 5 (strobes)", () => {
  it("strobes low for one pulse N + 1 after the write", () => {
    expect(wave(counter(4, 3), 0, 7)).toBe("11110111");
  });

  it("strobes after each gate edge in mode 5", () => {
    const c = counter(5, 2, { gate: false });
    expect(wave(c, 0, 3)).toBe("1111");
    c.setGate(4, true);
    expect(wave(c, 4, 9)).toBe("111011");
  });
});

describe("8254, reading", () => {
  it("latches the count until it is read", () => {
    const c = counter(2, 0x1234);
    c.latchCount(1);
    c.latchCount(50);
    expect(read(c, 99)).toBe(0x1234);
    expect(read(c, 2)).toBe(0x1233);
  });

  it("latches status: OUT, null count, access, mode, BCD; it is read before the count", () => {
    const c = counter(3, 0x10, { bcd: 1 });
    c.latchStatus(0);
    expect(c.read(0)).toBe(0x80 | 0x40 | 0x30 | 6 | 1);
    // Pulse 9 is the eighth after the load: the fourth of the low half of 10.
    c.latchStatus(9);
    c.latchCount(9);
    expect([c.read(9), c.read(9), c.read(9)]).toEqual([0x30 | 6 | 1, 0x04, 0x00]);
  });

  it("counts in BCD, 0 being 10000", () => {
    const c = counter(0, 0, { bcd: 1 });
    expect([1, 2, 10].map((now) => read(c, now))).toEqual([0, 0x9999, 0x9991]);
  });

  it("takes 0 for 65536", () => {
    const c = counter(2, 0);
    expect([read(c, 1), read(c, 2), c.out(65536), c.out(65537)]).toEqual([0, 0xffff, false, true]);
  });
});

describe("PIT of the board", () => {
  it("drives its wire at the right nanoseconds without being read", () => {
    const clock = new Clock();
    const edges: [number, boolean][] = [];
    const pit = new Pit(clock, (out) => edges.push([clock.now, out]));
    pit.write(3, 1, 0x34);
    pit.write(0, 1, 3);
    pit.write(0, 1, 0);
    clock.advanceTo(6000);
    // One pulse is 838.095 ns; the count loads with pulse 1 and OUT is low in pulses 3, 6.
    expect(edges).toEqual([
      [0, true],
      [2515, false],
      [3353, true],
      [5029, false],
      [5867, true],
    ]);
  });

  it("ticks as often as its rate says", () => {
    const clock = new Clock();
    let rises = 0;
    const pit = new Pit(clock, (out) => {
      rises += out ? 1 : 0;
    });
    pit.write(3, 1, 0x34);
    pit.write(0, 1, 11932 & 0xff);
    pit.write(0, 1, 11932 >> 8);
    clock.advanceTo(1e9);
    expect(rises).toBe(1 + Math.floor((PIT_HZ - 1) / 11932));
  });

  it("gates counter 2 and shows its output at port 0x61", () => {
    const clock = new Clock();
    const pit = new Pit(clock);
    const port = pit.systemControl;
    port.write(0, 1, 0x01);
    pit.write(3, 1, 0xb0);
    pit.write(2, 1, 100);
    pit.write(2, 1, 0);
    expect(port.read(0, 1) & 0x2f).toBe(0x01);
    clock.advanceTo(101 * 839);
    expect(port.read(0, 1) & 0x2f).toBe(0x21);
  });

  it("toggles the refresh bit", () => {
    const clock = new Clock();
    const pit = new Pit(clock);
    const bits = [0, 15085, 30170].map((ns) => {
      clock.advanceTo(ns);
      return pit.systemControl.read(0, 1) & 0x10;
    });
    expect(bits).toEqual([0, 0x10, 0]);
  });

  it("reads back several counters at once, and the control port as all ones", () => {
    const pit = new Pit(new Clock());
    pit.write(3, 1, 0xee);
    expect([pit.read(0), pit.read(1), pit.read(2), pit.read(3)]).toEqual([0x70, 0x70, 0x70, 0xff]);
  });
});
