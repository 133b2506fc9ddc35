/**
 * What lies where in the physical address space: RAM, ROM and DIMMs, devices over them, who watches
 * which page. `PhysicalMemory` adds the accesses.
 *
 * Reading the map costs nothing on the fast path: a chunk that is RAM throughout and has host memory
 * stands in the directory (layout.ts), and everything else comes here.
 */
import { hex } from "../base/hex.ts";
import { Backing, hostOf } from "./backing.ts";
import { AbsentError, AlignmentError, OverlapError } from "./errors.ts";
import { IntervalList } from "./interval-list.ts";
import {
  CHUNK_BYTES,
  LinearMemory,
  type LinearMemoryOptions,
  PAGE_BYTES,
  SECTION_BYTES,
} from "./layout.ts";
import type { MapChange, MemoryListener, WriteWatcher } from "./listeners.ts";
import type { MmioHandler } from "./mmio.ts";
import { WatchList } from "./watch-list.ts";

/** What lies in a range of physical addresses. `dimm` is RAM that can be unplugged. */
export type MemoryKind = "ram" | "rom" | "dimm";

/** Gives the initial bytes at `physical`; called for each byte once, before its first use. */
export type Contents = (physical: number, into: Uint8Array) => void;

export interface MemoryRegion {
  readonly base: number;
  readonly end: number;
  readonly kind: MemoryKind;
}

/** What the list of regions keeps with each range. */
export interface Region {
  readonly kind: MemoryKind;
  readonly contents: Contents | undefined;
}

const ALL_WATCHED = CHUNK_BYTES - 1;

export class MemoryMap {
  readonly linear: LinearMemory;
  /** One past the highest physical address. */
  readonly limit: number;
  protected readonly backing: Backing;
  protected readonly ranges = new IntervalList<Region>();
  protected readonly devices = new IntervalList<MmioHandler>();
  protected readonly watches = new WatchList();
  /** Host memory of chunks whose directory word is 0 because not all of them is plain RAM. */
  readonly #trapped = new Map<number, number>();
  readonly #listeners = new Set<MemoryListener>();

  /** @throws ArgumentError, ResourceError when the host refuses the address space */
  constructor(options: LinearMemoryOptions = {}) {
    this.linear = new LinearMemory(options);
    this.limit = 2 ** this.linear.addressBits;
    this.backing = new Backing(this.linear);
  }

  // --- What is there --------------------------------------------------------------------------

  /** RAM and ROM in order of address; adjacent ranges stay as they were mapped. */
  get regions(): MemoryRegion[] {
    return this.ranges.items.map(({ base, end, value }) => ({ base, end, kind: value.kind }));
  }

  /** Bytes of host memory that RAM occupies now. */
  get residentBytes(): number {
    return this.backing.usedBytes;
  }

  /** Whether RAM, ROM or a device answers at `physical`. */
  isPresent(physical: number): boolean {
    return this.devices.find(physical) !== undefined || this.ranges.find(physical) !== undefined;
  }

  /** The RAM or ROM at `physical`, even where a device hides it. */
  regionAt(physical: number): MemoryRegion | undefined {
    const found = this.ranges.find(physical);
    return found && { base: found.base, end: found.end, kind: found.value.kind };
  }

  /** Whether [base, base + bytes) is RAM throughout (fixed or plugged), hidden or not. */
  isRam(base: number, bytes: number): boolean {
    return this.ranges.covers(base, base + bytes, (region) => region.kind !== "rom");
  }

