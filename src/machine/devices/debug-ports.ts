/** Ports that exist for people: the POST code, the debug console and the debug exit. */
import type { MachineControl } from "../device.ts";
import type { PortHandler } from "../port-bus.ts";

/** What a read of the debug console gives, by which a guest finds it. */
const DEBUG_CONSOLE_ID = 0xe9;

/** Port 0x80: keeps the last code; it reads back. Kernels also write it to wait a moment. */
export class PostCode implements PortHandler {
  readonly state = { code: 0 };

  read(): number {
    return this.state.code;
  }

  write(_offset: number, _bytes: number, value: number): void {
    this.state.code = value;
  }
}

/** Port 0xE9: each byte written goes to `sink`. */
export function debugConsole(sink: (byte: number) => void): PortHandler {
  return { read: () => DEBUG_CONSOLE_ID, write: (_offset, _bytes, value) => sink(value) };
}

/** Port 0xF4, 4 bytes: writing v ends the run with exit code 2v + 1, cut to a byte. */
export function debugExit(control: MachineControl): PortHandler {
  return {
    widestBytes: 4,
    read: () => 0,
    write: (_offset, _bytes, value) => control.exit((value * 2 + 1) & 0xff),
  };
}
