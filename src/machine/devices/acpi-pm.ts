/**
 * ACPI fixed hardware (ACPI specification, "ACPI Hardware Specification"): the PM1a event and
 * control registers, the PM timer, general-purpose events 0, and the SMI command port that stands
 * for firmware's part in switching ACPI on.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Device, MachineControl, Wire } from "../device.ts";
import { Frequency } from "../frequency.ts";
import type { AccessBytes, PortHandler } from "../port-bus.ts";

export const PM_TIMER_HZ = 3579545;
/** Values for the SMI command port, as the FADT announces them. */
export const ACPI_ENABLE = 2;
export const ACPI_DISABLE = 3;
/** SLP_TYP of soft-off, as the DSDT's _S5 announces it. */
export const SOFT_OFF_TYPE = 5;
/** Bytes of the GPE0 block: half status, half enable. */
export const GPE0_BYTES = 16;

const PM1 = { timer: 0x0001, global: 0x0020, power: 0x0100, sleep: 0x0200, rtc: 0x0400 } as const;
const PM1_EVENTS = PM1.timer | PM1.global | PM1.power | PM1.sleep | PM1.rtc;
const CONTROL = { sciEnable: 0x0001, sleepEnable: 0x2000, writable: 0x1c02 } as const;
/** The timer has 24 bits; its status is set when the highest one changes. */
const TIMER_BITS = 24;
const HALF_TIMER = 2 ** (TIMER_BITS - 1);
const GPE_BYTES = GPE0_BYTES / 2;

export class AcpiPm implements Device {
  readonly state = {
    status: 0,
    enable: 0,
    control: 0,
    gpeStatus: new Uint8Array(GPE_BYTES),
    gpeEnable: new Uint8Array(GPE_BYTES),
    /** Halves of the timer's cycle up to which its status was looked at. */
    timerHalves: 0,
    smiCommand: 0,
    smiStatus: 0,
  };
  readonly #clock: Clock;
  readonly #frequency = new Frequency(PM_TIMER_HZ);
  readonly #overflow: Timer;
  readonly #sci: Wire;
  readonly #machine: MachineControl;

  constructor(clock: Clock, sci: Wire, machine: MachineControl) {
    this.#clock = clock;
    this.#sci = sci;
    this.#machine = machine;
    this.#overflow = clock.timer("acpi-pm", () => this.#update());
  }

  reset(): void {
    const s = this.state;
    Object.assign(s, { status: 0, enable: 0, control: 0, smiCommand: 0, smiStatus: 0 });
    s.gpeStatus.fill(0);
    s.gpeEnable.fill(0);
    s.timerHalves = this.#halves;
    this.#update();
  }

  /** A general-purpose event happened: sets its status bit, 0..63. */
  raiseGpe(event: number): void {
    const { gpeStatus } = this.state;
    gpeStatus[event >> 3] = (gpeStatus[event >> 3] as number) | (1 << (event & 7));
    this.#update();
  }

  /** Somebody pressed the power button. */
  pressPowerButton(): void {
    this.state.status |= PM1.power;
    this.#update();
  }

  /** PM1a event block: status (2 bytes, a 1 clears), enable (2 bytes). */
  readonly events: PortHandler = {
    widestBytes: 2,
    read: (offset, bytes) => {
      this.#update();
      return narrow(offset < 2 ? this.state.status : this.state.enable, offset & 1, bytes);
    },
    write: (offset, bytes, value) => {
      const s = this.state;
      this.#update();
      if (offset < 2) s.status &= ~merge(0, offset & 1, bytes, value);
      else s.enable = merge(s.enable, offset & 1, bytes, value) & PM1_EVENTS;
      this.#update();
    },
  };

  /** PM1a control block: 2 bytes. SCI_EN is firmware's to change, through the SMI command. */
  readonly control: PortHandler = {
    widestBytes: 2,
    read: (offset, bytes) => narrow(this.state.control, offset & 1, bytes),
    write: (offset, bytes, value) => {
      const s = this.state;
      const written = merge(s.control, offset & 1, bytes, value);
      s.control = (written & CONTROL.writable) | (s.control & CONTROL.sciEnable);
      const type = (written >> 10) & 7;
      if (written & CONTROL.sleepEnable && type === SOFT_OFF_TYPE) this.#machine.powerOff();
    },
  };

  /** PM timer: 4 bytes, read-only, 24 bits counting. */
  readonly timer: PortHandler = {
    widestBytes: 4,
    read: (offset, bytes) => narrow(this.#ticks % 2 ** TIMER_BITS, offset, bytes),
    write: () => {},
  };

  /** GPE0 block: status bytes (a 1 clears), then enable bytes. */
  readonly generalEvents: PortHandler = {
    read: (offset) => {
      const { gpeStatus, gpeEnable } = this.state;
      return (offset < GPE_BYTES ? gpeStatus[offset] : gpeEnable[offset - GPE_BYTES]) as number;
    },
    write: (offset, _bytes, value) => {
      const { gpeStatus, gpeEnable } = this.state;
      if (offset < GPE_BYTES) gpeStatus[offset] = (gpeStatus[offset] as number) & ~value;
      else gpeEnable[offset - GPE_BYTES] = value;
      this.#update();
    },
  };

  /** Ports 0xB2 (command) and 0xB3 (a byte that only reads back). */
  readonly smi: PortHandler = {
    read: (offset) => (offset === 0 ? this.state.smiCommand : this.state.smiStatus),
    write: (offset, _bytes, value) => {
      const s = this.state;
      if (offset === 1) s.smiStatus = value;
      else {
        s.smiCommand = value;
        if (value === ACPI_ENABLE) s.control |= CONTROL.sciEnable;
        else if (value === ACPI_DISABLE) s.control &= ~CONTROL.sciEnable;
      }
      this.#update();
    },
  };

  get #ticks(): number {
    return this.#frequency.ticksAt(this.#clock.now);
  }

  get #halves(): number {
    return Math.floor(this.#ticks / HALF_TIMER);
  }

  /** Brings the timer's status up to now and drives the SCI. */
  #update(): void {
    const s = this.state;
    const halves = this.#halves;
    if (halves > s.timerHalves) s.status |= PM1.timer;
    s.timerHalves = halves;
    const gpe = s.gpeStatus.some((status, i) => (status & (s.gpeEnable[i] as number)) !== 0);
    const asserted = (s.status & s.enable) !== 0 || gpe;
    this.#sci(asserted && (s.control & CONTROL.sciEnable) !== 0);
    // Only an enabled timer event is worth waking for.
    if (s.enable & PM1.timer && !(s.status & PM1.timer)) {
      this.#overflow.arm(this.#frequency.nsAt((halves + 1) * HALF_TIMER));
    } else this.#overflow.cancel();
  }
}

/** `bytes` bytes of a register from byte `from` on. */
function narrow(value: number, from: number, bytes: AccessBytes): number {
  return Math.floor(value / 256 ** from) % 256 ** bytes;
}

/** A 16-bit register after a write of `bytes` bytes at byte `from`. */
function merge(old: number, from: number, bytes: AccessBytes, value: number): number {
  if (bytes === 2) return value;
  return from === 0 ? (old & 0xff00) | value : (old & 0x00ff) | (value << 8);
}
