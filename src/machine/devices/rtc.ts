/**
 * The real-time clock and CMOS memory (Motorola MC146818; ports 0x70 and 0x71). Wall time is the
 * start time given plus virtual time. Nothing happens each second: flags are worked out when they
 * are read, and only enabled interrupts arm a timer.
 */
import type { Clock, Timer } from "../clock.ts";
import { type Device, UNCONNECTED, type Wire } from "../device.ts";
import { NS_PER_SECOND } from "../frequency.ts";
import type { PortHandler } from "../port-bus.ts";
import { DATE_REGISTERS, decodeDate, encodeDate, hourOf, numberIn } from "./rtc-date.ts";

const CMOS_BYTES = 128;
const REG = { secondAlarm: 1, minuteAlarm: 3, hourAlarm: 5, a: 10, b: 11, c: 12, d: 13 } as const;
const A = { rate: 0x0f, divider: 0x70, running: 0x20, updating: 0x80 } as const;
const B = {
  set: 0x80,
  periodic: 0x40,
  alarm: 0x20,
  update: 0x10,
  binary: 0x04,
  hours24: 0x02,
} as const;
const C = { request: 0x80, periodic: 0x40, alarm: 0x20, update: 0x10 } as const;
const VALID_RAM = 0x80;
/** UIP is set this long before the update. */
const UPDATE_WARNING_NS = 244000;
const CRYSTAL_HZ = 32768;
const DAY_SECONDS = 86400;
/** Alarm values from here up match anything. */
const DONT_CARE = 0xc0;

export interface RtcOptions {
  /** Wall time at virtual time 0, in seconds since 1970, UTC. */
  readonly startSeconds: number;
  readonly interrupt?: Wire;
}

export class Rtc implements Device, PortHandler {
  readonly state = {
    index: 0,
    cmos: new Uint8Array(CMOS_BYTES),
    /** Wall time in seconds at `epochNs`, a boundary of seconds. */
    epochSeconds: 0,
    epochNs: 0,
    /** Seconds up to which alarm and update were looked for. */
    checkedSeconds: 0,
    /** Periods of the periodic interrupt up to which it was looked for. */
    checkedPeriods: 0,
    flags: 0,
  };
  readonly #clock: Clock;
  readonly #interrupt: Wire;
  readonly #timer: Timer;

  constructor(clock: Clock, { startSeconds, interrupt = UNCONNECTED }: RtcOptions) {
    this.#clock = clock;
    this.#interrupt = interrupt;
    this.#timer = clock.timer("rtc", () => this.#settle());
    const s = this.state;
    s.epochSeconds = Math.floor(startSeconds);
    s.checkedSeconds = s.epochSeconds;
    s.cmos[REG.a] = A.running | 6;
    s.cmos[REG.b] = B.hours24;
  }

  /** The battery keeps all but the interrupt enables and flags. */
  reset(): void {
    const s = this.state;
    this.#settle();
    s.cmos[REG.b] = (s.cmos[REG.b] as number) & ~(B.periodic | B.alarm | B.update);
    s.flags = 0;
    this.#settle();
  }

  /** Sets a byte of CMOS memory from outside, as firmware does: 14..127. */
  setByte(index: number, value: number): void {
    this.state.cmos[index] = value;
  }

