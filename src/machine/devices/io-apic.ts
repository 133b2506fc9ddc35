/**
 * The I/O APIC (Intel "82093AA I/O Advanced Programmable Interrupt Controller"), version 0x20: as
 * the 82093AA with an EOI register. 24 pins; a page at 0xFEC00000.
 */
import type { MmioHandler } from "../../memory/mmio.ts";
import type { Device } from "../device.ts";
import { type ApicBus, DELIVERY } from "./apic-bus.ts";

export const IO_APIC_BASE = 0xfec00000;
export const IO_APIC_PINS = 24;
const VERSION = ((IO_APIC_PINS - 1) << 16) | 0x20;

const WINDOW = { select: 0x00, data: 0x10, eoi: 0x40 } as const;
const REGISTER = { id: 0, version: 1, arbitration: 2, redirection: 0x10 } as const;
const ENTRY = { logical: 0x800, remoteIrr: 0x4000, level: 0x8000, masked: 0x10000 } as const;
/** Vector, delivery and destination mode, polarity, trigger mode, mask. */
const ENTRY_WRITABLE = 0x1afff;

export class IoApic implements Device, MmioHandler {
  readonly state = {
    select: 0,
    /** Identifier in bits 27:24. */
    id: 0,
    /** Low and high words of the redirection table. */
    lo: new Uint32Array(IO_APIC_PINS).fill(ENTRY.masked),
    hi: new Uint32Array(IO_APIC_PINS),
    /** Levels of the pins, asserted or not; polarity is the wiring's business. */
    lines: 0,
  };
  readonly #bus: ApicBus;

  constructor(bus: ApicBus) {
    this.#bus = bus;
    bus.onEoi((vector) => this.#endOfInterrupt(vector));
  }

  reset(): void {
    this.state.select = 0;
    this.state.id = 0;
    this.state.lo.fill(ENTRY.masked);
    this.state.hi.fill(0);
  }

  setLine(pin: number, asserted: boolean): void {
    const s = this.state;
    const bit = 1 << pin;
    const rising = asserted && (s.lines & bit) === 0;
    if (asserted) s.lines |= bit;
    else s.lines &= ~bit;
    const entry = s.lo[pin] as number;
    if (entry & ENTRY.level) this.#serveLevel(pin);
    else if (rising && (entry & ENTRY.masked) === 0) this.#send(pin);
  }

  read(offset: number): number {
    if (offset === WINDOW.select) return this.state.select;
    return offset === WINDOW.data ? this.#readRegister(this.state.select) : 0;
  }

  write(offset: number, _bytes: 1 | 2 | 4, value: number): void {
    if (offset === WINDOW.select) this.state.select = value & 0xff;
    else if (offset === WINDOW.data) this.#writeRegister(this.state.select, value);
    else if (offset === WINDOW.eoi) this.#endOfInterrupt(value & 0xff);
  }

  #readRegister(index: number): number {
    const s = this.state;
    if (index === REGISTER.id || index === REGISTER.arbitration) return s.id;
    if (index === REGISTER.version) return VERSION;
    const pin = (index - REGISTER.redirection) >> 1;
    return (index & 1 ? s.hi[pin] : s.lo[pin]) ?? 0;
  }

  #writeRegister(index: number, value: number): void {
    const s = this.state;
    if (index === REGISTER.id) s.id = value & 0x0f000000;
    const pin = (index - REGISTER.redirection) >> 1;
    if (pin < 0 || pin >= IO_APIC_PINS) return;
    if (index & 1) {
      s.hi[pin] = value & 0xff000000;
      return;
    }
    const entry = value & ENTRY_WRITABLE;
    const remoteIrr = entry & ENTRY.level ? (s.lo[pin] as number) & ENTRY.remoteIrr : 0;
    s.lo[pin] = entry | remoteIrr;
    if (entry & ENTRY.level) this.#serveLevel(pin);
  }

  #serveLevel(pin: number): void {
    const s = this.state;
    const entry = s.lo[pin] as number;
    if ((s.lines & (1 << pin)) === 0 || entry & (ENTRY.masked | ENTRY.remoteIrr)) return;
    const delivery = (entry >> 8) & 7;
    const awaitsEoi = delivery === DELIVERY.fixed || delivery === DELIVERY.lowestPriority;
    if (awaitsEoi) s.lo[pin] = entry | ENTRY.remoteIrr;
    this.#send(pin);
  }

  #send(pin: number): void {
    const entry = this.state.lo[pin] as number;
    const delivery = (entry >> 8) & 7;
    const levelCapable = delivery === DELIVERY.fixed || delivery === DELIVERY.lowestPriority;
    this.#bus.send({
      vector: entry & 0xff,
      delivery,
      level: levelCapable && (entry & ENTRY.level) !== 0,
      logical: (entry & ENTRY.logical) !== 0,
      destination: (this.state.hi[pin] as number) >>> 24,
      wide: false,
    });
  }

  /** Ends every level-triggered interrupt of that vector; lines still asserted send again. */
  #endOfInterrupt(vector: number): void {
    const { lo } = this.state;
    for (let pin = 0; pin < IO_APIC_PINS; pin++) {
      const entry = lo[pin] as number;
      if ((entry & 0xff) !== vector || (entry & ENTRY.remoteIrr) === 0) continue;
      lo[pin] = entry & ~ENTRY.remoteIrr;
      this.#serveLevel(pin);
    }
  }
}
