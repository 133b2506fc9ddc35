/**
 * One processor's translation context: what `Translator` does, and access to memory by linear
 * address. Needs no CPU.
 */
import { badArgument } from "../base/errors.ts";
import { hiOf, loOf, wordOf } from "../base/word64.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import { FETCH, KIND_MASK, READ, WRITE } from "./access.ts";
import { isCanonical } from "./canonical.ts";
import { GP_ZERO, NO_FAULT } from "./fault.ts";
import { isLawfulPat, type Mtrrs, memoryTypeOf, RESET_PAT } from "./memory-type.ts";
import { Translator } from "./translator.ts";
import { type WalkResult, walk } from "./walk.ts";

export type { MmuOptions } from "./translator.ts";

/** How many bytes an access by linear address may have. */
export type AccessBytes = 1 | 2 | 4 | 8;

export class Mmu extends Translator {
  /** After `load` or `fetch` returned 0. */
  value = 0n;
  /** After `loadPair` returned 0: the halves of what was read. */
  valueHi = 0;
  valueLo = 0;
  /** For `memoryType`; undefined: all memory is WB, as firmware leaves RAM. */
  mtrrs: Mtrrs | undefined;
  #pat = RESET_PAT;
  /** Bytes of a `load` or `store` that lie in the second page; 0 if there is only one. */
  #secondBytes = 0;
  /** Where the bytes in the first page lie, if there are two. */
  #firstPhysical = 0;

  /** IA32_PAT. */
  get pat(): bigint {
    return this.#pat;
  }

  /** WRMSR to IA32_PAT: 0, or #GP(0) for a reserved type and nothing has changed. */
  writePat(pat: bigint): number {
    if (!isLawfulPat(pat)) return GP_ZERO;
    this.#pat = pat;
    return NO_FAULT;
  }

  /**
   * The memory type (MEMORY_TYPE) of the latest translation, by PAT and MTRRs. Valid after
   * `translate`, `load`, `store` or `fetch` returned 0.
   */
  get memoryType(): number {
    const patIndex = this.mode.levels === 0 ? undefined : this.translation.patIndex;
    return memoryTypeOf(this, patIndex, this.physical);
  }

  /** The walk that this access would take now, for display: nothing is written or cached. */
  explain(linear: bigint, access = READ): WalkResult {
    return walk(this.memory, this.mode, this.registers.now, linear, access);
  }

