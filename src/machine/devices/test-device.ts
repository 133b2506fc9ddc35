/**
 * A device for bare-metal test suites: ports that drive the interrupt lines (0x2000 + line), four
 * bytes of port storage at 0xE0, and 64 KiB of memory at 0xFF000000, all as QEMU's `pc-testdev`.
 */
import type { MmioHandler } from "../../memory/mmio.ts";
import type { Device } from "../device.ts";
import type { PortHandler } from "../port-bus.ts";

export const TEST_IRQ_PORTS = 0x2000;
export const TEST_STORAGE_PORTS = 0xe0;
export const TEST_MEMORY_BASE = 0xff000000;
export const TEST_MEMORY_BYTES = 65536;

export class TestDevice implements Device {
  readonly state = { storage: new Uint8Array(4), memory: new Uint8Array(TEST_MEMORY_BYTES) };

  /** Memory and storage are cleared. */
  reset(): void {
    this.state.storage.fill(0);
    this.state.memory.fill(0);
  }

  readonly storage: PortHandler = {
    read: (offset) => this.state.storage[offset] as number,
    write: (offset, _bytes, value) => {
      this.state.storage[offset] = value;
    },
  };

  readonly memory: MmioHandler = {
    read: (offset, bytes) => {
      let value = 0;
      for (let i = 0; i < bytes; i++) value += (this.state.memory[offset + i] as number) * 256 ** i;
      return value;
    },
    write: (offset, bytes, value) => {
      for (let i = 0; i < bytes; i++) this.state.memory[offset + i] = Math.floor(value / 256 ** i);
    },
  };

  /** Ports that drive one line each: any bit set asserts it. */
  static irqPorts(setLine: (line: number, asserted: boolean) => void): PortHandler {
    return { read: () => 0, write: (offset, _bytes, value) => setLine(offset, value !== 0) };
  }
}
