/** The 64-bit words that an event's delivery pushes or IRETQ pops, as pairs of int32. */
import { wordOf } from "../base/word64.ts";
import { READ, STACK, WRITE } from "../mmu/access.ts";
import type { Cpu } from "./cpu.ts";
import { accessFlags, popWords, pushWords } from "./frame-writer.ts";

const WORD_BYTES = 8;
const buffer: bigint[] = [];

export class FrameImage {
  /** After `push` returned 0: the linear address of the last word pushed. */
  bottomHi = 0;
  bottomLo = 0;
  readonly #hi: Int32Array;
  readonly #lo: Int32Array;
  #count = 0;

  constructor(mostWords: number) {
    this.#hi = new Int32Array(mostWords);
    this.#lo = new Int32Array(mostWords);
  }

  /** Forgets all words. */
  begin(): void {
    this.#count = 0;
  }

  /** Adds a word; the first is at the highest address when pushed, at the lowest when popped. */
  add(hi: number, lo: number): void {
    this.#hi[this.#count] = hi;
    this.#lo[this.#count] = lo;
    this.#count += 1;
  }

  hi(index: number): number {
    return this.#hi[index] as number;
  }

  lo(index: number): number {
    return this.#lo[index] as number;
  }

  /**
   * Writes the words below a linear address; nothing is written if any of them faults.
   * @param cpl privilege level of the accesses
   * @returns 0 or a fault
   */
  push(cpu: Cpu, topHi: number, topLo: number, cpl: number): number {
    const { mmu } = cpu;
    const bytes = this.#count * WORD_BYTES;
    const lo = (topLo - bytes) | 0;
    const hi = (topHi - (topLo >>> 0 < bytes ? 1 : 0)) | 0;
    this.bottomHi = hi;
    this.bottomLo = lo;
    const raised = mmu.reach(hi, lo, bytes, WRITE | STACK | accessFlags(cpl));
    if (raised !== 0) return raised;
    const { host } = mmu;
    if (host === 0 || host & 3) return this.#pushSlow(cpu, topHi, topLo, cpl);
    const { int32 } = cpu.memory.linear;
    let at = (host + bytes) >>> 2;
    for (let i = 0; i < this.#count; i++) {
      at -= 2;
      int32[at] = this.#lo[i] as number;
      int32[at + 1] = this.#hi[i] as number;
    }
    return 0;
  }

  /**
   * Reads `count` words from a linear address on.
   * @returns 0 or a fault
   */
  pop(cpu: Cpu, hi: number, lo: number, count: number, cpl: number): number {
    const { mmu } = cpu;
    this.#count = count;
    const raised = mmu.reach(hi, lo, count * WORD_BYTES, READ | STACK | accessFlags(cpl));
    if (raised !== 0) return raised;
    const { host } = mmu;
    if (host === 0 || host & 3) return this.#popSlow(cpu, hi, lo, cpl);
    const { int32 } = cpu.memory.linear;
    const at = host >>> 2;
    for (let i = 0; i < count; i++) {
      this.#lo[i] = int32[at + 2 * i] as number;
      this.#hi[i] = int32[at + 2 * i + 1] as number;
    }
    return 0;
  }

  #pushSlow(cpu: Cpu, topHi: number, topLo: number, cpl: number): number {
    buffer.length = 0;
    for (let i = 0; i < this.#count; i++) buffer.push(wordOf(this.hi(i), this.lo(i)));
    return pushWords(cpu, wordOf(topHi, topLo), buffer, WORD_BYTES, cpl);
  }

  #popSlow(cpu: Cpu, hi: number, lo: number, cpl: number): number {
    const raised = popWords(cpu, wordOf(hi, lo), buffer, this.#count, WORD_BYTES, cpl);
    if (raised !== 0) return raised;
    for (let i = 0; i < this.#count; i++) {
      const word = buffer[i] as bigint;
      this.#hi[i] = Number(BigInt.asIntN(32, word >> 32n));
      this.#lo[i] = Number(BigInt.asIntN(32, word));
    }
    return 0;
  }
}
