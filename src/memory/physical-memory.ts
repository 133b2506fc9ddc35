/**
 * Physical memory: sparse, up to 52 address bits, backed by frames in one ArrayBuffer.
 *
 * - RAM costs host memory in chunks of 64 KiB from the first *write* on; unwritten RAM reads 0.
 * - Addresses where nothing is read as all ones, and writes to them are lost, as on a PC's bus.
 * - MMIO lies over RAM where both are mapped; ROM ignores writes.
 * - Values are little-endian and need no alignment.
 * - A watched page is reported once for each access that writes into it, however wide.
 *
 * Every access throws an ArgumentError for an address that is negative or not an integer where it
 * leaves the fast path, and a ResourceError when a write finds the host backing exhausted; of a
 * bulk write, the pages before that one are written then.
 */
import { badArgument } from "../base/errors.ts";
import { hiOf, loOf, wordOf } from "../base/word64.ts";
import { hostOf } from "./backing.ts";
import { CHUNK_BYTES, type LinearMemoryOptions, PAGE_BYTES, PAGE_SHIFT } from "./layout.ts";
import { MemoryMap } from "./memory-map.ts";

const IN_CHUNK = CHUNK_BYTES - 1;
const IN_PAGE = PAGE_BYTES - 1;

/** The i-th byte, in order of address, of the 64-bit value whose halves are `hi` and `lo`. */
function byteOf(hi: number, lo: number, i: number): number {
  return ((i < 4 ? lo : hi) >>> (8 * (i & 3))) & 0xff;
}

export class PhysicalMemory extends MemoryMap {
  readonly #bytes: Uint8Array;
  readonly #int32: Int32Array;
  readonly #view: DataView;

  constructor(options: LinearMemoryOptions = {}) {
    super(options);
    this.#bytes = this.linear.bytes;
    this.#int32 = this.linear.int32;
    this.#view = new DataView(this.linear.buffer);
  }

  // --- Host addresses (for generated code and its caches) -------------------------------------

  /**
   * The host address of the byte at `physical` when it can be read by a plain load, else 0.
   * The rest of its 4 KiB page is behind it. Void after the next `mapChanged`.
   */
  hostForRead(physical: number): number {
    const host = this.#plainHost(physical);
    if (host !== 0 || this.ranges.find(physical)?.value.contents === undefined) return host;
    if (this.devices.find(physical) !== undefined) return 0;
    this.touch(physical, false);
    return this.#plainHost(physical);
  }

