/**
 * The local vector table: the timer, the two LINT pins, and the sources that nothing here drives
 * (SDM 3A, "Handling Local Interrupts").
 */
import { DELIVERY } from "./apic-bus.ts";
import { REG } from "./apic-registers.ts";
import type { ApicTimer } from "./apic-timer.ts";

const ENTRY = {
  vector: 0xff,
  deliveryShift: 8,
  remoteIrr: 0x4000,
  level: 0x8000,
  masked: 0x10000,
  periodic: 0x20000,
  tscDeadline: 0x40000,
} as const;
const COUNT = REG.lvtError - REG.lvtTimer + 1;
const LINT_REGISTERS = [REG.lvtLint0, REG.lvtLint1] as const;
export const FIRST_LEGAL_VECTOR = 16;

/** Where local interrupts go. */
export interface LocalSink {
  accept(vector: number, level: boolean): void;
  nmi(): void;
  smi(): void;
  /** LINT0's entry or level changed. */
  externalChanged(): void;
}

export class LocalVectors {
  readonly state = {
    entries: new Uint32Array(COUNT).fill(ENTRY.masked),
    /** Levels of LINT0 and LINT1. */
    lint: [false, false],
  };
  readonly #timer: ApicTimer;
  readonly #sink: LocalSink;

  constructor(timer: ApicTimer, sink: LocalSink) {
    this.#timer = timer;
    this.#sink = sink;
  }

  reset(): void {
    this.state.entries.fill(ENTRY.masked);
    this.#timer.reset();
  }

  /** @param register REG.lvtTimer..REG.lvtError */
  read(register: number): number {
    return this.state.entries[register - REG.lvtTimer] as number;
  }

  /** @param enabled false while the APIC is software-disabled: entries stay masked then */
  write(register: number, value: number, enabled: boolean): void {
    const { entries, lint } = this.state;
    const kept = value & ENTRY.level ? this.read(register) & ENTRY.remoteIrr : 0;
    entries[register - REG.lvtTimer] = value | kept | (enabled ? 0 : ENTRY.masked);
    if (register === REG.lvtTimer) this.#configureTimer();
    for (const pin of [0, 1] as const) {
      if (register === LINT_REGISTERS[pin] && value & ENTRY.level && lint[pin]) {
        this.trigger(register);
      }
    }
  }

  /** The APIC is software-disabled: every entry becomes masked. */
  maskAll(): void {
    const { entries } = this.state;
    for (let i = 0; i < COUNT; i++) entries[i] = (entries[i] as number) | ENTRY.masked;
    this.#configureTimer();
  }

  /** Whether LINT0 is open for an external controller. */
  get takesExternal(): boolean {
    const entry = this.read(REG.lvtLint0);
    return (entry & ENTRY.masked) === 0 && deliveryOf(entry) === DELIVERY.extInt;
  }

  setLint(pin: 0 | 1, asserted: boolean): void {
    const { lint } = this.state;
    const rising = asserted && !lint[pin];
    lint[pin] = asserted;
    const level = (this.read(LINT_REGISTERS[pin]) & ENTRY.level) !== 0;
    if (asserted && (rising || level)) this.trigger(LINT_REGISTERS[pin]);
  }

  /** A local source fires. */
  trigger(register: number): void {
    const entry = this.read(register);
    if (entry & ENTRY.masked) return;
    const isLint = register === REG.lvtLint0 || register === REG.lvtLint1;
    const alwaysFixed = register === REG.lvtTimer || register === REG.lvtError;
    const delivery = alwaysFixed ? DELIVERY.fixed : deliveryOf(entry);
    if (delivery === DELIVERY.fixed) {
      const level = isLint && (entry & ENTRY.level) !== 0;
      if (level && entry & ENTRY.remoteIrr) return;
      if (level) this.state.entries[register - REG.lvtTimer] = entry | ENTRY.remoteIrr;
      this.#sink.accept(entry & ENTRY.vector, level);
    } else if (delivery === DELIVERY.nmi) this.#sink.nmi();
    else if (delivery === DELIVERY.smi) this.#sink.smi();
    else this.#sink.externalChanged();
  }

  /** An error was noted. An error entry without a legal vector would only raise another error. */
  triggerError(): void {
    const vector = this.read(REG.lvtError) & ENTRY.vector;
    if (vector >= FIRST_LEGAL_VECTOR) this.trigger(REG.lvtError);
  }

  /** A level-triggered interrupt of `vector` ended; a pin still asserted requests again. */
  ended(vector: number): void {
    const { entries, lint } = this.state;
    for (const pin of [0, 1] as const) {
      const register = LINT_REGISTERS[pin];
      const entry = this.read(register);
      if ((entry & ENTRY.vector) !== vector || (entry & ENTRY.remoteIrr) === 0) continue;
      entries[register - REG.lvtTimer] = entry & ~ENTRY.remoteIrr;
      if (lint[pin]) this.trigger(register);
    }
  }

  /** Firmware's hand-over: the 8259 pair through LINT0, NMI through LINT1. */
  virtualWire(): void {
    this.write(REG.lvtLint0, ENTRY.level | (DELIVERY.extInt << ENTRY.deliveryShift), true);
    this.write(REG.lvtLint1, DELIVERY.nmi << ENTRY.deliveryShift, true);
  }

  #configureTimer(): void {
    const entry = this.read(REG.lvtTimer);
    const counting = entry & ENTRY.periodic ? "periodic" : "one-shot";
    const mode = entry & ENTRY.tscDeadline ? "TSC-deadline" : counting;
    this.#timer.configure(mode, (entry & ENTRY.masked) === 0);
  }
}

function deliveryOf(entry: number): number {
  return (entry >> ENTRY.deliveryShift) & 7;
}
