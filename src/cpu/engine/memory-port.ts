/**
 * What generated code calls when the fast table misses: translates, and does the access by physical
 * address. Values pass through the state's value cell.
 */

import type { PhysicalMemory } from "../../memory/physical-memory.ts";
import { READ, USER, WRITE } from "../../mmu/access.ts";
import { GP_ZERO, SS_ZERO } from "../../mmu/fault.ts";
import type { Mmu } from "../../mmu/mmu.ts";
import { CELL } from "../layout.ts";
import type { CpuState } from "../state.ts";
import { STACK_ACCESS } from "./memory-path.ts";
import { RECORD } from "./record.ts";

const DONE = 0;
const FAULT = -1;
const PAGE_BYTES = 4096;

export class MemoryPort {
  readonly #memory: PhysicalMemory;
  readonly #mmu: Mmu;
  readonly #state: CpuState;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Host address of the value cell. */
  readonly #value: number;
  readonly #stopRecord: number;
  /** Physical addresses of the two parts of an access, and the bytes in the second. */
  #first = 0;
  #second = 0;
  #secondBytes = 0;
  /** Host address of an access in one page of plain RAM, or 0. */
  #host = 0;

  /** @param stopRecord the record at which a device's access makes generated code go on */
  constructor(memory: PhysicalMemory, mmu: Mmu, state: CpuState, stopRecord: number) {
    this.#memory = memory;
    this.#mmu = mmu;
    this.#state = state;
    this.#bytes = memory.linear.bytes;
    this.#view = new DataView(memory.linear.buffer);
    this.#value = state.base + CELL.value;
    this.#stopRecord = stopRecord;
  }

  read(size: number, hi: number, lo: number): number {
    if (!this.#translate(size, hi, lo, READ)) return FAULT;
    return this.#readValue(size & ~STACK_ACCESS);
  }

  write(size: number, hi: number, lo: number): number {
    if (!this.#translate(size, hi, lo, WRITE)) return FAULT;
    const bytes = size & ~STACK_ACCESS;
    if (this.#host !== 0) {
      this.#bytes.copyWithin(this.#host, this.#value, this.#value + bytes);
      return DONE;
    }
    const cut = bytes - this.#secondBytes;
    this.#writePart(this.#first, this.#value, cut);
    if (this.#secondBytes > 0) this.#writePart(this.#second, this.#value + cut, this.#secondBytes);
    this.syncGeneration();
    return this.#afterSlow();
  }

  /** Reads what is going to be written: the access is checked as a write. */
  modify(size: number, hi: number, lo: number): number {
    if (!this.#translate(size, hi, lo, WRITE)) return FAULT;
    return this.#readValue(size & ~STACK_ACCESS);
  }

  /** Generated code finds the fast tables' generation in the state. */
  syncGeneration(): void {
    const at = this.#mmu.fast.generationAt >>> 2;
    this.#state.set32(CELL.fastGeneration, this.#memory.linear.int32[at] as number);
  }

  #readValue(bytes: number): number {
    if (this.#host !== 0) {
      this.#bytes.copyWithin(this.#value, this.#host, this.#host + bytes);
      return DONE;
    }
    const cut = bytes - this.#secondBytes;
    this.#readPart(this.#first, this.#value, cut);
    if (this.#secondBytes > 0) this.#readPart(this.#second, this.#value + cut, this.#secondBytes);
    return this.#afterSlow();
  }

  /** A device may have changed what happens next: leave generated code after the instruction. */
  #afterSlow(): number {
    if (this.#memory.hostForRead(this.#first) !== 0) return DONE;
    this.#state.set32(CELL.stop, 1);
    return this.#stopRecord;
  }

  #translate(size: number, hi: number, lo: number, kind: number): boolean {
    const bytes = size & ~STACK_ACCESS;
    const access = kind | (this.#state.get32(CELL.cpl) === 3 ? USER : 0);
    const mmu = this.#mmu;
    const beyond = (lo & (PAGE_BYTES - 1)) + bytes - PAGE_BYTES;
    let fault = mmu.access(hi, lo, access);
    if (fault === 0) {
      this.#first = mmu.physical;
      this.#host = mmu.host;
      this.#secondBytes = 0;
      if (beyond > 0) {
        this.#host = 0;
        this.#secondBytes = beyond;
        fault = this.#translateSecond(hi, lo, bytes - beyond, access);
      }
    }
    this.syncGeneration();
    if (fault === 0) return true;
    if (beyond > 0 && this.#leavesCanonical(hi, lo)) fault = GP_ZERO;
    this.#state.set32(CELL.fault, fault === GP_ZERO ? this.#nonCanonical(size) : fault);
    return false;
  }

  #translateSecond(hi: number, lo: number, ahead: number, access: number): number {
    const next = (lo + ahead) | 0;
    const carry = next === 0 ? 1 : 0;
    const long = this.#state.get32(CELL.codeMask + 4) !== 0;
    const fault = this.#mmu.translate(long ? (hi + carry) | 0 : 0, next, access);
    this.#second = this.#mmu.physical;
    return fault;
  }

  /** Whether the page after this address is not canonical: that comes before any page fault. */
  #leavesCanonical(hi: number, lo: number): boolean {
    const next = (BigInt(hi) << 32n) + BigInt(lo >>> 0) + 4096n;
    const shift = this.#state.get64(CELL.canonicalShift);
    const long = this.#state.get32(CELL.codeMask + 4) !== 0;
    return long && BigInt.asIntN(64 - Number(shift), next) !== BigInt.asIntN(64, next);
  }

  /** #SS(0) by way of the stack segment, else #GP(0) (SDM 1, "Canonical Addressing"). */
  #nonCanonical(size: number): number {
    const record = this.#state.get32(CELL.record);
    const stack = (size & STACK_ACCESS) !== 0 || this.#bytes[record + RECORD.stack] === 1;
    return stack ? SS_ZERO : GP_ZERO;
  }

  #readPart(physical: number, host: number, bytes: number): void {
    const memory = this.#memory;
    const view = this.#view;
    for (let done = 0; done < bytes; ) {
      const piece = pieceBytes(bytes - done);
      if (piece === 4) view.setInt32(host + done, memory.readInt32(physical + done), true);
      else if (piece === 2) view.setUint16(host + done, memory.read16(physical + done), true);
      else this.#bytes[host + done] = memory.read8(physical + done);
      done += piece;
    }
  }

  #writePart(physical: number, host: number, bytes: number): void {
    const memory = this.#memory;
    const view = this.#view;
    for (let done = 0; done < bytes; ) {
      const piece = pieceBytes(bytes - done);
      if (piece === 4) memory.write32(physical + done, view.getInt32(host + done, true));
      else if (piece === 2) memory.write16(physical + done, view.getUint16(host + done, true));
      else memory.write8(physical + done, this.#bytes[host + done] as number);
      done += piece;
    }
  }
}

/** A device sees accesses of 1, 2 or 4 bytes. */
function pieceBytes(rest: number): 1 | 2 | 4 {
  return rest >= 4 ? 4 : rest >= 2 ? 2 : 1;
}
