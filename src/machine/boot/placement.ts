/** What a boot loader puts where: every range is checked to be RAM, and to be free. */
import { hex } from "../../base/hex.ts";
import type { PhysicalMemory } from "../../memory/physical-memory.ts";

/** An image cannot be started on this machine. The message is one line. */
export class BootError extends Error {
  override readonly name: string = "BootError";
}

interface Range {
  readonly base: number;
  readonly end: number;
  readonly what: string;
}

export class Placement {
  readonly memory: PhysicalMemory;
  readonly #taken: Range[] = [];

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
  }

  /**
   * Takes [base, base + bytes) for `what`.
   * @throws BootError unless all of it is RAM
   */
  take(base: number, bytes: number, what: string): void {
    if (bytes === 0) return;
    const end = base + bytes;
    for (let at = base; at < end; ) {
      const region = this.memory.regionAt(at);
      if (region === undefined || region.kind === "rom" || !Number.isSafeInteger(end)) {
        throw new BootError(`${what}: expected RAM at ${span(base, end)}, got none at ${hex(at)}`);
      }
      at = region.end;
    }
    this.#taken.push({ base, end, what });
  }

  /** Finds and takes the lowest free room in [from, to). @throws BootError when there is none */
  lowest(bytes: number, align: number, from: number, to: number, what: string): number {
    let base = Math.ceil(from / align) * align;
    while (base + bytes <= to) {
      const other = this.#overlap(base, base + bytes);
      if (other === undefined) {
        this.take(base, bytes, what);
        return base;
      }
      base = Math.ceil(other.end / align) * align;
    }
    return noRoom(bytes, from, to, what);
  }

  /** Finds and takes the highest free room in [from, to). @throws BootError when there is none */
  highest(bytes: number, align: number, from: number, to: number, what: string): number {
    let base = Math.floor((to - bytes) / align) * align;
    while (base >= from) {
      const other = this.#overlap(base, base + bytes);
      if (other === undefined) {
        this.take(base, bytes, what);
        return base;
      }
      base = Math.floor((other.base - bytes) / align) * align;
    }
    return noRoom(bytes, from, to, what);
  }

  #overlap(base: number, end: number): Range | undefined {
    return this.#taken.find((range) => base < range.end && range.base < end);
  }
}

function noRoom(bytes: number, from: number, to: number, what: string): never {
  throw new BootError(
    `${what}: expected ${hex(bytes)} free bytes in ${span(from, to)}, got no such room`,
  );
}

function span(base: number, end: number): string {
  return `${hex(base)}..${hex(end - 1)}`;
}
