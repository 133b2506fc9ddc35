/**
 * The I/O port space: 65,536 byte-wide ports. An access that nobody answers reads all ones, and a
 * write to nobody is lost, as on a PC's bus.
 */
import { badArgument } from "../base/errors.ts";
import { hex } from "../base/hex.ts";

export type AccessBytes = 1 | 2 | 4;

/**
 * A device's ports. An access wider than `widestBytes`, or one that starts below or ends beyond the
 * claimed range, arrives as several narrower ones, lowest port first. Values are unsigned.
 */
export interface PortHandler {
  /** 1 when absent: most devices hang on an 8-bit bus. */
  readonly widestBytes?: AccessBytes;
  read(offset: number, bytes: AccessBytes): number;
  write(offset: number, bytes: AccessBytes, value: number): void;
}

interface Claim {
  readonly name: string;
  readonly base: number;
  readonly end: number;
  readonly handler: PortHandler;
}

export const PORT_COUNT = 65536;

export class PortBus {
  /** Index into `#claims` plus one, by port; 0 is nobody. */
  readonly #owner = new Uint16Array(PORT_COUNT);
  readonly #claims: (Claim | undefined)[] = [];

  /**
   * Gives `count` ports from `base` on to `handler`.
   * @returns gives them back
   */
  claim(name: string, base: number, count: number, handler: PortHandler): () => void {
    const end = base + count;
    if (!(base >= 0 && count > 0 && end <= PORT_COUNT)) {
      badArgument(`ports of ${name}`, "a range in 0..0xffff", `${hex(base)}+${count}`);
    }
    for (let port = base; port < end; port++) {
      const other = this.#claims[(this.#owner[port] as number) - 1];
      if (other) badArgument(`ports of ${name}`, "free ports", `${hex(port)} of ${other.name}`);
    }
    this.#claims.push({ name, base, end, handler });
    const index = this.#claims.length;
    this.#owner.fill(index, base, end);
    return () => {
      this.#owner.fill(0, base, end);
      this.#claims[index - 1] = undefined;
    };
  }

  /** IN: an unsigned value of `bytes` bytes. Ports wrap at 64 KiB. */
  read(port: number, bytes: AccessBytes): number {
    const claim = this.#claims[(this.#owner[port] as number) - 1];
    if (bytes === 1) return claim ? claim.handler.read(port - claim.base, 1) & 0xff : 0xff;
    if (claim && this.#takes(claim, port, bytes)) {
      return claim.handler.read(port - claim.base, bytes) >>> 0;
    }
    const half = (bytes >>> 1) as AccessBytes;
    const low = this.read(port, half);
    const high = this.read((port + half) & 0xffff, half);
    return (low | (high << (8 * half))) >>> 0;
  }

  /** OUT: `value`'s bits beyond `bytes` bytes are ignored. */
  write(port: number, bytes: AccessBytes, value: number): void {
    const claim = this.#claims[(this.#owner[port] as number) - 1];
    if (bytes === 1) {
      claim?.handler.write(port - claim.base, 1, value & 0xff);
    } else if (claim && this.#takes(claim, port, bytes)) {
      const unsigned = bytes === 2 ? value & 0xffff : value >>> 0;
      claim.handler.write(port - claim.base, bytes, unsigned);
    } else {
      const half = (bytes >>> 1) as AccessBytes;
      this.write(port, half, value);
      this.write((port + half) & 0xffff, half, value >>> (8 * half));
    }
  }

  #takes(claim: Claim, port: number, bytes: AccessBytes): boolean {
    return bytes <= (claim.handler.widestBytes ?? 1) && port + bytes <= claim.end;
  }
}
