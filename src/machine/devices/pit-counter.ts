/** One of the three counters of an 8254. Time comes in as a number of clock pulses. */
import { highHalf, PIT_MODES, type PitMode } from "./pit-waveform.ts";

/** Bits of the status byte that the read-back command latches. */
const STATUS = { out: 0x80, nullCount: 0x40 } as const;
const SQUARE_WAVE = 3;

/** Which bytes of the count are written and read. */
const LSB_ONLY = 1;
const MSB_ONLY = 2;
const BOTH = 3;

export interface PitCounterState {
  mode: number;
  access: number;
  bcd: boolean;
  gate: boolean;
  /** The count in the counting element, 1..65536. */
  count: number;
  /** Pulse that loads (or loaded) it; -1 when nothing is loaded. */
  start: number;
  /** Elapsed pulses at which the gate stopped it; -1 while it counts. */
  stoppedAt: number;
  /** OUT while nothing is loaded yet. */
  out: boolean;
  /** A count written but not yet loaded, 0 for none, and the pulse that will load it. */
  next: number;
  nextAt: number;
  /** First byte of a two-byte count, -1 when none is held. */
  lowByte: number;
  /** Latched count and status, -1 for none. */
  latch: number;
  statusLatch: number;
  /** Whether the next read of a two-byte count gives the high byte. */
  readHigh: boolean;
}

export class PitCounter {
  readonly state: PitCounterState = {
    mode: 0,
    access: BOTH,
    bcd: false,
    gate: true,
    count: 65536,
    start: -1,
    stoppedAt: -1,
    out: false,
    next: 0,
    nextAt: Number.MAX_SAFE_INTEGER,
    lowByte: -1,
    latch: -1,
    statusLatch: -1,
    readHigh: false,
  };

  /** OUT at pulse `now`. A low gate holds it high in the periodic modes. */
  out(now: number): boolean {
    const elapsed = this.#elapsed(now);
    if (this.state.stoppedAt >= 0 && this.#mode.gate === "enables and restarts") return true;
    return elapsed < 0 ? this.state.out : this.#mode.out(elapsed, this.state.count);
  }

  /** The next pulse after `now` at which OUT can change; Infinity when none. */
  nextEdge(now: number): number {
    const elapsed = this.#elapsed(now);
    const s = this.state;
    if (s.start < 0 || s.stoppedAt >= 0) return Number.POSITIVE_INFINITY;
    if (elapsed < 0) return s.start;
    return Math.min(s.start + this.#mode.nextEdge(elapsed, s.count), s.nextAt);
  }

  /** A control word: `bits` is its access, mode and BCD field (bits 5:0). */
  control(bits: number): void {
    const s = this.state;
    const mode = (bits >> 1) & 7;
    s.mode = mode > 5 ? mode & 3 : mode;
    s.access = (bits >> 4) & 3;
    s.bcd = (bits & 1) !== 0;
    s.start = -1;
    s.stoppedAt = -1;
    s.out = this.#mode.idle;
    this.#forgetNext();
    s.lowByte = -1;
    s.latch = -1;
    s.statusLatch = -1;
    s.readHigh = false;
  }

  write(now: number, value: number): void {
    const s = this.state;
    if (s.access === LSB_ONLY) this.#writeCount(now, value);
    else if (s.access === MSB_ONLY) this.#writeCount(now, value << 8);
    else if (s.lowByte >= 0) {
      const count = s.lowByte | (value << 8);
      s.lowByte = -1;
      this.#writeCount(now, count);
    } else {
      s.lowByte = value;
      if (s.mode !== 0) return;
      // Mode 0: the first byte stops the count and OUT goes low.
      s.start = -1;
      s.out = false;
    }
  }

  read(now: number): number {
    const s = this.state;
    if (s.statusLatch >= 0) {
      const status = s.statusLatch;
      s.statusLatch = -1;
      return status;
    }
    const word = s.latch >= 0 ? s.latch : this.#value(now);
    const high = s.access === MSB_ONLY || (s.access === BOTH && s.readHigh);
    if (s.access === BOTH) s.readHigh = !s.readHigh;
    if (!s.readHigh) s.latch = -1;
    return high ? word >> 8 : word & 0xff;
  }

  /** Holds the count for the next read, unless one is held already. */
  latchCount(now: number): void {
    if (this.state.latch < 0) this.state.latch = this.#value(now);
  }

  latchStatus(now: number): void {
    const s = this.state;
    if (s.statusLatch >= 0) return;
    const elapsed = this.#elapsed(now);
    const isNull = elapsed < 0 || s.next > 0;
    s.statusLatch =
      (this.out(now) ? STATUS.out : 0) |
      (isNull ? STATUS.nullCount : 0) |
      (s.access << 4) |
      (s.mode << 1) |
      (s.bcd ? 1 : 0);
  }

  setGate(now: number, gate: boolean): void {
    const s = this.state;
    if (gate === s.gate) return;
    const elapsed = this.#elapsed(now);
    const role = this.#mode.gate;
    s.gate = gate;
    if (role === "triggers") {
      if (gate) this.#trigger(now);
    } else if (!gate) {
      if (s.start >= 0) s.stoppedAt = Math.max(elapsed, 0);
    } else if (s.start >= 0) {
      if (role === "enables and restarts") this.#trigger(now);
      else s.start = now - s.stoppedAt;
      s.stoppedAt = -1;
    }
  }

  get #mode(): PitMode {
    return PIT_MODES[this.state.mode] as PitMode;
  }

  /** Pulses since the count was loaded, negative while it is not; takes up a count that is due. */
  #elapsed(now: number): number {
    const s = this.state;
    if (now >= s.nextAt) {
      const startsLow = s.mode === SQUARE_WAVE && !this.#mode.out(s.nextAt - s.start, s.count);
      s.count = s.next;
      s.start = startsLow ? s.nextAt - highHalf(s.next) : s.nextAt;
      this.#forgetNext();
    }
    if (s.start < 0) return -1;
    return s.stoppedAt >= 0 ? s.stoppedAt : now - s.start;
  }