  /**
   * The host address of the byte at `physical` when it can be written by a plain store, else 0
   * (absent, ROM, a device, or a watched page). Gives the chunk host memory if it had none.
   * Void after the next `mapChanged`, or `watchChanged` of this page.
   * @throws ResourceError when the host backing is exhausted
   */
  hostForWrite(physical: number): number {
    if (!(physical >= 0 && physical < this.limit)) return 0;
    let entry = this.backing.entryOf(physical);
    if (entry === 0) {
      if (!this.#isWritable(physical)) return 0;
      this.touch(physical, true);
      entry = this.backing.entryOf(physical);
      if (entry === 0) return 0;
    }
    const offset = physical & IN_CHUNK;
    return (entry >>> (offset >>> PAGE_SHIFT)) & 1 ? 0 : hostOf(entry) + offset;
  }

  // --- Reads ----------------------------------------------------------------------------------

  read8(physical: number): number {
    const host = this.#plainHost(physical);
    return host !== 0 ? (this.#bytes[host] as number) : this.#readSlow(physical, 1);
  }

  read16(physical: number): number {
    const host = this.#plainHost(physical);
    return host !== 0 && (physical & IN_CHUNK) <= CHUNK_BYTES - 2
      ? this.#view.getUint16(host, true)
      : this.#readSlow(physical, 2);
  }

  /** Unsigned. */
  read32(physical: number): number {
    return this.readInt32(physical) >>> 0;
  }

  /** The 32 bits at `physical` as int32: half of an entry on a hot path. */
  readInt32(physical: number): number {
    const host = this.#plainHost(physical);
    if (host === 0) return this.#readSlow(physical, 4) | 0;
    if ((host & 3) === 0) return this.#int32[host >>> 2] as number;
    return (physical & IN_CHUNK) <= CHUNK_BYTES - 4
      ? this.#view.getInt32(host, true)
      : this.#readSlow(physical, 4) | 0;
  }

  /** In 0 .. 2^64-1; of a device, as two 32-bit reads, the lower half first. */
  read64(physical: number): bigint {
    const lo = this.readInt32(physical);
    return wordOf(this.readInt32(physical + 4), lo);
  }

  // --- Writes ---------------------------------------------------------------------------------

  write8(physical: number, value: number): void {
    const host = this.hostForWrite(physical);
    if (host !== 0) this.#bytes[host] = value;
    else this.#writeSlow(physical, 1, 0, value);
  }

  write16(physical: number, value: number): void {
    const host = this.hostForWrite(physical);
    if (host !== 0 && (physical & IN_PAGE) <= PAGE_BYTES - 2) {
      this.#view.setUint16(host, value, true);
    } else this.#writeSlow(physical, 2, 0, value);
  }

  write32(physical: number, value: number): void {
    const host = this.hostForWrite(physical);
    if (host !== 0 && (physical & IN_PAGE) <= PAGE_BYTES - 4) {
      if ((host & 3) === 0) this.#int32[host >>> 2] = value;
      else this.#view.setInt32(host, value, true);
    } else this.#writeSlow(physical, 4, 0, value);
  }

  /** The low 64 bits of `value`; to a device, as two 32-bit writes, the lower half first. */
  write64(physical: number, value: bigint): void {
    this.writePair(physical, hiOf(value), loOf(value));
  }

  /** Writes the 64-bit word whose halves are `hi` and `lo`: an entry, without a bigint. */
  writePair(physical: number, hi: number, lo: number): void {
    const host = this.hostForWrite(physical);
    if (host !== 0 && (physical & IN_PAGE) <= PAGE_BYTES - 8) {
      if ((host & 3) === 0) {
        this.#int32[host >>> 2] = lo;
        this.#int32[(host >>> 2) + 1] = hi;
      } else {
        this.#view.setInt32(host, lo, true);
        this.#view.setInt32(host + 4, hi, true);
      }
    } else this.#writeSlow(physical, 8, hi, lo);
  }

  // --- Bulk -----------------------------------------------------------------------------------

  /** Fills `into` with the bytes from `physical` on; absent bytes are 0xff. */
  readBytes(physical: number, into: Uint8Array): void {
    this.#forEachPage(physical, into.length, (at, offset, bytes) => {
      const device = this.devices.find(at);
      if (device !== undefined) {
        for (let i = 0; i < bytes; i++) into[offset + i] = this.#readSlow(at + i, 1);
        return;
      }
      const host = this.touch(at, false);
      if (host !== 0) into.set(this.#bytes.subarray(host, host + bytes), offset);
      else into.fill(this.ranges.find(at) ? 0 : 0xff, offset, offset + bytes);
    });
  }

  /** Writes the bytes of `from` from `physical` on; a device gets them one by one. */
  writeBytes(physical: number, from: Uint8Array): void {
    this.#forEachPage(physical, from.length, (at, offset, bytes) => {
      const host = this.hostForWrite(at);
      if (host !== 0) this.#bytes.set(from.subarray(offset, offset + bytes), host);
      else this.#writePiece(at, bytes, (i) => from[offset + i] as number);
    });
  }

  /** Sets `bytes` bytes from `physical` on to the low 8 bits of `value`. */
  fill(physical: number, bytes: number, value = 0): void {
    const byte = value & 0xff;
    this.#forEachPage(physical, bytes, (at, _offset, piece) => {
      if (byte === 0 && this.#plainHost(at) === 0 && this.ignoresZero(at)) return;
      const host = this.hostForWrite(at);
      if (host !== 0) this.#bytes.fill(byte, host, host + piece);
      else this.#writePiece(at, piece, () => byte);
    });
  }

  /** Copies `bytes` bytes; ranges that overlap are copied as if through a buffer. */
  copy(to: number, from: number, bytes: number): void {
    checkAddress(from);
    checkRange(to, bytes);
    const end = to + bytes;
    const buffer = new Uint8Array(Math.min(bytes, CHUNK_BYTES));
    const backwards = from < to && to < from + bytes;
    // Pieces end where a destination's chunk ends: no page is written in two of them.
    let low = to;
    let high = end;
    while (low < high) {
      const start = backwards ? Math.max(to, high - 1 - ((high - 1) % CHUNK_BYTES)) : low;
      const stop = backwards ? high : Math.min(end, low - (low % CHUNK_BYTES) + CHUNK_BYTES);
      const piece = buffer.subarray(0, stop - start);
      this.readBytes(from + (start - to), piece);
      this.writeBytes(start, piece);
      if (backwards) high = start;
      else low = stop;
    }
  }

  // --- The slow path --------------------------------------------------------------------------

  /** Host address for a read of plain RAM, 0 otherwise. */
  #plainHost(physical: number): number {
    if (!(physical >= 0 && physical < this.limit)) return 0;
    const entry = this.backing.entryOf(physical);
    return entry === 0 ? 0 : hostOf(entry) + (physical & IN_CHUNK);
  }

  /** Whether a write at `physical` reaches RAM. */
  #isWritable(physical: number): boolean {
    const region = this.ranges.find(physical);
    if (region === undefined || region.value.kind === "rom") return false;
    return this.devices.find(physical) === undefined;
  }

  #readSlow(physical: number, bytes: 1 | 2 | 4): number {
    checkAddress(physical);
    const device = this.devices.find(physical);
    if (device && physical + bytes <= device.end) {
      const value = device.value.read(physical - device.base, bytes);
      return bytes === 4 ? value >>> 0 : value & (2 ** (8 * bytes) - 1);
    }
    if (bytes > 1) {
      let value = 0;
      for (let i = 0; i < bytes; i++) value += this.read8(physical + i) * 2 ** (8 * i);
      return value;
    }
    const host = this.touch(physical, false);
    if (host !== 0) return this.#bytes[host] as number;
    return this.ranges.find(physical) === undefined ? 0xff : 0;
  }

  #writeSlow(physical: number, bytes: 1 | 2 | 4 | 8, hi: number, lo: number): void {
    checkAddress(physical);
    const device = this.devices.find(physical);
    if (device && physical + Math.min(bytes, 4) <= device.end) {
      const first = bytes === 8 ? 4 : bytes;
      const value = first === 4 ? lo >>> 0 : lo & (2 ** (8 * first) - 1);
      device.value.write(physical - device.base, first, value);
      if (bytes === 8) this.write32(physical + 4, hi);
      return;
    }
    const inPage = Math.min(bytes, PAGE_BYTES - (physical % PAGE_BYTES));
    this.#writePiece(physical, inPage, (i) => byteOf(hi, lo, i));
    if (inPage === 4 && bytes === 8) this.write32(physical + 4, hi);
    else if (inPage < bytes) {
      this.#writePiece(physical + inPage, bytes - inPage, (i) => byteOf(hi, lo, i + inPage));
    }
  }

  /** Writes bytes that lie in one page, whatever is there, and tells who watches it. */
  #writePiece(physical: number, bytes: number, valueAt: (i: number) => number): void {
    const device = this.devices.find(physical);
    if (device) {
      for (let i = 0; i < bytes; i++) device.value.write(physical + i - device.base, 1, valueAt(i));
      return;
    }
    const region = this.ranges.find(physical);
    if (region === undefined || region.value.kind === "rom") return;
    const host = this.touch(physical, true);
    for (let i = 0; i < bytes; i++) this.#bytes[host + i] = valueAt(i);
    this.watches.written(physical, bytes);
  }

  /** Calls `each` for the part of the range in each 4 KiB page, in order of address. */
  #forEachPage(
    physical: number,
    bytes: number,
    each: (at: number, offset: number, bytes: number) => void,
  ): void {
    checkRange(physical, bytes);
    for (let offset = 0; offset < bytes; ) {
      const at = physical + offset;
      const piece = Math.min(bytes - offset, PAGE_BYTES - (at % PAGE_BYTES));
      each(at, offset, piece);
      offset += piece;
    }
  }
}

function checkAddress(physical: number): void {
  if (!Number.isSafeInteger(physical) || physical < 0) {
    badArgument("physical", "an integer in 0..2^53-1", physical);
  }
}

function checkRange(physical: number, bytes: number): void {
  checkAddress(physical);
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    badArgument("bytes", "an integer in 0..2^53-1", bytes);
  }
}
