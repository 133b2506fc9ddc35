/**
 * The local APIC's timer (SDM 3A, "APIC Timer"). Its input clock is 1 GHz, so a tick of the divided
 * clock is a whole number of nanoseconds. A periodic timer nobody listens to costs no events: its
 * count is worked out when it is read.
 */
import { type Clock, NEVER, type Timer } from "../clock.ts";
import type { ProcessorPort } from "./apic-bus.ts";

/** The timer's input clock. */
export const APIC_TIMER_HZ = 1e9;

/** Interrupts of a shorter period come this often; the count itself runs at its own rate. */
const SHORTEST_INTERRUPT_NS = 1000;

export type ApicTimerMode = "one-shot" | "periodic" | "TSC-deadline";

export interface ApicTimerState {
  mode: ApicTimerMode;
  listening: boolean;
  initial: number;
  divideBits: number;
  /** When the count reaches 0 (for a periodic timer: some such time), in ns; -1 when stopped. */
  zeroAt: number;
  /** IA32_TSC_DEADLINE in hexadecimal; "0" is disarmed. */
  deadline: string;
}

export class ApicTimer {
  readonly state: ApicTimerState = {
    mode: "one-shot",
    listening: false,
    initial: 0,
    divideBits: 0,
    zeroAt: -1,
    deadline: "0",
  };
  readonly #clock: Clock;
  readonly #port: ProcessorPort;
  readonly #timer: Timer;
  readonly #expire: () => void;

  /** @param expire the count reached 0, or the TSC its deadline, while somebody listens */
  constructor(clock: Clock, name: string, port: ProcessorPort, expire: () => void) {
    this.#clock = clock;
    this.#port = port;
    this.#expire = expire;
    this.#timer = clock.timer(name, () => this.#fire());
  }

  reset(): void {
    Object.assign(this.state, {
      mode: "one-shot",
      listening: false,
      initial: 0,
      divideBits: 0,
      zeroAt: -1,
      deadline: "0",
    });
    this.#timer.cancel();
  }

  /** The LVT changed. Entering or leaving TSC-deadline mode disarms; otherwise counting goes on. */
  configure(mode: ApicTimerMode, listening: boolean): void {
    const s = this.state;
    if (mode !== s.mode) {
      const current = this.current;
      if (mode === "TSC-deadline" || s.mode === "TSC-deadline") this.#stop();
      else s.zeroAt = current > 0 ? this.#clock.now + this.#remaining() : -1;
      s.mode = mode;
    }
    s.listening = listening;
    this.#arm();
  }

  get initial(): number {
    return this.state.initial;
  }

  /** Starts counting down; 0 stops. Ignored in TSC-deadline mode. */
  set initial(count: number) {
    const s = this.state;
    if (s.mode === "TSC-deadline") return;
    s.initial = count;
    s.zeroAt = count > 0 ? this.#clock.now + count * this.#divisor : -1;
    this.#arm();
  }

  /** The current count, 0 when stopped. */
  get current(): number {
    return Math.ceil(this.#remaining() / this.#divisor);
  }

  /** The divide configuration register; a running count goes on at the new rate. */
  set divideBits(bits: number) {
    const s = this.state;
    const current = this.current;
    s.divideBits = bits;
    if (s.zeroAt >= 0 && current > 0) s.zeroAt = this.#clock.now + current * this.#divisor;
    this.#arm();
  }

  get divideBits(): number {
    return this.state.divideBits;
  }

  /** IA32_TSC_DEADLINE: 0 unless armed in its mode; writes in other modes are ignored. */
  get deadline(): bigint {
    return BigInt(`0x${this.state.deadline}`);
  }

  set deadline(tsc: bigint) {
    if (this.state.mode !== "TSC-deadline") return;
    this.state.deadline = tsc.toString(16);
    this.#arm();
  }

  /** The CPU's time-stamp counter was written. */
  tscChanged(): void {
    this.#arm();
  }

  get #divisor(): number {
    const bits = this.state.divideBits;
    const code = (bits & 3) | ((bits >> 1) & 4);
    return code === 7 ? 1 : 2 << code;
  }

  /** Nanoseconds until the count is 0; 0 when stopped. */
  #remaining(): number {
    const s = this.state;
    if (s.zeroAt < 0) return 0;
    const left = s.zeroAt - this.#clock.now;
    if (s.mode !== "periodic") return Math.max(left, 0);
    const period = s.initial * this.#divisor;
    const phase = left % period;
    return phase > 0 ? phase : phase + period;
  }

  #stop(): void {
    this.state.zeroAt = -1;
    this.state.initial = 0;
    this.state.deadline = "0";
  }

  #arm(): void {
    const s = this.state;
    let at = NEVER;
    if (s.mode === "TSC-deadline") {
      const deadline = this.deadline;
      if (deadline !== 0n) at = this.#clock.now + Math.max(this.#port.nsUntilTsc(deadline), 0);
    } else if (s.zeroAt >= 0 && s.listening) {
      const left = this.#remaining();
      if (left > 0) at = this.#clock.now + left;
    }
    if (at <= Number.MAX_SAFE_INTEGER) this.#timer.arm(at);
    else this.#timer.cancel();
  }

  #fire(): void {
    const s = this.state;
    if (s.mode === "TSC-deadline") s.deadline = "0";
    else if (s.mode === "periodic") {
      const period = s.initial * this.#divisor;
      s.zeroAt = this.#clock.now + period * Math.ceil(SHORTEST_INTERRUPT_NS / period);
      this.#timer.arm(s.zeroAt);
    } else s.zeroAt = -1;
    if (s.listening) this.#expire();
  }
}