  #writeCount(now: number, written: number): void {
    const s = this.state;
    const elapsed = this.#elapsed(now);
    const count = s.bcd ? fromBcd(written) || 10000 : written || 65536;
    const mode = this.#mode;
    if (mode.reload === "at trigger") {
      s.next = count;
      return;
    }
    if (mode.reload === "at the end of the cycle" && s.start >= 0 && elapsed >= 0) {
      s.next = count;
      // The square wave takes it at the end of a half; a stopped counter when the gate rises.
      const cycleEnd = elapsed - (elapsed % s.count) + s.count;
      const end = s.mode === SQUARE_WAVE ? mode.nextEdge(elapsed, s.count) : cycleEnd;
      s.nextAt = s.stoppedAt >= 0 ? Number.MAX_SAFE_INTEGER : s.start + end;
      return;
    }
    s.out = mode.reload === "at once" ? mode.idle : s.out;
    s.count = count;
    s.start = now + 1;
    s.stoppedAt = s.gate ? -1 : 0;
  }

  /** A rising gate loads the count with the next pulse. */
  #trigger(now: number): void {
    const s = this.state;
    if (s.start < 0 && s.next === 0) return;
    s.out = this.out(now);
    if (s.next > 0) s.count = s.next;
    this.#forgetNext();
    s.start = now + 1;
  }

  #forgetNext(): void {
    this.state.next = 0;
    this.state.nextAt = Number.MAX_SAFE_INTEGER;
  }

  #value(now: number): number {
    const s = this.state;
    const elapsed = Math.max(this.#elapsed(now), 0);
    const value = this.#mode.value(elapsed, s.count, s.bcd ? 10000 : 65536);
    return s.bcd ? toBcd(value) : value;
  }
}

function fromBcd(bcd: number): number {
  return (bcd >> 12) * 1000 + ((bcd >> 8) & 15) * 100 + ((bcd >> 4) & 15) * 10 + (bcd & 15);
}

function toBcd(value: number): number {
  const digit = (unit: number) => Math.floor(value / unit) % 10;
  return (digit(1000) << 12) | (digit(100) << 8) | (digit(10) << 4) | digit(1);
}
