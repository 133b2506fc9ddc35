/**
 * Virtual time: a count of nanoseconds since power-on, and what is to happen when.
 *
 * Time moves only when the machine says so, so one seed gives one run. The processors tell how far
 * they are (`source`), devices arm timers, and the machine's loop runs the processors up to
 * `nextAt` and then calls `advanceTo`. A HLT is a jump to `nextAt`. Times are numbers in
 * 0 .. 2^53-1 ns (104 days).
 */
import { badArgument } from "../base/errors.ts";

/** The deadline of a timer that is not armed. */
export const NEVER = Number.POSITIVE_INFINITY;

/** A device's alarm. It fires once for each time that it is armed. */
export interface Timer {
  /** Unique in the machine, and the key of the deadline in a snapshot. */
  readonly name: string;
  /** When it fires, in ns; NEVER while it is not armed. */
  readonly deadline: number;
  /** Arms it for `at`, in ns, replacing an earlier deadline. A past time fires at the next advance. */
  arm(at: number): void;
  cancel(): void;
}

/** Deadlines by timer name, in the order in which the timers were armed. */
export interface ClockState {
  readonly now: number;
  readonly armed: readonly (readonly [name: string, deadline: number])[];
}

class ClockTimer implements Timer {
  deadline = NEVER;
  /** Equal deadlines fire in the order of arming. */
  sequence = 0;
  readonly name: string;
  readonly expire: () => void;
  readonly #changed: (timer: ClockTimer, before: number) => void;

  constructor(
    name: string,
    expire: () => void,
    changed: (timer: ClockTimer, before: number) => void,
  ) {
    this.name = name;
    this.expire = expire;
    this.#changed = changed;
  }

  arm(at: number): void {
    if (!(at >= 0)) badArgument(`timer ${this.name}`, "a time of at least 0 ns", at);
    this.#set(at);
  }

  cancel(): void {
    this.#set(NEVER);
  }

  #set(deadline: number): void {
    const before = this.deadline;
    this.deadline = deadline;
    this.#changed(this, before);
  }
}

export class Clock {
  /** Absolute time that the running processor has reached; may lag behind the last advance. */
  source: (() => number) | undefined;
  /** Called when the next deadline moves nearer, so that a running batch can be cut short. */
  onNearer: (() => void) | undefined;
  /** A board has a dozen timers and one per CPU: a scan is shorter than keeping a heap. */
  readonly #timers: ClockTimer[] = [];
  #now = 0;
  #nextAt = NEVER;
  #sequence = 0;
  #firing = false;

  /** Now, in ns. While a timer fires, it is that timer's deadline. */
  get now(): number {
    if (this.#firing || this.source === undefined) return this.#now;
    return Math.max(this.#now, this.source());
  }

  /** The earliest deadline, in ns; NEVER when nothing is armed. */
  get nextAt(): number {
    return this.#nextAt;
  }

  /** Makes a timer, not armed. `expire` runs with `now` at its deadline. */
  timer(name: string, expire: () => void): Timer {
    if (this.#timers.some((timer) => timer.name === name)) {
      badArgument("timer", "a name that no other timer has", name);
    }
    const timer = new ClockTimer(name, expire, (changed, before) => this.#changed(changed, before));
    this.#timers.push(timer);
    return timer;
  }

  /** Moves time forward to `to` (never back), firing what is due on the way, in order of time. */
  advanceTo(to: number): void {
    this.#firing = true;
    try {
      while (this.#nextAt <= to) {
        const timer = this.#earliest() as ClockTimer;
        this.#now = Math.max(this.#now, timer.deadline);
        timer.cancel();
        timer.expire();
      }
      this.#now = Math.max(this.#now, to);
    } finally {
      this.#firing = false;
    }
  }

  save(): ClockState {
    const armed = this.#timers.filter((timer) => timer.deadline !== NEVER);
    armed.sort((a, b) => a.sequence - b.sequence);
    return { now: this.now, armed: armed.map(({ name, deadline }) => [name, deadline] as const) };
  }

  /** Takes up a saved state; every timer named there must have been made. */
  restore(state: ClockState): void {
    for (const timer of this.#timers) timer.cancel();
    this.#now = state.now;
    for (const [name, deadline] of state.armed) {
      const timer = this.#timers.find((candidate) => candidate.name === name);
      if (timer === undefined) badArgument("clock state", "timers of this board", name);
      timer.arm(deadline);
    }
  }

  #changed(timer: ClockTimer, before: number): void {
    timer.sequence = this.#sequence++;
    if (timer.deadline < this.#nextAt) {
      this.#nextAt = timer.deadline;
      if (!this.#firing) this.onNearer?.();
    } else if (before === this.#nextAt) {
      this.#nextAt = this.#earliest()?.deadline ?? NEVER;
    }
  }

  #earliest(): ClockTimer | undefined {
    let best: ClockTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.deadline === NEVER) continue;
      const nearer =
        best === undefined ||
        timer.deadline < best.deadline ||
        (timer.deadline === best.deadline && timer.sequence < best.sequence);
      if (nearer) best = timer;
    }
    return best;
  }
}
