/** Port 0x92 ("system control port A") and the reset control register at 0xCF9. */
import type { Device, MachineControl } from "../device.ts";
import type { PortHandler } from "../port-bus.ts";

const FAST_RESET = 0x01;
const FAST_A20 = 0x02;
/** Reset control: bit 2, rising, resets; bits 1 and 3 choose how hard, which is one here. */
const RESET_CPU = 0x04;
const RESET_KINDS = 0x0a;

/** Address line 20 is always open on this board; the bit only reads back. */
export class SystemControlA implements Device, PortHandler {
  readonly state = { value: FAST_A20 };
  readonly #control: MachineControl;

  constructor(control: MachineControl) {
    this.#control = control;
  }

  reset(): void {
    this.state.value = FAST_A20;
  }

  read(): number {
    return this.state.value;
  }

  write(_offset: number, _bytes: number, value: number): void {
    const rising = value & ~this.state.value;
    this.state.value = value;
    if (rising & FAST_RESET) this.#control.reset("port 0x92");
  }
}

export class ResetControl implements Device {
  readonly state = { value: 0 };
  readonly #control: MachineControl;

  constructor(control: MachineControl) {
    this.#control = control;
  }

  reset(): void {
    this.state.value = 0;
  }

  read(): number {
    return this.state.value;
  }

  write(value: number): void {
    const rising = value & ~this.state.value;
    this.state.value = value & RESET_KINDS;
    if (rising & RESET_CPU) this.#control.reset("port 0xcf9");
  }
}
