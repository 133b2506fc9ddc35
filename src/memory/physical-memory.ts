/**
 * Physical memory: sparse, up to 52 address bits, backed by frames in one ArrayBuffer.
 *
 * - RAM costs host memory in chunks of 64 KiB from the first *write* on; unwritten RAM reads 0.
 * - Addresses where nothing is read as all ones, and writes to them are lost, as on a PC's bus.
 * - MMIO lies over RAM where both are mapped; ROM ignores writes.
 * - Values are little-endian and need no alignment.
 */
import { hex } from "../base/hex.ts";
import { hiOf, loOf, wordOf } from "../base/word64.ts";
import { Backing } from "./backing.ts";
import { AbsentError, AlignmentError, OverlapError } from "./errors.ts";
import { IntervalList } from "./interval-list.ts";
import {
  CHUNK_BYTES,
  LinearMemory,
  type LinearMemoryOptions,
  PAGE_BYTES,
  PAGE_SHIFT,
  SECTION_BYTES,
} from "./layout.ts";
import type { MapChange, MemoryListener, WriteWatcher } from "./listeners.ts";
import type { MmioHandler } from "./mmio.ts";
import { WatchList } from "./watch-list.ts";

/** What lies in a range of physical addresses. `dimm` is RAM that can be unplugged. */
export type MemoryKind = "ram" | "rom" | "dimm";

/** Gives the initial bytes at `physical`; called once for each chunk, before its first use. */
export type Contents = (physical: number, into: Uint8Array) => void;

export interface MemoryRegion {
  readonly base: number;
  readonly end: number;
  readonly kind: MemoryKind;
}

interface Region {
  readonly kind: MemoryKind;
  readonly contents: Contents | undefined;
}

const HOST_MASK = ~(CHUNK_BYTES - 1);
const ALL_WATCHED = CHUNK_BYTES - 1;

export class PhysicalMemory {
  readonly linear: LinearMemory;
  /** One past the highest physical address. */
  readonly limit: number;
  readonly #bytes: Uint8Array;
  readonly #int32: Int32Array;
  readonly #view: DataView;
  readonly #backing: Backing;
  readonly #regions = new IntervalList<Region>();
  readonly #mmio = new IntervalList<MmioHandler>();
  /** Host memory of chunks whose directory word is 0 because not all of them is plain RAM. */
  readonly #trapped = new Map<number, number>();
  readonly #watches = new WatchList();
  readonly #listeners = new Set<MemoryListener>();

  constructor(options: LinearMemoryOptions = {}) {
    this.linear = new LinearMemory(options);
    this.limit = 2 ** this.linear.addressBits;
    this.#bytes = this.linear.bytes;
    this.#int32 = this.linear.int32;
    this.#view = new DataView(this.linear.buffer);
    this.#backing = new Backing(this.linear);
  }

  // --- The memory map -------------------------------------------------------------------------

  /** RAM and ROM in order of address; adjacent ranges stay as they were mapped. */
  get regions(): MemoryRegion[] {
    return this.#regions.items.map(({ base, end, value }) => ({ base, end, kind: value.kind }));
  }

  /** Bytes of host memory that RAM occupies now. */
  get residentBytes(): number {
    return this.#backing.usedBytes;
  }

  /**
   * Maps RAM (or ROM) that stays for good, in units of 4 KiB.
   * @throws AlignmentError, OverlapError
   */
  mapRam(base: number, bytes: number, options: { rom?: boolean; contents?: Contents } = {}): void {
    this.#add(base, bytes, PAGE_BYTES, options.rom ? "rom" : "ram", options.contents);
  }

  /**
   * Plugs a DIMM: whole sections of 128 MiB, zeroed.
   * @throws AlignmentError, OverlapError
   */
  plug(base: number, bytes: number): void {
    this.#add(base, bytes, SECTION_BYTES, "dimm", undefined);
  }

