/**
 * The firmware configuration device (QEMU documentation, "QEMU Firmware Configuration (fw_cfg)
 * Device"): selector at port 0x510, data at 0x511, DMA at 0x514.
 */

import { badArgument } from "../../base/errors.ts";
import type { PhysicalMemory } from "../../memory/physical-memory.ts";
import type { Device } from "../device.ts";
import type { AccessBytes, PortHandler } from "../port-bus.ts";

export const FW_CFG = {
  signature: 0x00,
  id: 0x01,
  ramBytes: 0x03,
  cpuCount: 0x05,
  maxCpus: 0x0f,
  files: 0x19,
  firstFile: 0x20,
} as const;
const TRADITIONAL = 1;
const HAS_DMA = 2;
const FILE_ENTRY_BYTES = 64;
const NAME_BYTES = 56;
const MAX_FILES = 256;
/** Port offsets; the DMA address is big-endian, its low half starts the transfer. */
const PORT = { data: 1, dmaHi: 4, dmaLo: 8 } as const;
const DMA = { error: 1, read: 2, skip: 4, select: 8, write: 16 } as const;
const DMA_BYTES = 16;
/** More than any item; a longer read is an error, so that one port access stays a short one. */
const MAX_TRANSFER_BYTES = 16 * 1024 * 1024;
const DMA_SIGNATURE = new TextEncoder().encode("QEMU CFG");

export class FwCfg implements Device, PortHandler {
  readonly widestBytes = 4;
  readonly state = { selected: 0, position: 0, dmaHi: 0 };
  readonly #memory: PhysicalMemory;
  readonly #items = new Map<number, Uint8Array>();
  readonly #files: { readonly name: string; readonly bytes: Uint8Array }[] = [];

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
    this.setItem(FW_CFG.signature, new TextEncoder().encode("QEMU"));
    this.setNumber(FW_CFG.id, TRADITIONAL | HAS_DMA, 4);
    this.#listFiles();
  }

  reset(): void {
    Object.assign(this.state, { selected: 0, position: 0, dmaHi: 0 });
  }

  setItem(selector: number, bytes: Uint8Array): void {
    this.#items.set(selector, bytes);
  }

  /** Sets an item to a little-endian number. */
  setNumber(selector: number, value: number, bytes: number): void {
    this.setItem(
      selector,
      Uint8Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i)),
    );
  }

  /** Adds a named file, as `etc/...` or `opt/...`: ASCII, at most 55 characters. */
  addFile(name: string, bytes: Uint8Array): void {
    if (!/^[\x21-\x7e]{1,55}$/.test(name)) badArgument("file", "1..55 ASCII characters", name);
    if (this.#files.length >= MAX_FILES) badArgument("files", `at most ${MAX_FILES}`, "one more");
    this.#files.push({ name, bytes });
    this.#listFiles();
  }

  read(offset: number, bytes: AccessBytes): number {
    if (offset === PORT.data && bytes === 1) return this.#next();
    if (offset < PORT.dmaHi) return 0;
    let value = 0;
    for (let i = 0; i < bytes; i++) value += (DMA_SIGNATURE[offset - 4 + i] ?? 0) * 256 ** i;
    return value;
  }

  write(offset: number, bytes: AccessBytes, value: number): void {
    const s = this.state;
    if (offset === 0 && bytes === 2) this.#select(value);
    else if (bytes === 4 && offset === PORT.dmaHi) s.dmaHi = swap(value);
    else if (bytes === 4 && offset === PORT.dmaLo) {
      const at = s.dmaHi * 2 ** 32 + swap(value);
      s.dmaHi = 0;
      this.#transfer(at);
    }
  }

  #select(selector: number): void {
    this.state.selected = selector;
    this.state.position = 0;
  }

  /** The next byte of the selected item, 0 beyond its end. */
  #next(): number {
    const s = this.state;
    const byte = this.#items.get(s.selected)?.[s.position];
    if (byte === undefined) return 0;
    s.position += 1;
    return byte;
  }

  /** A control structure at `at`: control, length, address, big-endian. Out of reach: lost. */
  #transfer(at: number): void {
    if (at + DMA_BYTES > this.#memory.limit) return;
    const s = this.state;
    const word = (offset: number) => swap(this.#memory.read32(at + offset));
    const control = word(0);
    const length = word(4);
    const address = word(8) * 2 ** 32 + word(12);
    if (control & DMA.select) this.#select(control >>> 16);
    const item = this.#items.get(s.selected);
    const left = item ? item.subarray(s.position, s.position + length) : new Uint8Array(0);
    // Nothing here can be written.
    const reads = (control & DMA.read) !== 0;
    const outOfReach = address + length > this.#memory.limit || length > MAX_TRANSFER_BYTES;
    const failed = (control & DMA.write) !== 0 || (reads && outOfReach);
    if (!failed && reads) {
      this.#memory.writeBytes(address, left);
      this.#clear(address + left.length, length - left.length);
    }
    if (!failed && control & (DMA.read | DMA.skip)) s.position += left.length;
    this.#memory.write32(at, failed ? swap(DMA.error) : 0);
  }

  /** Zeroes what was asked for beyond an item's end, as far as there is RAM in one piece. */
  #clear(address: number, bytes: number): void {
    const region = this.#memory.regionAt(address);
    if (region) this.#memory.fill(address, Math.min(bytes, region.end - address));
  }

  /** The directory: a big-endian count, then size, selector and name of each file. */
  #listFiles(): void {
    const directory = new Uint8Array(4 + this.#files.length * FILE_ENTRY_BYTES);
    const view = new DataView(directory.buffer);
    view.setUint32(0, this.#files.length);
    for (const [index, { name, bytes }] of this.#files.entries()) {
      const at = 4 + index * FILE_ENTRY_BYTES;
      view.setUint32(at, bytes.length);
      view.setUint16(at + 4, FW_CFG.firstFile + index);
      directory.set(new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1), at + 8);
      this.setItem(FW_CFG.firstFile + index, bytes);
    }
    this.setItem(FW_CFG.files, directory);
  }
}

/** A 32-bit number with its bytes in the other order, unsigned. */
function swap(value: number): number {
  const swapped =
    (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
  return swapped >>> 0;
}
