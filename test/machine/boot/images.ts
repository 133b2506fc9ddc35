/** Small images, built field by field. */
import { bytesSource } from "../../../src/base/byte-source.ts";
import type { BootRequest } from "../../../src/machine/boot/boot-image.ts";
import { ramLayout } from "../../../src/machine/memory-layout.ts";
import { PhysicalMemory } from "../../../src/memory/physical-memory.ts";

export const MIB = 1024 * 1024;

export function machineMemory(ramBytes = 64 * MIB): PhysicalMemory {
  const memory = new PhysicalMemory({ linearBytes: 256 * MIB, addressBits: 40 });
  memory.mapRam(0, ramBytes);
  return memory;
}

export function request(image: Uint8Array, more: Partial<BootRequest> = {}): BootRequest {
  return { image: bytesSource(image, "image"), ram: ramLayout(64 * MIB), ...more };
}

export interface Segment {
  readonly physical: number;
  readonly bytes: Uint8Array;
  readonly memoryBytes?: number;
}

/** A multiboot header with these flags and address fields. */
export function multibootHeader(flags: number, addresses: readonly number[] = []): Uint8Array {
  const words = [0x1badb002, flags, -(0x1badb002 + flags), ...addresses];
  const view = new DataView(new ArrayBuffer(words.length * 4));
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word >>> 0, true);
  return new Uint8Array(view.buffer);
}

export function elf(bits: 32 | 64, machine: number, entry: number, segments: readonly Segment[]) {
  const [headerBytes, entryBytes] = bits === 64 ? [64, 56] : [52, 32];
  const word = bits === 64 ? 8 : 4;
  let size = headerBytes + entryBytes * segments.length;
  const offsets = segments.map(({ bytes }) => {
    const offset = size;
    size += bytes.length;
    return offset;
  });
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  const put = (at: number, value: number) =>
    word === 8 ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  out.set([0x7f, 0x45, 0x4c, 0x46, bits / 32, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  put(24, entry);
  put(24 + word, headerBytes);
  const tail = 24 + 3 * word + 4;
  for (const [i, value] of [headerBytes, entryBytes, segments.length].entries()) {
    view.setUint16(tail + 2 * i, value, true);
  }
  for (const [i, { physical, bytes, memoryBytes = bytes.length }] of segments.entries()) {
    const at = headerBytes + i * entryBytes;
    view.setUint32(at, 1, true);
    const first = bits === 64 ? at + 8 : at + 4;
    const fields = [offsets[i] as number, 0, physical, bytes.length, memoryBytes];
    for (const [j, value] of fields.entries()) put(first + j * word, value);
    out.set(bytes, offsets[i] as number);
  }
  return out;
}

/** A bzImage with one setup sector and `kernel` as its protected-mode part. */
export function bzImage(
  kernel: Uint8Array,
  fields: { version?: number; flags?: number; preferred?: number; initBytes?: number } = {},
) {
  const { version = 0x20f, flags = 1, preferred = 16 * MIB, initBytes = 2 * MIB } = fields;
  const out = new Uint8Array(1024 + kernel.length);
  const view = new DataView(out.buffer);
  out[0x1f1] = 1;
  view.setUint16(0x1fe, 0xaa55, true);
  out[0x200] = 0xeb;
  out[0x201] = 0x66;
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, version, true);
  view.setUint32(0x22c, 0x7fffffff, true);
  view.setUint32(0x230, 2 * MIB, true);
  view.setUint16(0x236, flags, true);
  view.setUint32(0x238, 2047, true);
  view.setBigUint64(0x258, BigInt(preferred), true);
  view.setUint32(0x260, initBytes, true);
  out.set(kernel, 1024);
  return out;
}

/** The NUL-terminated string at `physical`. */
export function textAt(memory: PhysicalMemory, physical: number): string {
  let text = "";
  for (let at = physical; memory.read8(at) !== 0; at++)
    text += String.fromCharCode(memory.read8(at));
  return text;
}