  /**
   * Unplugs whole sections that `plug` plugged. They read as absent afterwards, and their host
   * memory is recycled, zeroed. Whether somebody still uses them is the caller's knowledge.
   * @throws AlignmentError, AbsentError
   */
  unplug(base: number, bytes: number): void {
    this.#checkRange(base, bytes, SECTION_BYTES);
    const end = base + bytes;
    if (!this.#regions.covers(base, end, (region) => region.kind === "dimm")) {
      throw new AbsentError(`unplug: expected plugged sections, got ${range(base, end)}`);
    }
    this.#regions.remove(base, end);
    for (const [chunk, host] of this.#trapped) {
      if (chunk >= base && chunk < end) {
        this.#backing.release(host);
        this.#trapped.delete(chunk);
      }
    }
    for (let at = base; at < end; at += SECTION_BYTES) this.#backing.releaseSection(at);
    this.#publish({ kind: "unplug", base, bytes });
  }

  /**
   * Lays a device's registers over [base, base + bytes), in units of 4 KiB.
   * @returns takes the range away again
   * @throws AlignmentError, OverlapError (with another device; RAM below is hidden, not lost)
   */
  mapMmio(base: number, bytes: number, handler: MmioHandler): () => void {
    this.#checkRange(base, bytes, PAGE_BYTES);
    const end = base + bytes;
    const other = this.#mmio.firstOverlap(base, end);
    if (other) {
      throw new OverlapError(
        `mmio: expected a free range, got ${range(base, end)} over ${range(other.base, other.end)}`,
      );
    }
    this.#mmio.insert(base, end, handler);
    this.#refreshChunks(base, end);
    this.#publish({ kind: "mmio", base, bytes });
    return () => {
      this.#mmio.remove(base, end);
      this.#refreshChunks(base, end);
      this.#publish({ kind: "mmio", base, bytes });
    };
  }

  /** Whether RAM, ROM or a device answers at `physical`. */
  isPresent(physical: number): boolean {
    return this.#mmio.find(physical) !== undefined || this.#regions.find(physical) !== undefined;
  }

  /** The RAM or ROM at `physical`. */
  regionAt(physical: number): MemoryRegion | undefined {
    const found = this.#regions.find(physical);
    return found && { base: found.base, end: found.end, kind: found.value.kind };
  }

  /** Whether [base, base + bytes) is RAM throughout (fixed or plugged). */
  isRam(base: number, bytes: number): boolean {
    return this.#regions.covers(base, base + bytes, (region) => region.kind !== "rom");
  }

  // --- Listeners and watches ------------------------------------------------------------------

