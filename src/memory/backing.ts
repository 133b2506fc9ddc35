/**
 * Host memory behind RAM: the directory, the chunk tables and the chunks themselves.
 *
 * Says nothing about what the physical address space *means* (RAM, MMIO, watched); it only keeps
 * "this chunk of physical addresses has this host memory", in the form that generated code reads.
 */
import { byteSize, hex } from "../base/hex.ts";
import { ResourceError } from "./errors.ts";
import {
  CHUNK_BYTES,
  CHUNK_SHIFT,
  CHUNK_TABLE_BYTES,
  type LinearMemory,
  SECTION_BYTES,
} from "./layout.ts";

const WITHIN_SECTION = SECTION_BYTES - 1;

/** `&` takes the low 32 bits of a number exactly; `%` of a number above 2^31 is a call. */
function chunkIndexOf(physical: number): number {
  return (physical & WITHIN_SECTION) >>> CHUNK_SHIFT;
}

function sectionIndexOf(physical: number): number {
  return (physical / SECTION_BYTES) | 0;
}

/** The chunk's host address in a directory word. */
export function hostOf(entry: number): number {
  return (entry & -CHUNK_BYTES) >>> 0;
}

export class Backing {
  readonly #linear: LinearMemory;
  readonly #int32: Int32Array;
  readonly #directoryIndex: number;
  readonly #freeChunks: number[] = [];
  readonly #freeTables: number[] = [];
  #next: number;
  #usedChunks = 0;

  constructor(linear: LinearMemory) {
    this.#linear = linear;
    this.#int32 = linear.int32;
    this.#directoryIndex = linear.directoryBase >>> 2;
    this.#next = linear.backingBase;
  }

  /** Bytes of host memory in use for RAM, without the chunk tables. */
  get usedBytes(): number {
    return this.#usedChunks * CHUNK_BYTES;
  }

  /**
   * The directory's word for the chunk that holds `physical` (see layout.ts), 0 if none.
   * @param physical below 2^addressBits
   */
  entryOf(physical: number): number {
    const table = this.#int32[this.#directoryIndex + sectionIndexOf(physical)] as number;
    return table === 0 ? 0 : (this.#int32[(table >>> 2) + chunkIndexOf(physical)] as number);
  }

  /** Writes the directory's word for a chunk that `allocate` gave host memory. */
  setEntry(physical: number, entry: number): void {
    const table = this.#int32[this.#directoryIndex + sectionIndexOf(physical)] as number;
    this.#int32[(table >>> 2) + chunkIndexOf(physical)] = entry;
  }

  /** Whether any chunk in the section that holds `physical` may have host memory. */
  hasTable(physical: number): boolean {
    return this.#int32[this.#directoryIndex + sectionIndexOf(physical)] !== 0;
  }

  /**
   * A zeroed chunk's host address, for `setEntry`.
   * @throws ResourceError naming `physical` and the sizes; nothing is lost then
   */
  allocate(physical: number): number {
    const slot = this.#directoryIndex + sectionIndexOf(physical);
    if (this.#int32[slot] === 0) {
      this.#int32[slot] = this.#freeTables.pop() ?? this.#newTable(physical);
    }
    const host = this.#freeChunks.pop() ?? this.#bump(physical);
    this.#usedChunks += 1;
    return host;
  }

  /** Takes a chunk back and zeroes it. */
  release(host: number): void {
    this.#linear.bytes.fill(0, host, host + CHUNK_BYTES);
    this.#freeChunks.push(host);
    this.#usedChunks -= 1;
  }

  /** Releases every chunk in the section at `base`, and its table. */
  releaseSection(base: number): void {
    const slot = this.#directoryIndex + sectionIndexOf(base);
    const table = this.#int32[slot] as number;
    if (table === 0) return;
    const first = table >>> 2;
    for (let i = first; i < first + CHUNK_TABLE_BYTES / 4; i++) {
      const entry = this.#int32[i] as number;
      if (entry !== 0) this.release(hostOf(entry));
    }
    this.#int32.fill(0, first, first + CHUNK_TABLE_BYTES / 4);
    this.#int32[slot] = 0;
    this.#freeTables.push(table);
  }

  #newTable(physical: number): number {
    const chunk = this.#freeChunks.pop() ?? this.#bump(physical);
    for (let at = chunk + CHUNK_TABLE_BYTES; at < chunk + CHUNK_BYTES; at += CHUNK_TABLE_BYTES) {
      this.#freeTables.push(at);
    }
    return chunk;
  }

  #bump(physical: number): number {
    const host = this.#next;
    if (host + CHUNK_BYTES > this.#linear.endBytes) {
      const total = this.#linear.endBytes - this.#linear.backingBase;
      throw new ResourceError(
        `host backing exhausted at physical address ${hex(physical)}: ` +
          `${byteSize(this.usedBytes)} of ${byteSize(total)} used, ` +
          `${byteSize(CHUNK_BYTES)} more needed`,
      );
    }
    this.#next = host + CHUNK_BYTES;
    return host;
  }
}