  /**
   * Reads `bytes` bytes; an access that crosses pages translates both first.
   * @param flags USER, IMPLICIT, STACK (access.ts)
   * @returns 0 and `value` is valid, or a fault
   */
  load(linear: bigint, bytes: AccessBytes, flags = 0): number {
    const access = READ | flags;
    const fault = this.translateWhole(linear, bytes, access);
    if (fault !== NO_FAULT) return fault;
    const { memory } = this;
    if (this.#secondBytes === 0) this.value = readWord(memory, this.physical, bytes);
    else {
      const buffer = new Uint8Array(8);
      const cut = bytes - this.#secondBytes;
      memory.readBytes(this.#firstPhysical, buffer.subarray(0, cut));
      memory.readBytes(this.physical, buffer.subarray(cut, bytes));
      this.value = new DataView(buffer.buffer).getBigUint64(0, true);
    }
    return NO_FAULT;
  }

  /**
   * Writes the low `bytes` bytes of `value`; if either page faults, no byte is written.
   * @returns 0, or a fault
   */
  store(linear: bigint, bytes: AccessBytes, value: bigint, flags = 0): number {
    const fault = this.translateWhole(linear, bytes, WRITE | flags);
    if (fault !== NO_FAULT) return fault;
    const { memory } = this;
    if (this.#secondBytes === 0) writeWord(memory, this.physical, bytes, value);
    else {
      const buffer = new Uint8Array(8);
      new DataView(buffer.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
      const cut = bytes - this.#secondBytes;
      memory.writeBytes(this.#firstPhysical, buffer.subarray(0, cut));
      memory.writeBytes(this.physical, buffer.subarray(cut, bytes));
    }
    return NO_FAULT;
  }

  /**
   * As `access`, by way of the fast table, for `bytes` bytes.
   * @returns 0 or a fault; if 0, `host` is 0 also where the bytes lie in two pages, and then
   *   nothing has been translated
   */
  reach(hi: number, lo: number, bytes: number, access: number): number {
    this.host = 0;
    if ((lo & 0xfff) + bytes > 4096) return NO_FAULT;
    const context = this.fastContext(access);
    this.host = this.fast.lookup(context, access & KIND_MASK, hi, lo);
    return this.host !== 0 ? NO_FAULT : this.access(hi, lo, access);
  }

  /** Reads 8 bytes as `load` does, without a bigint where they lie in one page of RAM. */
  loadPair(hi: number, lo: number, flags: number): number {
    const fault = this.reach(hi, lo, 8, READ | flags);
    if (fault !== NO_FAULT) return fault;
    const { host } = this;
    if (host === 0 || host & 3) return this.#loadPairSlow(hi, lo, flags);
    const { int32 } = this.memory.linear;
    this.valueLo = int32[host >>> 2] as number;
    this.valueHi = int32[(host >>> 2) + 1] as number;
    return NO_FAULT;
  }

  #loadPairSlow(hi: number, lo: number, flags: number): number {
    const fault = this.load(wordOf(hi, lo), 8, flags);
    if (fault !== NO_FAULT) return fault;
    this.valueHi = hiOf(this.value);
    this.valueLo = loOf(this.value);
    return NO_FAULT;
  }

  /** Fetches one instruction byte: 0 and `value` is valid, or a fault. */
  fetch(linear: bigint, flags = 0): number {
    const fault = this.translate(hiOf(linear), loOf(linear), FETCH | flags);
    if (fault === NO_FAULT) this.value = BigInt(this.memory.read8(this.physical));
    return fault;
  }

  /**
   * Checks an access that may cross into a second page, as `load` and `store` do: what is not
   * canonical comes before any page fault.
   * @returns 0, or a fault; then nothing but A and D bits has changed
   */
  translateWhole(linear: bigint, bytes: number, access: number): number {
    const lo = loOf(linear);
    const beyond = (lo & 0xfff) + bytes - 4096;
    this.#secondBytes = Math.max(beyond, 0);
    const fault = this.translate(hiOf(linear), lo, access);
    if (beyond <= 0) return fault;
    const { linearBits } = this.mode;
    const second = linear + BigInt(bytes - beyond);
    const wrapped = BigInt.asUintN(linearBits === 32 ? 32 : 64, second);
    const goesOn = linearBits === 32 || isCanonical(wrapped, linearBits);
    if (fault !== NO_FAULT && goesOn) return fault;
    this.#firstPhysical = this.physical;
    return this.translate(hiOf(wrapped), loOf(wrapped), access);
  }
}

const ACCESS_BYTES = "1, 2, 4 or 8";

function readWord(memory: PhysicalMemory, physical: number, bytes: AccessBytes): bigint {
  switch (bytes) {
    case 1:
      return BigInt(memory.read8(physical));
    case 2:
      return BigInt(memory.read16(physical));
    case 4:
      return BigInt(memory.read32(physical));
    case 8:
      return memory.read64(physical);
    default:
      return badArgument("bytes", ACCESS_BYTES, bytes);
  }
}

function writeWord(
  memory: PhysicalMemory,
  physical: number,
  bytes: AccessBytes,
  value: bigint,
): void {
  const word = loOf(value);
  if (bytes === 1) memory.write8(physical, word);
  else if (bytes === 2) memory.write16(physical, word);
  else if (bytes === 4) memory.write32(physical, word);
  else if (bytes === 8) memory.write64(physical, value);
  else badArgument("bytes", ACCESS_BYTES, bytes);
}