  /** @returns ends the subscription */
  subscribe(listener: MemoryListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Calls `watcher` after each write to the 4 KiB page at `physical`.
   * @returns ends the watch
   */
  watch(physical: number, watcher: WriteWatcher): () => void {
    const page = physical - (physical % PAGE_BYTES);
    this.#checkRange(page, PAGE_BYTES, PAGE_BYTES);
    const first = this.#watches.add(page, watcher);
    if (first) this.#watchChanged(page);
    return () => {
      if (this.#watches.remove(page, watcher)) this.#watchChanged(page);
    };
  }

  // --- Host addresses (for generated code and its caches) -------------------------------------

  /**
   * The host address of the byte at `physical` when it can be read by a plain load, else 0.
   * The rest of its 4 KiB page is behind it. Void after the next `mapChanged`.
   */
  hostForRead(physical: number): number {
    if (!(physical < this.limit)) return 0;
    let entry = this.#backing.entryOf(physical);
    if (entry === 0) {
      if (this.#regions.find(physical)?.value.contents === undefined) return 0;
      this.#touch(physical, true);
      entry = this.#backing.entryOf(physical);
      if (entry === 0) return 0;
    }
    return ((entry & HOST_MASK) >>> 0) + (physical % CHUNK_BYTES);
  }

  /**
   * The host address of the byte at `physical` when it can be written by a plain store, else 0
   * (absent, ROM, a device, or a watched page). Gives the chunk host memory if it had none.
   * Void after the next `mapChanged`, or `watchChanged` of this page.
   * @throws ResourceError when the host backing is exhausted
   */
  hostForWrite(physical: number): number {
    if (!(physical < this.limit)) return 0;
    let entry = this.#backing.entryOf(physical);
    if (entry === 0) {
      this.#touch(physical, true);
      entry = this.#backing.entryOf(physical);
      if (entry === 0) return 0;
    }
    const offset = physical % CHUNK_BYTES;
    if ((entry >>> (offset >>> PAGE_SHIFT)) & 1) return 0;
    return ((entry & HOST_MASK) >>> 0) + offset;
  }

  // --- Reads and writes -----------------------------------------------------------------------

  read8(physical: number): number {
    const host = this.#plainHost(physical);
    return host !== 0 ? (this.#bytes[host] as number) : this.#readSlow(physical, 1);
  }

  read16(physical: number): number {
    const host = this.#plainHost(physical);
    return host !== 0 && physical % CHUNK_BYTES <= CHUNK_BYTES - 2
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
    return physical % CHUNK_BYTES <= CHUNK_BYTES - 4
      ? this.#view.getInt32(host, true)
      : this.#readSlow(physical, 4) | 0;
  }

  read64(physical: number): bigint {
    const lo = this.readInt32(physical);
    return wordOf(this.readInt32(physical + 4), lo);
  }

  write8(physical: number, value: number): void {
    const host = this.hostForWrite(physical);
    if (host !== 0) this.#bytes[host] = value;
    else this.#writeSlow(physical, 1, value);
  }

  write16(physical: number, value: number): void {
    const host = this.hostForWrite(physical);
    if (host !== 0 && physical % PAGE_BYTES <= PAGE_BYTES - 2) {
      this.#view.setUint16(host, value, true);
    } else this.#writeSlow(physical, 2, value);
  }

  write32(physical: number, value: number): void {
    const host = this.hostForWrite(physical);
    if (host !== 0 && physical % PAGE_BYTES <= PAGE_BYTES - 4) {
      this.#view.setInt32(host, value, true);
    } else this.#writeSlow(physical, 4, value);
  }

  /** Low half first, as two 32-bit writes. */
  write64(physical: number, value: bigint): void {
    this.writePair(physical, hiOf(value), loOf(value));
  }

  /** Writes the 64-bit word whose halves are `hi` and `lo`: an entry, without a bigint. */
  writePair(physical: number, hi: number, lo: number): void {
    this.write32(physical, lo);
    this.write32(physical + 4, hi);
  }

  /** Fills `into` with the bytes from `physical` on; absent bytes are 0xff. */
  readBytes(physical: number, into: Uint8Array): void {
    this.#forEachPiece(physical, into.length, (at, offset, bytes) => {
      const host = this.#plainHost(at);
      if (host !== 0) into.set(this.#bytes.subarray(host, host + bytes), offset);
      else for (let i = 0; i < bytes; i++) into[offset + i] = this.#readSlow(at + i, 1);
    });
  }

  writeBytes(physical: number, from: Uint8Array): void {
    this.#forEachPiece(physical, from.length, (at, offset, bytes) => {
      const host = this.hostForWrite(at);
      if (host !== 0) this.#bytes.set(from.subarray(offset, offset + bytes), host);
      else this.#writePiece(at, bytes, (i) => from[offset + i] as number);
    });
  }

  /** Sets `bytes` bytes from `physical` on to `value`. */
  fill(physical: number, bytes: number, value = 0): void {
    this.#forEachPiece(physical, bytes, (at, _offset, piece) => {
      if (value === 0 && this.#readsAsZero(at)) return;
      const host = this.hostForWrite(at);
      if (host !== 0) this.#bytes.fill(value, host, host + piece);
      else this.#writePiece(at, piece, () => value);
    });
  }

  /** Copies `bytes` bytes; ranges that overlap are copied as if through a buffer. */
  copy(to: number, from: number, bytes: number): void {
    const buffer = new Uint8Array(Math.min(bytes, CHUNK_BYTES));
    const backwards = from < to && to < from + bytes;
    for (let done = 0; done < bytes; done += buffer.length) {
      const length = Math.min(buffer.length, bytes - done);
      const offset = backwards ? bytes - done - length : done;
      const piece = buffer.subarray(0, length);
      this.readBytes(from + offset, piece);
      this.writeBytes(to + offset, piece);
    }
  }

