/**
 * The 8254 timer of a PC: ports 0x40..0x43, counter 0 to interrupt line 0, counter 2 behind the
 * gate and output bits of port 0x61 ("system control port B").
 */
import type { Clock, Timer } from "../clock.ts";
import { type Device, UNCONNECTED, type Wire } from "../device.ts";
import { Frequency } from "../frequency.ts";
import type { PortHandler } from "../port-bus.ts";
import { PitCounter } from "./pit-counter.ts";

/** The input clock in Hz. */
export const PIT_HZ = 1193182;
/** Half a period of the DRAM refresh toggle that port 0x61 shows. */
const REFRESH_NS = 15085;
const READ_BACK = 3;
const SPEAKER = { gate: 0x01, writable: 0x0f, refresh: 0x10, out: 0x20 } as const;

export class Pit implements Device, PortHandler {
  readonly counters = [new PitCounter(), new PitCounter(), new PitCounter()] as const;
  readonly state = {
    counters: this.counters.map((counter) => counter.state),
    /** Port 0x61's bits that read back as written. */
    speaker: 0,
    /** OUT of counter 0, as the wire last saw it. */
    out0: false,
  };
  readonly #clock: Clock;
  readonly #frequency = new Frequency(PIT_HZ);
  readonly #edge: Timer;
  readonly #output: Wire;

  /** @param output OUT of counter 0 */
  constructor(clock: Clock, output: Wire = UNCONNECTED) {
    this.#clock = clock;
    this.#output = output;
    this.#edge = clock.timer("pit", () => this.#follow());
    this.reset();
  }

  reset(): void {
    for (const counter of this.counters) counter.control(0x30);
    this.counters[2].setGate(this.#pulse, false);
    this.state.speaker = 0;
    this.#follow();
  }

  read(offset: number): number {
    return this.counters[offset]?.read(this.#pulse) ?? 0xff;
  }

  write(offset: number, _bytes: number, value: number): void {
    const now = this.#pulse;
    const counter = this.counters[offset];
    if (counter) counter.write(now, value);
    else this.#control(now, value);
    this.#follow();
  }

  /** Port 0x61. */
  readonly systemControl: PortHandler = {
    read: () => {
      const refresh = Math.floor(this.#clock.now / REFRESH_NS) & 1;
      return (
        this.state.speaker |
        (refresh ? SPEAKER.refresh : 0) |
        (this.counters[2].out(this.#pulse) ? SPEAKER.out : 0)
      );
    },
    write: (_offset, _bytes, value) => {
      this.state.speaker = value & SPEAKER.writable;
      this.counters[2].setGate(this.#pulse, (value & SPEAKER.gate) !== 0);
    },
  };

  get #pulse(): number {
    return this.#frequency.ticksAt(this.#clock.now);
  }

  #control(now: number, value: number): void {
    const select = value >> 6;
    if (select !== READ_BACK) {
      const counter = this.counters[select] as PitCounter;
      if (value & 0x30) counter.control(value & 0x3f);
      else counter.latchCount(now);
      return;
    }
    // Read-back: a clear bit asks for the count (bit 5) or the status (bit 4).
    for (const [index, counter] of this.counters.entries()) {
      if ((value & (2 << index)) === 0) continue;
      if ((value & 0x20) === 0) counter.latchCount(now);
      if ((value & 0x10) === 0) counter.latchStatus(now);
    }
  }

  /** Brings the wire up to date and comes back at its next edge. */
  #follow(): void {
    const now = this.#pulse;
    const out = this.counters[0].out(now);
    const next = this.counters[0].nextEdge(now);
    if (Number.isFinite(next)) this.#edge.arm(this.#frequency.nsAt(next));
    else this.#edge.cancel();
    if (out === this.state.out0) return;
    this.state.out0 = out;
    this.#output(out);
  }
}
