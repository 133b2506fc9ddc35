/** What is delivered through the interrupt table. */
import { FLAG } from "./builder/flags.ts";
import type { Cpu } from "./cpu.ts";

/**
 * - `fault` restarts the instruction, `trap` comes after one: exceptions of the processor;
 * - `software` is INT n, INT3, INTO: the gate's DPL counts;
 * - `external` is an interrupt or NMI.
 */
export type EventKind = "fault" | "trap" | "software" | "external";

export interface Event {
  readonly vector: number;
  readonly kind: EventKind;
  /** Undefined if the vector pushes none. */
  readonly errorCode: number | undefined;
}

/** EXT of error codes: the event came from outside the program. */
export function externalBit(event: Event): number {
  return event.kind === "software" ? 0 : 1;
}

/** RFLAGS as a delivery pushes it: RF is set by faults (SDM 3B, "RF Flag"). */
export function pushedFlags(cpu: Cpu, event: Event): number {
  return event.kind === "fault" ? cpu.state.flags | FLAG.RF : cpu.state.flags;
}

/** An event as an observer sees it: just before its delivery. */
export interface DeliveredEvent extends Event {
  /** CR2 of a page fault. */
  readonly faultLinear: bigint | undefined;
}

/** The events that ended in a shutdown, the first one first, and where the processor stood. */
export interface ShutdownCause {
  readonly events: readonly DeliveredEvent[];
  readonly rip: bigint;
}
