/** Our side of a walk benchmark: the ways to walk a scene's stream. */
import { numberOf } from "../../src/base/word64.ts";
import { Mmu } from "../../src/mmu/mmu.ts";
import { STATE } from "../../src/mmu/mmu-state.ts";
import { noTlb } from "../../src/mmu/no-tlb.ts";
import { SetAssociativeTlb } from "../../src/mmu/set-associative-tlb.ts";
import type { GeneratedWalk } from "../../src/mmu/walk-module.ts";
import { WrongAnswer } from "../harness/case.ts";
import { type FaultsAs, type Scene, setResult } from "./scene.ts";
import { MAXPHYADDR } from "./tables.ts";

/**
 * - `batch`: one call of generated code for a whole window of addresses;
 * - `single`: one call from JavaScript for each address, its physical address read as a number;
 * - `translate`: `Mmu.translate`, which also fills the translation and the TLB model.
 */
export type How = "batch" | "single" | "translate";

export class OurWalk {
  readonly how: How;
  readonly #scene: Scene;
  readonly #mmu: Mmu;
  readonly #generated: GeneratedWalk;
  readonly #int32: Int32Array;
  #at = 0;

  /** @param withCaches whether walks use the paging-structure caches (and `translate` a TLB) */
  constructor(scene: Scene, how: How, withCaches: boolean) {
    this.how = how;
    this.#scene = scene;
    const { memory } = scene.tables;
    this.#int32 = memory.linear.int32;
    const tlb = withCaches ? new SetAssociativeTlb() : noTlb();
    this.#mmu = new Mmu(memory, { features: { maxPhyAddr: MAXPHYADDR }, tlb });
    this.#mmu.restoreRegisters(scene.registers);
    const { generated } = this.#mmu.walker;
    if (generated === undefined) throw new Error("no generated walk for this paging mode");
    this.#generated = generated;
  }

  /** How faults appear in the results of `check`. */
  get faultsAs(): FaultsAs {
    return this.how === "batch" ? "mark" : "code";
  }

  /** Walks one window of the stream, and goes on to the next. */
  run(): void {
    const { window, addressCount } = this.#scene;
    this.#sink = this.#walkWindow();
    this.#at = this.#at + 2 * window <= addressCount ? this.#at + window : 0;
  }

  /** Keeps what the loops compute from being optimised away. */
  #sink = 0;
  get sink(): number {
    return this.#sink;
  }

  #walkWindow(): number {
    if (this.how === "batch") return this.#batch();
    return this.how === "single" ? this.#singles() : this.#translations();
  }

  #batch(): number {
    const { streamHost, resultsHost, window, access } = this.#scene;
    const from = streamHost + this.#at * 8;
    const faults = this.#generated.walkBatch(from, resultsHost, window, access);
    if (faults < 0) throw new WrongAnswer(`batch: address ${-faults - 1} needs the reference walk`);
    return faults;
  }

  #singles(): number {
    const { streamHost, window, access } = this.#scene;
    const int32 = this.#int32;
    const generated = this.#generated;
    const physical = (this.#mmu.walker.stateBase + STATE.physical) >>> 2;
    let sum = 0;
    const first = (streamHost >>> 2) + this.#at * 2;
    for (let i = first; i < first + window * 2; i += 2) {
      const fault = generated.walk(int32[i + 1] as number, int32[i] as number, access);
      if (fault === 0) sum += numberOf(int32[physical + 1] as number, int32[physical] as number);
    }
    return sum;
  }

  #translations(): number {
    const { streamHost, window, access } = this.#scene;
    const int32 = this.#int32;
    const mmu = this.#mmu;
    let sum = 0;
    const first = (streamHost >>> 2) + this.#at * 2;
    for (let i = first; i < first + window * 2; i += 2) {
      if (mmu.translate(int32[i + 1] as number, int32[i] as number, access) === 0) {
        sum += mmu.physical;
      }
    }
    return sum;
  }

  /** The results of the first addresses from the tables as built, and the tables afterwards. */
  results(): Uint8Array {
    const { checkCount, window, pristine, tables, resultsHost } = this.#scene;
    this.#scene.reset();
    this.#mmu.flushAll();
    const bytes = new Uint8Array(checkCount * 8 + (pristine ? tables.end : 0));
    for (let done = 0; done < checkCount; done += window) {
      this.#at = done;
      if (this.how === "batch") {
        this.#batch();
        const { linear } = tables.memory;
        bytes.set(linear.bytes.subarray(resultsHost, resultsHost + window * 8), done * 8);
      } else this.#collect(bytes, done);
    }
    this.#at = 0;
    if (pristine) bytes.set(this.#scene.image(), checkCount * 8);
    return bytes;
  }

  #collect(bytes: Uint8Array, done: number): void {
    const { streamHost, window, access } = this.#scene;
    const view = new DataView(bytes.buffer);
    const mmu = this.#mmu;
    const state = mmu.walker.stateBase >>> 2;
    for (let i = done; i < done + window; i++) {
      const at = (streamHost >>> 2) + i * 2;
      const [hi, lo] = [this.#int32[at + 1] as number, this.#int32[at] as number];
      if (this.how === "translate") {
        setResult(view, i, mmu.translate(hi, lo, access), mmu.physical);
        continue;
      }
      const fault = this.#generated.walk(hi, lo, access);
      const physicalHi = this.#int32[state + STATE.physical / 4 + 1] as number;
      setResult(view, i, fault, numberOf(physicalHi, this.#int32[state] as number));
    }
  }

  close(): void {
    this.#mmu.dispose();
  }
}
