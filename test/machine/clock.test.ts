import { describe, expect, it } from "vitest";
import { Clock, NEVER } from "../../src/machine/clock.ts";
import { Frequency } from "../../src/machine/frequency.ts";

describe("Clock", () => {
  function withLog() {
    const clock = new Clock();
    const fired: [string, number][] = [];
    const timer = (name: string) => clock.timer(name, () => fired.push([name, clock.now]));
    return { clock, fired, timer };
  }

  it("fires in order of time, and equal times in the order of arming", () => {
    const { clock, fired, timer } = withLog();
    const [a, b, c] = [timer("a"), timer("b"), timer("c")];
    a.arm(30);
    b.arm(10);
    c.arm(30);
    a.arm(30);
    expect(clock.nextAt).toBe(10);
    clock.advanceTo(40);
    expect(fired).toEqual([
      ["b", 10],
      ["c", 30],
      ["a", 30],
    ]);
    expect([clock.now, clock.nextAt]).toEqual([40, NEVER]);
  });

  it("does not fire what was cancelled, and knows the next deadline then", () => {
    const { clock, fired, timer } = withLog();
    const [a, b] = [timer("a"), timer("b")];
    a.arm(5);
    b.arm(9);
    a.cancel();
    expect([a.deadline, clock.nextAt]).toEqual([NEVER, 9]);
    clock.advanceTo(8);
    expect(fired).toEqual([]);
  });

  it("lets a timer arm itself again while time advances", () => {
    const clock = new Clock();
    const times: number[] = [];
    const timer = clock.timer("tick", () => {
      times.push(clock.now);
      timer.arm(clock.now + 100);
    });
    timer.arm(100);
    clock.advanceTo(350);
    expect(times).toEqual([100, 200, 300]);
    expect(clock.nextAt).toBe(400);
  });

  it("follows the running processor, never back, and tells when a deadline comes nearer", () => {
    const clock = new Clock();
    const nearer: number[] = [];
    let reached = 0;
    clock.source = () => reached;
    clock.onNearer = () => nearer.push(clock.nextAt);
    reached = 70;
    expect(clock.now).toBe(70);
    const timer = clock.timer("t", () => {});
    timer.arm(clock.now + 5);
    timer.arm(clock.now + 50);
    timer.arm(clock.now + 6);
    expect(nearer).toEqual([75, 76]);
    clock.advanceTo(100);
    expect(clock.now).toBe(100);
  });

  it("saves and restores deadlines and their order", () => {
    const first = withLog();
    const [a, b] = [first.timer("a"), first.timer("b")];
    b.arm(20);
    a.arm(20);
    first.clock.advanceTo(3);
    const second = withLog();
    second.timer("a");
    second.timer("b");
    second.clock.restore(first.clock.save());
    expect(second.clock.now).toBe(3);
    second.clock.advanceTo(20);
    expect(second.fired).toEqual([
      ["b", 20],
      ["a", 20],
    ]);
  });

  it("refuses two timers of one name, a bad time and a foreign state", () => {
    const { clock, timer } = withLog();
    const a = timer("a");
    expect(() => timer("a")).toThrow('timer: expected a name that no other timer has, got "a"');
    expect(() => a.arm(Number.NaN)).toThrow("timer a: expected a time of at least 0 ns");
    expect(() => clock.restore({ now: 0, armed: [["x", 1]] })).toThrow("timers of this board");
  });
});

describe("Frequency", () => {
  it("counts whole ticks and finds the first nanosecond of each", () => {
    const pit = new Frequency(1193182);
    expect(pit.ticksAt(838)).toBe(0);
    expect(pit.ticksAt(839)).toBe(1);
    expect(pit.nsAt(1)).toBe(839);
    expect(pit.ticksAt(1e9)).toBe(1193182);
    expect(pit.nsAt(1193182)).toBe(1e9);
  });

  it("stays exact for weeks", () => {
    const timer = new Frequency(3579545);
    const ticks = 3579545 * 86400 * 30 + 7;
    const ns = timer.nsAt(ticks);
    expect(timer.ticksAt(ns)).toBe(ticks);
    expect(timer.ticksAt(ns - 1)).toBe(ticks - 1);
  });

  it("takes a high frequency that divides well, and refuses one that does not", () => {
    expect(new Frequency(10e6).ticksAt(250)).toBe(2);
    expect(() => new Frequency(12345679)).toThrow("converts exactly");
  });
});
