/**
 * Delivery of exceptions and interrupts: which mode's way, and what becomes of a fault during the
 * delivery of another (SDM 3A, "Interrupt 8—Double Fault Exception").
 */
import type { Cpu } from "./cpu.ts";
import { deliverLong } from "./delivery-long.ts";
import { deliverProtected } from "./delivery-protected.ts";
import { deliverReal } from "./delivery-real.ts";
import type { Event, EventKind } from "./event.ts";
import { errorCodeOf, fault, pushesErrorCode, VECTOR, vectorOf } from "./faults.ts";
import { ACTIVITY, CONTROL } from "./layout.ts";

const CONTRIBUTORY: readonly number[] = [
  VECTOR.DE,
  VECTOR.TS,
  VECTOR.NP,
  VECTOR.SS,
  VECTOR.GP,
  VECTOR.CP,
];

/** Whether `second` during the delivery of `first` makes a double fault. */
function isDouble(first: number, second: number): boolean {
  if (first === VECTOR.PF) return second === VECTOR.PF || CONTRIBUTORY.includes(second);
  return CONTRIBUTORY.includes(first) && CONTRIBUTORY.includes(second);
}

/** Delivers the exception that an instruction raised. */
export function deliverFault(cpu: Cpu, raised: number): void {
  deliver(cpu, eventOf(raised), false);
}

/** Delivers an interrupt, a trap or a software interrupt. */
export function deliverInterrupt(cpu: Cpu, vector: number, kind: EventKind): void {
  deliver(cpu, { vector, kind, errorCode: undefined }, false);
}

/**
 * Executes INT n, INT3, INTO or INT1.
 * @returns the fault that the gate raised instead; the instruction has then done nothing
 */
export function softwareInterrupt(cpu: Cpu, vector: number): number {
  return deliverOnce(cpu, { vector, kind: "software", errorCode: undefined });
}

function eventOf(raised: number): Event {
  const vector = vectorOf(raised);
  const errorCode = pushesErrorCode(vector) ? errorCodeOf(raised) : undefined;
  return { vector, kind: "fault", errorCode };
}

function deliver(cpu: Cpu, event: Event, afterDouble: boolean): void {
  if (event.vector === VECTOR.PF && event.kind === "fault") {
    cpu.state.set64(CONTROL.cr2, cpu.mmu.faultLinear);
  }
  const raised = deliverOnce(cpu, event);
  if (raised === 0) return;
  const second = eventOf(raised);
  const first = event.kind === "fault" ? event.vector : -1;
  if (afterDouble || (first === VECTOR.DF && second.vector !== VECTOR.DB)) {
    cpu.state.set32(CONTROL.activity, ACTIVITY.shutdown);
  } else if (isDouble(first, second.vector)) {
    deliver(cpu, eventOf(fault(VECTOR.DF)), true);
  } else deliver(cpu, second, false);
}

function deliverOnce(cpu: Cpu, event: Event): number {
  if (cpu.longMode) return deliverLong(cpu, event);
  if (!cpu.protectedMode) return deliverReal(cpu, event);
  return deliverProtected(cpu, event);
}