  // --- Changes --------------------------------------------------------------------------------

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
    this.#checkRange("unplug", base, bytes, SECTION_BYTES);
    const end = base + bytes;
    if (!this.ranges.covers(base, end, (region) => region.kind === "dimm")) {
      throw new AbsentError(`unplug: expected plugged sections, got ${range(base, end)}`);
    }
    this.ranges.remove(base, end);
    for (const [chunk, host] of this.#trapped) {
      if (chunk >= base && chunk < end) {
        this.backing.release(host);
        this.#trapped.delete(chunk);
      }
    }
    for (let at = base; at < end; at += SECTION_BYTES) this.backing.releaseSection(at);
    this.#publish({ kind: "unplug", base, bytes });
  }

  /**
   * Lays a device's registers over [base, base + bytes), in units of 4 KiB.
   * @returns takes the range away again; calling it once more does nothing
   * @throws AlignmentError, OverlapError (with another device; RAM below is hidden, not lost)
   */
  mapMmio(base: number, bytes: number, handler: MmioHandler): () => void {
    this.#checkRange("mmio", base, bytes, PAGE_BYTES);
    const end = base + bytes;
    const other = this.devices.firstOverlap(base, end);
    if (other) {
      throw new OverlapError(
        `mmio: expected a free range, got ${range(base, end)} over ${range(other.base, other.end)}`,
      );
    }
    this.devices.insert(base, end, handler);
    this.#refreshChunks(base, end);
    this.#publish({ kind: "mmio", base, bytes });
    let mapped = true;
    return () => {
      if (!mapped) return;
      mapped = false;
      this.devices.remove(base, end);
      this.#refreshChunks(base, end);
      this.#publish({ kind: "mmio", base, bytes });
    };
  }

  // --- Listeners and watches ------------------------------------------------------------------

  /** @returns ends the subscription */
  subscribe(listener: MemoryListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Calls `watcher` after each write to RAM in the 4 KiB page at `physical`. The page may be absent
   * now; the watch stays through plugging and unplugging.
   * @returns ends this watch
   * @throws AlignmentError when the page lies outside the address space
   */
  watch(physical: number, watcher: WriteWatcher): () => void {
    const page = physical - (physical % PAGE_BYTES);
    this.#checkRange("watch", page, PAGE_BYTES, PAGE_BYTES);
    const watch = { notify: watcher };
    if (this.watches.add(page, watch)) this.#watchChanged(page);
    return () => {
      if (this.watches.remove(page, watch)) this.#watchChanged(page);
    };
  }

  // --- Chunks, for the accesses ---------------------------------------------------------------

  /**
   * Host address of the RAM or ROM at `physical`, whether plain or trapped; 0 where there is
   * none, or none yet and `allocate` is false and the range has no given contents.
   * @throws ResourceError when the host backing is exhausted
   */
  protected touch(physical: number, allocate: boolean): number {
    // First, as an absent page may lie in a chunk that holds RAM elsewhere.
    const region = this.ranges.find(physical)?.value;
    if (region === undefined) return 0;
    const offset = physical % CHUNK_BYTES;
    const chunk = physical - offset;
    const known = this.#hostOfChunk(chunk);
    if (known !== 0) return known + offset;
    if (!(allocate || region.contents)) return 0;
    const host = this.backing.allocate(chunk);
    try {
      this.#fillFromContents(chunk, chunk + CHUNK_BYTES, host);
    } catch (error) {
      this.backing.release(host);
      throw error;
    }
    this.#placeChunk(chunk, host);
    return host + offset;
  }

  /** Whether the page at `physical` reads as zero or is absent, and writing zero changes nothing. */
  protected ignoresZero(physical: number): boolean {
    return (
      this.#hostOfChunk(physical - (physical % CHUNK_BYTES)) === 0 &&
      !this.watches.has(physical) &&
      this.devices.find(physical) === undefined &&
      this.ranges.find(physical)?.value.contents === undefined
    );
  }

  /** Host address of the chunk that begins at `chunk`, whether plain or trapped; 0 if none yet. */
  #hostOfChunk(chunk: number): number {
    if (!(chunk < this.limit)) return 0;
    const entry = this.backing.entryOf(chunk);
    return entry !== 0 ? hostOf(entry) : (this.#trapped.get(chunk) ?? 0);
  }

  /** Asks for the contents of [from, to), which lies in the chunk whose host memory is `host`. */
  #fillFromContents(from: number, to: number, host: number): void {
    for (let at = from; at < to; ) {
      const region = this.ranges.firstOverlap(at, to);
      if (region === undefined) return;
      const start = Math.max(at, region.base);
      at = Math.min(to, region.end);
      const hostStart = host + (start % CHUNK_BYTES);
      region.value.contents?.(start, this.linear.bytes.subarray(hostStart, hostStart + at - start));
    }
  }

  /** Enters a chunk's host memory in the directory, or sets it aside if it is not plain RAM. */
  #placeChunk(chunk: number, host: number): void {
    const end = chunk + CHUNK_BYTES;
    const plain =
      this.devices.firstOverlap(chunk, end) === undefined && this.ranges.covers(chunk, end);
    const rom = !this.ranges.covers(chunk, end, (region) => region.kind !== "rom");
    const watched = rom ? ALL_WATCHED : this.watches.maskOf(chunk);
    this.backing.setEntry(chunk, plain ? host | watched : 0);
    if (plain) this.#trapped.delete(chunk);
    else this.#trapped.set(chunk, host);
  }

  /**
   * Decides anew, for each chunk of [base, end) that has host memory, whether it is plain RAM. A
   * section without a table has none, so a device of many GiB costs little.
   */
  #refreshChunks(base: number, end: number): void {
    for (let chunk = base - (base % CHUNK_BYTES); chunk < end; ) {
      if (!this.backing.hasTable(chunk)) {
        chunk += SECTION_BYTES - (chunk % SECTION_BYTES);
        continue;
      }
      const host = this.#hostOfChunk(chunk);
      if (host !== 0) this.#placeChunk(chunk, host);
      chunk += CHUNK_BYTES;
    }
  }

  #watchChanged(page: number): void {
    this.#refreshChunks(page, page + PAGE_BYTES);
    for (const listener of this.#listeners) listener.watchChanged?.(page);
  }

  #add(base: number, bytes: number, unit: number, kind: MemoryKind, contents?: Contents): void {
    this.#checkRange(kind, base, bytes, unit);
    const end = base + bytes;
    const other = this.ranges.firstOverlap(base, end);
    if (other) {
      throw new OverlapError(
        `${kind}: expected a free range, got ${range(base, end)} ` +
          `over ${other.value.kind} ${range(other.base, other.end)}`,
      );
    }
    this.ranges.insert(base, end, { kind, contents });
    this.#joinChunk(base - (base % CHUNK_BYTES), base, end);
    const last = end - 1 - ((end - 1) % CHUNK_BYTES);
    if (last > base) this.#joinChunk(last, base, end);
    this.#publish({ kind: "plug", base, bytes });
  }

  /** A new range [base, end) may begin or end in a chunk that a neighbour has host memory for. */
  #joinChunk(chunk: number, base: number, end: number): void {
    const host = this.#hostOfChunk(chunk);
    if (host === 0) return;
    this.#fillFromContents(Math.max(base, chunk), Math.min(end, chunk + CHUNK_BYTES), host);
    this.#placeChunk(chunk, host);
  }

  #checkRange(what: string, base: number, bytes: number, unit: number): void {
    const whole = Number.isSafeInteger(base) && Number.isSafeInteger(bytes);
    if (!whole || base < 0 || bytes <= 0 || base % unit !== 0 || bytes % unit !== 0) {
      throw new AlignmentError(
        `${what}: expected base and size in multiples of ${hex(unit)}, ` +
          `got base ${show(base)}, size ${show(bytes)}`,
      );
    }
    if (base + bytes > this.limit) {
      throw new AlignmentError(
        `${what}: expected an end of at most ${hex(this.limit)} ` +
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