  /** @param offset 0 is port 0x70, 1 is port 0x71 */
  read(offset: number): number {
    if (offset === 0) return 0xff;
    const { index, cmos } = this.state;
    if (DATE_REGISTERS.includes(index)) return this.#readDate(index);
    if (index === REG.a) return (cmos[REG.a] as number) | (this.#updating ? A.updating : 0);
    if (index === REG.c) return this.#readFlags();
    return index === REG.d ? VALID_RAM : (cmos[index] as number);
  }

  write(offset: number, _bytes: number, value: number): void {
    const s = this.state;
    if (offset === 0) {
      s.index = value & (CMOS_BYTES - 1);
      return;
    }
    const { index } = s;
    if (index === REG.c || index === REG.d) return;
    this.#settle();
    if (DATE_REGISTERS.includes(index)) this.#writeDate(index, value);
    else if (index === REG.a)
      this.#control(() => {
        s.cmos[REG.a] = value & ~A.updating;
      });
    else if (index === REG.b)
      this.#control(() => {
        s.cmos[REG.b] = value;
      });
    else s.cmos[index] = value;
    this.#settle();
  }

  // --- Date -------------------------------------------------------------------------------------

  get #b(): number {
    return this.state.cmos[REG.b] as number;
  }

  /** Whether seconds pass: the divider runs and SET does not hold the update off. */
  get #running(): boolean {
    return ((this.state.cmos[REG.a] as number) & A.divider) === A.running && !(this.#b & B.set);
  }

  get #seconds(): number {
    const s = this.state;
    if (!this.#running) return s.epochSeconds;
    return s.epochSeconds + Math.floor((this.#clock.now - s.epochNs) / NS_PER_SECOND);
  }

  get #updating(): boolean {
    if (!this.#running) return false;
    const phase = (this.#clock.now - this.state.epochNs) % NS_PER_SECOND;
    return phase >= NS_PER_SECOND - UPDATE_WARNING_NS;
  }

  get #format() {
    return { binary: (this.#b & B.binary) !== 0, hours24: (this.#b & B.hours24) !== 0 };
  }

  /** While held, the registers are plain memory. */
  #readDate(index: number): number {
    if (this.#running) encodeDate(this.#seconds, this.state.cmos, this.#format);
    return this.state.cmos[index] as number;
  }

  #writeDate(index: number, value: number): void {
    const s = this.state;
    if (!this.#running) {
      s.cmos[index] = value;
      return;
    }
    encodeDate(this.#seconds, s.cmos, this.#format);
    s.cmos[index] = value;
    const now = this.#seconds;
    s.epochNs += (now - s.epochSeconds) * NS_PER_SECOND;
    s.epochSeconds = decodeDate(s.cmos, this.#format);
    s.checkedSeconds = s.epochSeconds;
  }

  /** Changes A or B. Holding keeps the date in memory; letting go takes it from there. */
  #control(change: () => void): void {
    const s = this.state;
    const ran = this.#running;
    const now = this.#seconds;
    if (ran) encodeDate(now, s.cmos, this.#format);
    const period = this.#periodNs;
    change();
    if (ran && !this.#running) s.epochSeconds = now;
    if (!ran && this.#running) {
      s.epochSeconds = decodeDate(s.cmos, this.#format);
      s.epochNs = this.#clock.now;
    } else if (ran && this.#running) encodeDate(now, s.cmos, this.#format);
    s.checkedSeconds = this.#seconds;
    if (this.#periodNs !== period) s.checkedPeriods = this.#periods;
  }

  // --- Interrupts -------------------------------------------------------------------------------

  /** The periodic interrupt's period, 0 for none; rates 1 and 2 are those of 8 and 9. */
  get #periodNs(): number {
    const a = this.state.cmos[REG.a] as number;
    const rate = a & A.rate;
    if (rate === 0 || (a & A.divider) !== A.running) return 0;
    const shift = rate < 3 ? rate + 6 : rate - 1;
    return (2 ** shift * NS_PER_SECOND) / CRYSTAL_HZ;
  }

  get #periods(): number {
    const period = this.#periodNs;
    return period === 0 ? 0 : Math.floor(this.#clock.now / period);
  }

  #readFlags(): number {
    this.#settle();
    const { flags } = this.state;
    this.state.flags = 0;
    this.#settle();
    return flags;
  }

  /** Brings the flags up to now, drives the wire, and comes back at the next enabled event. */
  #settle(): void {
    const s = this.state;
    const seconds = this.#seconds;
    const periods = this.#periods;
    if (periods > s.checkedPeriods) s.flags |= C.periodic;
    if (seconds > s.checkedSeconds) {
      s.flags |= C.update;
      if (this.#nextAlarm(s.checkedSeconds) <= seconds) s.flags |= C.alarm;
    }
    s.checkedPeriods = periods;
    s.checkedSeconds = seconds;
    const requested = (s.flags & this.#b & (C.periodic | C.alarm | C.update)) !== 0;
    s.flags = (s.flags & ~C.request) | (requested ? C.request : 0);
    this.#interrupt(requested);
    this.#arm(requested);
  }

  /** While a request waits for register C to be read, nothing new can be told. */
  #arm(requested: boolean): void {
    const s = this.state;
    let at = Number.POSITIVE_INFINITY;
    const period = this.#periodNs;
    if (this.#b & B.periodic && period > 0) at = Math.ceil((s.checkedPeriods + 1) * period);
    if (this.#running && this.#b & (B.alarm | B.update)) {
      const update = this.#b & B.update ? s.checkedSeconds + 1 : Number.POSITIVE_INFINITY;
      const alarm = this.#b & B.alarm ? this.#nextAlarm(s.checkedSeconds) : update;
      at = Math.min(at, s.epochNs + (Math.min(update, alarm) - s.epochSeconds) * NS_PER_SECOND);
    }
    if (requested || at > Number.MAX_SAFE_INTEGER) this.#timer.cancel();
    else this.#timer.arm(at);
  }

  /** The first second after `after` at which the alarm matches; Infinity when it never does. */
  #nextAlarm(after: number): number {
    const { cmos } = this.state;
    const format = this.#format;
    const alarm = (register: number, decode: (value: number) => number) => {
      const value = cmos[register] as number;
      return value >= DONT_CARE ? -1 : decode(value);
    };
    const plain = (value: number) => numberIn(value, format);
    const hour = alarm(REG.hourAlarm, (value) => hourOf(value, format));
    const minute = alarm(REG.minuteAlarm, plain);
    const second = alarm(REG.secondAlarm, plain);
    if (hour > 23 || minute > 59 || second > 59) return Number.POSITIVE_INFINITY;
    for (let at = after + 1; at <= after + DAY_SECONDS; ) {
      const time = at % DAY_SECONDS;
      if (hour >= 0 && Math.floor(time / 3600) !== hour) at += 3600 - (time % 3600);
      else if (minute >= 0 && Math.floor(time / 60) % 60 !== minute) at += 60 - (time % 60);
      else if (second >= 0 && time % 60 !== second) at += 1;
      else return at;
    }
    return Number.POSITIVE_INFINITY;
  }
}
