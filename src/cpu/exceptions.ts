/**
 * Delivery of exceptions and interrupts: which mode's way, and what becomes of a fault during the
 * delivery of another (SDM 3A, "Interrupt 8—Double Fault Exception").
 */
import type { Cpu } from "./cpu.ts";
import { deliverLong } from "./delivery-long.ts";
import { deliverProtected } from "./delivery-protected.ts";
import { deliverReal } from "./delivery-real.ts";
import type { DeliveredEvent, Event, EventKind } from "./event.ts";
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

const DOUBLE_FAULT = eventOf(fault(VECTOR.DF));
const NOTHING_BEFORE: readonly DeliveredEvent[] = [];

/** Whether `second` during the delivery of `first` makes a double fault. */
function isDouble(first: number, second: number): boolean {
  if (first === VECTOR.PF) return second === VECTOR.PF || CONTRIBUTORY.includes(second);
  return CONTRIBUTORY.includes(first) && CONTRIBUTORY.includes(second);
}

/** Delivers the exception that an instruction raised. */
export function deliverFault(cpu: Cpu, raised: number): void {
  deliver(cpu, eventOf(raised), NOTHING_BEFORE);
}

/** Delivers an interrupt, a trap or a software interrupt. */
export function deliverInterrupt(cpu: Cpu, vector: number, kind: EventKind): void {
  deliver(cpu, { vector, kind, errorCode: undefined }, NOTHING_BEFORE);
}

/**
 * Executes INT n, INT3, INTO or INT1.
 * @returns the fault that the gate raised instead; the instruction has then done nothing
 */
export function softwareInterrupt(cpu: Cpu, vector: number): number {
  const event: Event = { vector, kind: "software", errorCode: undefined };
  const raised = deliverOnce(cpu, event);
  if (raised === 0) cpu.onEvent?.({ ...event, faultLinear: undefined });
  return raised;
}

function eventOf(raised: number): Event {
  const vector = vectorOf(raised);
  const errorCode = pushesErrorCode(vector) ? errorCodeOf(raised) : undefined;
  return { vector, kind: "fault", errorCode };
}

/** What an observer is told. @param linear the address, if it is a page fault */
function delivered(event: Event, linear: bigint): DeliveredEvent {
  const isPageFault = event.vector === VECTOR.PF && event.kind === "fault";
  return { ...event, faultLinear: isPageFault ? linear : undefined };
}

/** @param before the events whose delivery raised this one, the first one first */
function deliver(cpu: Cpu, event: Event, before: readonly DeliveredEvent[]): void {
  if (event.vector === VECTOR.PF && event.kind === "fault") {
    cpu.state.setPair(CONTROL.cr2, cpu.mmu.faultHi, cpu.mmu.faultLo);
  }
  cpu.onEvent?.(delivered(event, cpu.state.get64(CONTROL.cr2)));
  const raised = deliverOnce(cpu, event);
  if (raised === 0) return;
  const second = eventOf(raised);
  const first = event.kind === "fault" ? event.vector : -1;
  const events = [...before, delivered(event, cpu.state.get64(CONTROL.cr2))];
  if (first !== VECTOR.DF && !isDouble(first, second.vector)) {
    deliver(cpu, second, events);
    return;
  }
  events.push(delivered(second, cpu.mmu.faultLinear));
  if (first !== VECTOR.DF) deliver(cpu, DOUBLE_FAULT, events);
  else {
    cpu.shutdownCause = { events, rip: cpu.state.rip };
    cpu.state.set32(CONTROL.activity, ACTIVITY.shutdown);
  }
}

function deliverOnce(cpu: Cpu, event: Event): number {
  if (cpu.longMode) return deliverLong(cpu, event);
  if (!cpu.protectedMode) return deliverReal(cpu, event);
  return deliverProtected(cpu, event);
}