  // --- The slow path --------------------------------------------------------------------------

  /** Host address for a read of plain RAM, 0 otherwise. */
  #plainHost(physical: number): number {
    if (!(physical < this.limit)) return 0;
    const entry = this.#backing.entryOf(physical);
    return entry === 0 ? 0 : ((entry & HOST_MASK) >>> 0) + (physical % CHUNK_BYTES);
  }

  #readSlow(physical: number, bytes: 1 | 2 | 4): number {
    const device = this.#mmio.find(physical);
    if (device && physical + bytes <= device.end) {
      return device.value.read(physical - device.base, bytes) >>> 0;
    }
    if (bytes > 1) {
      let value = 0;
      for (let i = 0; i < bytes; i++) value += this.read8(physical + i) * 2 ** (8 * i);
      return value;
    }
    if (this.#regions.find(physical) === undefined) return 0xff;
    const host = this.#touch(physical, false);
    return host === 0 ? 0 : (this.#bytes[host] as number);
  }

  #writeSlow(physical: number, bytes: 1 | 2 | 4, value: number): void {
    const device = this.#mmio.find(physical);
    if (device && physical + bytes <= device.end) {
      const mask = 2 ** (8 * bytes) - 1;
      device.value.write(physical - device.base, bytes, (value & mask) >>> 0);
      return;
    }
    const inPage = PAGE_BYTES - (physical % PAGE_BYTES);
    if (bytes <= inPage) this.#writePiece(physical, bytes, (i) => (value >>> (8 * i)) & 0xff);
    else for (let i = 0; i < bytes; i++) this.write8(physical + i, (value >>> (8 * i)) & 0xff);
  }

  /** Writes bytes that lie in one page, whatever is there, and tells who watches it. */
  #writePiece(physical: number, bytes: number, valueAt: (i: number) => number): void {
    const device = this.#mmio.find(physical);
    if (device) {
      for (let i = 0; i < bytes; i++) device.value.write(physical + i - device.base, 1, valueAt(i));
      return;
    }
    const region = this.#regions.find(physical);
    if (region === undefined || region.value.kind === "rom") return;
    const host = this.#touch(physical, true);
    for (let i = 0; i < bytes; i++) this.#bytes[host + i] = valueAt(i);
    this.#watches.written(physical, bytes);
  }

  /** Calls `each` for pieces of the range that lie in one 4 KiB page each. */
  #forEachPiece(
    physical: number,
    bytes: number,
    each: (at: number, offset: number, bytes: number) => void,
  ): void {
    for (let offset = 0; offset < bytes; ) {
      const at = physical + offset;
      const piece = Math.min(bytes - offset, PAGE_BYTES - (at % PAGE_BYTES));
      each(at, offset, piece);
      offset += piece;
    }
  }

  /** Whether the page at `physical` is unwatched RAM that nobody has touched. */
  #readsAsZero(physical: number): boolean {
    const chunk = physical - (physical % CHUNK_BYTES);
    return (
      this.#plainHost(physical) === 0 &&
      !this.#trapped.has(chunk) &&
      !this.#watches.has(physical) &&
      this.#mmio.find(physical) === undefined &&
      this.#regions.find(physical)?.value.contents === undefined
    );
  }

  /**
   * Host address of the RAM or ROM at `physical`, whether plain or trapped; 0 where there is
   * none, or none yet and `allocate` is false and the chunk has no given contents.
   */
  #touch(physical: number, allocate: boolean): number {
    const offset = physical % CHUNK_BYTES;
    const chunk = physical - offset;
    const entry = this.#backing.entryOf(physical);
    if (entry !== 0) return ((entry & HOST_MASK) >>> 0) + offset;
    const trapped = this.#trapped.get(chunk);
    if (trapped !== undefined) return trapped + offset;
    const region = this.#regions.find(physical);
    if (region === undefined) return 0;
    if (!allocate && region.value.contents === undefined) return 0;
    const host = this.#backing.allocate(chunk);
    this.#fillFromContents(chunk, host);
    this.#placeChunk(chunk, host);
    return host + offset;
  }

  #fillFromContents(chunk: number, host: number): void {
    const chunkEnd = chunk + CHUNK_BYTES;
    for (let at = chunk; at < chunkEnd; ) {
      const region = this.#regions.firstOverlap(at, chunkEnd);
      if (region === undefined) return;
      const from = Math.max(at, region.base);
      const to = Math.min(chunkEnd, region.end);
      const start = host + from - chunk;
      region.value.contents?.(from, this.#bytes.subarray(start, start + to - from));
      at = to;
    }
  }

  /** Enters a chunk's host memory in the directory, or sets it aside if it is not plain RAM. */
  #placeChunk(chunk: number, host: number): void {
    const end = chunk + CHUNK_BYTES;
    const plain =
      this.#mmio.firstOverlap(chunk, end) === undefined && this.#regions.covers(chunk, end);
    const rom = !this.#regions.covers(chunk, end, (region) => region.kind !== "rom");
    const watched = rom ? ALL_WATCHED : this.#watches.maskOf(chunk);
    this.#backing.setEntry(chunk, plain ? host | watched : 0);
    if (plain) this.#trapped.delete(chunk);
    else this.#trapped.set(chunk, host);
  }

  /** Decides anew, for each chunk that has host memory, whether it is plain RAM. */
  #refreshChunks(base: number, end: number): void {
    for (let chunk = base - (base % CHUNK_BYTES); chunk < end; chunk += CHUNK_BYTES) {
      const entry = this.#backing.entryOf(chunk);
      const host = entry !== 0 ? (entry & HOST_MASK) >>> 0 : this.#trapped.get(chunk);
      if (host !== undefined) this.#placeChunk(chunk, host);
    }
  }

  #watchChanged(page: number): void {
    this.#refreshChunks(page, page + PAGE_BYTES);
    for (const listener of this.#listeners) listener.watchChanged?.(page);
  }

  #add(base: number, bytes: number, unit: number, kind: MemoryKind, contents?: Contents): void {
    this.#checkRange(base, bytes, unit);
    const end = base + bytes;
    const other = this.#regions.firstOverlap(base, end);
    if (other) {
      throw new OverlapError(
        `${kind}: expected a free range, got ${range(base, end)} ` +
          `over ${other.value.kind} ${range(other.base, other.end)}`,
      );
    }
    this.#regions.insert(base, end, { kind, contents });
    this.#refreshEdges(base, end);
    this.#publish({ kind: "plug", base, bytes });
  }

  /** The chunks at both ends may have been part RAM, part nothing. */
  #refreshEdges(base: number, end: number): void {
    this.#refreshChunks(base, base + 1);
    this.#refreshChunks(end - 1, end);
  }

  #checkRange(base: number, bytes: number, unit: number): void {
    const whole = Number.isSafeInteger(base) && Number.isSafeInteger(bytes);
    if (!whole || base < 0 || bytes <= 0 || base % unit !== 0 || bytes % unit !== 0) {
      throw new AlignmentError(
        `range: expected base and size in multiples of ${hex(unit)}, ` +
          `got base ${show(base)}, size ${show(bytes)}`,
      );
    }
    if (base + bytes > this.limit) {
      throw new AlignmentError(
        `range: expected an end of at most ${hex(this.limit)} ` +
          `(${this.linear.addressBits} address bits), got ${range(base, base + bytes)}`,
      );
    }
  }

  #publish(change: MapChange): void {
    for (const listener of this.#listeners) listener.mapChanged?.(change);
  }
}

function range(base: number, end: number): string {
  return `${hex(base)}-${hex(end - 1)}`;
}

function show(value: number): string {
  return Number.isSafeInteger(value) && value >= 0 ? hex(value) : String(value);
}
