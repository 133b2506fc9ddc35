/**
 * PCI configuration mechanism #1 (PCI Local Bus Specification 3.0, 3.2.2.3): the address at port
 * 0xCF8, data at 0xCFC..0xCFF, bus 0 only. Devices come as functions with a configuration space.
 */
import type { Device } from "../device.ts";
import type { AccessBytes, PortHandler } from "../port-bus.ts";
import type { ResetControl } from "./reset-ports.ts";

const ADDRESS = { enabled: 0x80000000, writable: 0x80fffffc } as const;
const DATA_OFFSET = 4;
const RESET_CONTROL_OFFSET = 1;
const CONFIG_BYTES = 256;

/** One function's configuration space. Offsets 0..255, accesses within an aligned 32-bit word. */
export interface PciFunction {
  readConfig(offset: number, bytes: AccessBytes): number;
  writeConfig(offset: number, bytes: AccessBytes, value: number): void;
}

export interface PciIdentity {
  readonly vendor: number;
  readonly device: number;
  /** Class, subclass and programming interface: 0x060000 is a host bridge. */
  readonly classCode: number;
  readonly revision?: number;
}

/** A configuration space in memory with a mask of writable bits: enough for a plain function. */
export class PciConfigSpace implements PciFunction {
  readonly bytes = new Uint8Array(CONFIG_BYTES);
  readonly writable = new Uint8Array(CONFIG_BYTES);

  constructor({ vendor, device, classCode, revision = 0 }: PciIdentity) {
    const view = new DataView(this.bytes.buffer);
    view.setUint16(0x00, vendor, true);
    view.setUint16(0x02, device, true);
    view.setUint32(0x08, classCode * 256 + revision, true);
  }

  readConfig(offset: number, bytes: AccessBytes): number {
    let value = 0;
    for (let i = 0; i < bytes; i++) value += (this.bytes[offset + i] as number) * 256 ** i;
    return value;
  }

  writeConfig(offset: number, bytes: AccessBytes, value: number): void {
    for (let i = offset; i < offset + bytes; i++) {
      const mask = this.writable[i] as number;
      const byte = Math.floor(value / 256 ** (i - offset)) & 0xff;
      this.bytes[i] = ((this.bytes[i] as number) & ~mask) | (byte & mask);
    }
  }
}

/** An Intel 440FX, whose identity every PC kernel knows; it has nothing to configure here. */
export function hostBridge(): PciConfigSpace {
  return new PciConfigSpace({ vendor: 0x8086, device: 0x1237, classCode: 0x060000, revision: 2 });
}

/** Ports 0xCF8..0xCFF; the reset control register lies among them at 0xCF9. */
export class PciBus implements Device, PortHandler {
  readonly widestBytes = 4;
  readonly state = { address: 0 };
  readonly #functions = new Map<number, PciFunction>();
  readonly #resetControl: ResetControl;

  constructor(resetControl: ResetControl) {
    this.#resetControl = resetControl;
  }

  reset(): void {
    this.state.address = 0;
  }

  /** Puts a function at bus 0, `device` 0..31, `func` 0..7. */
  add(device: number, func: number, pciFunction: PciFunction): void {
    this.#functions.set((device << 3) | func, pciFunction);
  }

  read(offset: number, bytes: AccessBytes): number {
    if (offset < DATA_OFFSET) {
      if (offset === 0 && bytes === 4) return this.state.address;
      return offset === RESET_CONTROL_OFFSET && bytes === 1
        ? this.#resetControl.read()
        : 0xffffffff;
    }
    const at = this.#select(offset);
    return at ? at.target.readConfig(at.register, bytes) : 0xffffffff;
  }

  write(offset: number, bytes: AccessBytes, value: number): void {
    if (offset >= DATA_OFFSET) {
      const at = this.#select(offset);
      at?.target.writeConfig(at.register, bytes, value);
    } else if (offset === 0 && bytes === 4) this.state.address = (value & ADDRESS.writable) >>> 0;
    else if (offset === RESET_CONTROL_OFFSET && bytes === 1) this.#resetControl.write(value);
  }

  /** The function and register that the address names; nothing when disabled or not there. */
  #select(offset: number): { target: PciFunction; register: number } | undefined {
    const { address } = this.state;
    if (!(address & ADDRESS.enabled) || (address >>> 16) & 0xff) return undefined;
    const target = this.#functions.get((address >>> 8) & 0xff);
    return target && { target, register: (address & 0xfc) + offset - DATA_OFFSET };
  }
}
