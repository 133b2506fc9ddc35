/**
 * The six modes of an 8254 counter as functions of `elapsed`, the clock pulses since the pulse that
 * loaded the count (Intel "8254 Programmable Interval Timer", Mode Definitions).
 */

/** What the gate input does to a counter. */
export type GateRole = "enables" | "triggers" | "enables and restarts";

export interface PitMode {
  readonly gate: GateRole;
  /** OUT after the control word. */
  readonly idle: boolean;
  /** When a count written during counting is taken. */
  readonly reload: "at once" | "at trigger" | "at the end of the cycle";
  /** OUT. */
  out(elapsed: number, count: number): boolean;
  /** The next `elapsed` at which OUT changes; Infinity when it will not. */
  nextEdge(elapsed: number, count: number): number;
  /** The counting element, 0..modulus-1 (binary). */
  value(elapsed: number, count: number, modulus: number): number;
}

const down = (elapsed: number, count: number, modulus: number) =>
  (((count - elapsed) % modulus) + modulus) % modulus;

const terminal = {
  out: (elapsed: number, count: number) => elapsed >= count,
  nextEdge: (elapsed: number, count: number) =>
    elapsed < count ? count : Number.POSITIVE_INFINITY,
  value: down,
};

const strobe = {
  out: (elapsed: number, count: number) => elapsed !== count,
  nextEdge: (elapsed: number, count: number) => {
    if (elapsed < count) return count;
    return elapsed === count ? count + 1 : Number.POSITIVE_INFINITY;
  },
  value: down,
};

const rateGenerator = {
  out: (elapsed: number, count: number) => elapsed % count !== count - 1,
  nextEdge: (elapsed: number, count: number) => {
    const phase = elapsed % count;
    return phase < count - 1 ? elapsed + count - 1 - phase : elapsed + 1;
  },
  value: (elapsed: number, count: number, modulus: number) => (count - (elapsed % count)) % modulus,
};

/** Pulses for which OUT is high; an odd count gives the high half one pulse more. */
export const highHalf = (count: number) => Math.ceil(count / 2);

const squareWave = {
  out: (elapsed: number, count: number) => elapsed % count < highHalf(count),
  nextEdge: (elapsed: number, count: number) => {
    const phase = elapsed % count;
    const half = highHalf(count);
    return elapsed - phase + (phase < half ? half : count);
  },
  value: (elapsed: number, count: number, modulus: number) => {
    const phase = elapsed % count;
    const half = highHalf(count);
    const pulse = phase < half ? phase : phase - half;
    return ((count & ~1) - 2 * pulse) % modulus;
  },
};

/** By mode number: interrupt on terminal count, one-shot, rate, square wave, two strobes. */
export const PIT_MODES: readonly PitMode[] = [
  { gate: "enables", idle: false, reload: "at once", ...terminal },
  { gate: "triggers", idle: true, reload: "at trigger", ...terminal },
  {
    gate: "enables and restarts",
    idle: true,
    reload: "at the end of the cycle",
    ...rateGenerator,
  },
  { gate: "enables and restarts", idle: true, reload: "at the end of the cycle", ...squareWave },
  { gate: "enables", idle: true, reload: "at once", ...strobe },
  { gate: "triggers", idle: true, reload: "at trigger", ...strobe },
];
