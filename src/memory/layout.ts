/**
 * The map of the linear memory: the one ArrayBuffer that holds all frames and everything that
 * generated code must reach with one load.
 *
 *     0            64 KiB                  directory        backing                     end
 *     | null guard | arena (CPU state, TLBs) | section -> table | chunks of RAM, 64 KiB each |
 *
 * Host address 0 means "none" everywhere, so the first 64 KiB stay unused.
 *
 * The directory has one u32 for each 128 MiB section of the physical address space: the host
 * address of that section's chunk table, or 0. A chunk table has 2,048 u32, one for each 64 KiB:
 *
 *     31            16 15             0
 *     | host / 65536  | watched pages  |      0 = not plain RAM, or not yet touched
 *
 * Chunks are 64 KiB aligned, so the low 16 bits are free: bit n is set while somebody watches the
 * writes to the n-th 4 KiB page of the chunk. Whoever finds 0, or writes to a watched page, takes
 * the slow path in `PhysicalMemory`.
 */
import { badArgument } from "../base/errors.ts";
import { MIB } from "../base/units.ts";
import { ResourceError } from "./errors.ts";

export const PAGE_SHIFT = 12;
export const PAGE_BYTES = 4096;
/** 64 KiB: the unit in which RAM gets host memory. */
export const CHUNK_SHIFT = 16;
export const CHUNK_BYTES = 65536;
/** 128 MiB: the unit of hot-add and hot-remove (Linux's SECTION_SIZE_BITS = 27). */
export const SECTION_SHIFT = 27;
export const SECTION_BYTES = 134217728;
/** Bytes of one section's chunk table. */
export const CHUNK_TABLE_BYTES = (SECTION_BYTES / CHUNK_BYTES) * 4;

const GUARD_BYTES = CHUNK_BYTES;
const DEFAULT_ARENA_BYTES = 16 * MIB;
const MAX_LINEAR_BYTES = 4096 * MIB;

export interface LinearMemoryOptions {
  /** Size of the whole linear memory in bytes, at most 4 GiB, which is the default. */
  readonly linearBytes?: number;
  /** Bytes for CPU state and TLBs, 16 MiB by default. */
  readonly arenaBytes?: number;
  /** Width of a physical address, 36..52; 52 by default. */
  readonly addressBits?: number;
}

/** The linear memory, its views, and where its parts begin (host addresses in bytes). */
export class LinearMemory {
  readonly wasmMemory: WebAssembly.Memory;
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly int32: Int32Array;
  readonly addressBits: number;
  readonly directoryBase: number;
  readonly backingBase: number;
  readonly endBytes: number;
  #arenaNext = GUARD_BYTES;
  /** Blocks of the arena that were given back, by size. */
  readonly #released = new Map<number, number[]>();

  /** @throws ResourceError when the host refuses the address space (for example `ulimit -v`) */
  constructor(options: LinearMemoryOptions = {}) {
    const addressBits = options.addressBits ?? 52;
    if (!Number.isInteger(addressBits) || addressBits < 36 || addressBits > 52) {
      badArgument("addressBits", "36..52", addressBits);
    }
    this.addressBits = addressBits;
    const arenaBytes = roundUpToChunk(options.arenaBytes ?? DEFAULT_ARENA_BYTES);
    const directoryBytes = roundUpToChunk(2 ** (addressBits - SECTION_SHIFT) * 4);
    this.directoryBase = GUARD_BYTES + arenaBytes;
    this.backingBase = this.directoryBase + directoryBytes;
    const linearBytes = options.linearBytes ?? MAX_LINEAR_BYTES;
    const least = this.backingBase + CHUNK_BYTES;
    if (!(linearBytes >= least && linearBytes <= MAX_LINEAR_BYTES)) {
      badArgument("linearBytes", `${least}..${MAX_LINEAR_BYTES}`, linearBytes);
    }
    const pages = Math.floor(linearBytes / CHUNK_BYTES);
    this.endBytes = pages * CHUNK_BYTES;
    this.wasmMemory = allocate(pages);
    this.buffer = this.wasmMemory.buffer as ArrayBuffer;
    this.bytes = new Uint8Array(this.buffer);
    this.int32 = new Int32Array(this.buffer);
  }

  /**
   * Takes `bytes` from the arena, zeroed.
   * @param align a power of two, 8 at least
   * @returns the host address
   * @throws ResourceError when the arena is full
   */
  reserve(bytes: number, align = 64): number {
    const blocks = this.#released.get(bytes);
    const released = blocks?.at(-1);
    if (released !== undefined && released % align === 0) {
      blocks?.pop();
      this.bytes.fill(0, released, released + bytes);
      return released;
    }
    const start = Math.ceil(this.#arenaNext / align) * align;
    if (start + bytes > this.directoryBase) {
      throw new ResourceError(
        `arena: expected at most ${this.directoryBase - start} bytes, got ${bytes}; ` +
          "give the memory a larger arenaBytes",
      );
    }
    this.#arenaNext = start + bytes;
    return start;
  }

  /** Gives a block back, as `reserve` gave it; the next one of the same size is at its place. */
  release(start: number, bytes: number): void {
    const known = this.#released.get(bytes);
    if (known) known.push(start);
    else this.#released.set(bytes, [start]);
  }
}

function roundUpToChunk(bytes: number): number {
  return Math.ceil(bytes / CHUNK_BYTES) * CHUNK_BYTES;
}

function allocate(pages: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (cause) {
    throw new ResourceError(
      `host address space: expected ${pages * CHUNK_BYTES} bytes, the host refused ` +
        "(is there a limit such as `ulimit -v`?); a smaller linearBytes needs less",
      { cause },
    );
  }
}
