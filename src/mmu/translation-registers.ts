/**
 * The control registers of one processor, as the MMU sees them: written with the checks of the
 * manual, and telling what each write invalidates (SDM 3A, "Operations that Invalidate TLBs and
 * Paging-Structure Caches").
 */
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import { CR0, CR4, EFER, type PagingRegisters, RESET_REGISTERS } from "./control-bits.ts";
import {
  effectiveCr0,
  LOADS_PDPTES,
  refuseCr0,
  refuseCr3,
  refuseCr4,
  refuseEfer,
  usesPdpteRegisters,
  type WriteContext,
} from "./control-registers.ts";
import { ENTRY } from "./entry.ts";
import type { MmuFeatures } from "./features.ts";
import { type PagingMode, pagingMode } from "./paging-mode.ts";

/** What has to be dropped after a write: nothing, the current PCID's entries, or everything. */
export type Invalidation = "nothing" | "pcid" | "all";

/** A write was refused (#GP(0), nothing changed), or done. */
export type WriteOutcome =
  | { readonly refused: string }
  | { readonly refused: undefined; readonly invalidates: Invalidation };

const DONE: Readonly<Record<Invalidation, WriteOutcome>> = {
  nothing: { refused: undefined, invalidates: "nothing" },
  pcid: { refused: undefined, invalidates: "pcid" },
  all: { refused: undefined, invalidates: "all" },
};
const CR3_KEEP = 1n << 63n;

export class TranslationRegisters {
  readonly features: MmuFeatures;
  readonly #memory: PhysicalMemory;
  #now: PagingRegisters = RESET_REGISTERS;
  #mode: PagingMode;
  /** The processor executes 64-bit code; without a processor, false. */
  codeIs64Bit = false;

  constructor(memory: PhysicalMemory, features: MmuFeatures) {
    this.#memory = memory;
    this.features = features;
    this.#mode = pagingMode(this.#now, features);
  }

  /** The registers now; a frozen snapshot that later writes do not change. */
  get now(): PagingRegisters {
    return this.#now;
  }

  get mode(): PagingMode {
    return this.#mode;
  }

  /** The current PCID: 0 unless CR4.PCIDE. */
  get pcid(): number {
    return this.#now.cr4 & CR4.PCIDE ? Number(this.#now.cr3 & 0xfffn) : 0;
  }

  writeCr0(hi: number, lo: number): WriteOutcome {
    const refused = refuseCr0(hi, lo, this.#context());
    if (refused) return { refused };
    const cr0 = effectiveCr0(lo);
    const { efer } = this.#now;
    const lma = efer & EFER.LME && cr0 & CR0.PG ? EFER.LMA : 0;
    const changed = cr0 ^ this.#now.cr0;
    const pagingOff = (changed & CR0.PG) !== 0 && !(cr0 & CR0.PG);
    const next = { ...this.#now, cr0, efer: (efer & ~EFER.LMA) | lma };
    return this.#commit(next, (changed & LOADS_PDPTES.cr0) !== 0, pagingOff ? "all" : "nothing");
  }

  /** @param value with bit 63 as the instruction gives it: keep translations, if CR4.PCIDE */
  writeCr3(value: bigint): WriteOutcome {
    const refused = refuseCr3(value, this.#context());
    if (refused) return { refused };
    const pcide = (this.#now.cr4 & CR4.PCIDE) !== 0;
    const next = { ...this.#now, cr3: value & ~CR3_KEEP };
    return this.#commit(next, true, pcide && value & CR3_KEEP ? "nothing" : "pcid");
  }

  writeCr4(hi: number, lo: number): WriteOutcome {
    const refused = refuseCr4(hi, lo, this.#context());
    if (refused) return { refused };
    const changed = lo ^ this.#now.cr4;
    const pcideOff = (changed & CR4.PCIDE) !== 0 && !(lo & CR4.PCIDE);
    const smepOn = (changed & CR4.SMEP) !== 0 && (lo & CR4.SMEP) !== 0;
    const all = (changed & CR4.PGE) !== 0 || pcideOff;
    const own = (changed & CR4.PAE) !== 0 || smepOn;
    const next = { ...this.#now, cr4: lo };
    const loads = (changed & LOADS_PDPTES.cr4) !== 0;
    return this.#commit(next, loads, all ? "all" : own ? "pcid" : "nothing");
  }

  /** EFER.LMA is read-only; what is written to it is ignored. */
  writeEfer(hi: number, lo: number): WriteOutcome {
    const refused = refuseEfer(hi, lo, this.#context());
    if (refused) return { refused };
    const efer = (lo & ~EFER.LMA) | (this.#now.efer & EFER.LMA);
    return this.#commit({ ...this.#now, efer }, false, "nothing");
  }

  /** EFLAGS.AC and the key registers: never refused, and nothing cached depends on them. */
  set(change: Partial<Pick<PagingRegisters, "ac" | "pkru" | "pkrs">>): void {
    this.#now = { ...this.#now, ...change };
  }

  /** Takes over registers without checks, as a dump or a snapshot gives them. */
  restore(registers: PagingRegisters): void {
    this.#now = { ...registers };
    this.#mode = pagingMode(this.#now, this.features);
  }

  #context(): WriteContext {
    return { registers: this.#now, features: this.features, codeIs64Bit: this.codeIs64Bit };
  }

  #commit(next: PagingRegisters, loadsPdptes: boolean, invalidates: Invalidation): WriteOutcome {
    if (loadsPdptes && usesPdpteRegisters(next)) {
      const mode = pagingMode(next, this.features);
      const pdptes = this.#readPdptes(next, mode);
      const reserved = mode.formats[3]?.reserved ?? 0n;
      if (pdptes.some((entry) => entry & ENTRY.P && entry & reserved)) {
        return { refused: "a reserved bit in a present PDPTE" };
      }
      this.#take({ ...next, pdptes });
    } else this.#take(next);
    return DONE[invalidates];
  }

  /** CR3 is written often and has no part in the mode. */
  #take(next: PagingRegisters): void {
    const { cr0, cr4, efer } = this.#now;
    this.#now = next;
    if (next.cr0 === cr0 && next.cr4 === cr4 && next.efer === efer) return;
    this.#mode = pagingMode(next, this.features);
  }

  #readPdptes({ cr3 }: PagingRegisters, mode: PagingMode): bigint[] {
    const base = Number(cr3 & mode.rootAddress);
    return [0, 1, 2, 3].map((i) => this.#memory.read64(base + 8 * i));
  }
}
