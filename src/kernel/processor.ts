/**
 * One processor: its translation context, whose address space is loaded, and Linux's protocol for
 * keeping its TLB fresh (arch/x86/mm/tlb.c in small).
 *
 * Each address space has a generation that grows with every flush; each processor remembers, for
 * each of its ASIDs, up to which generation it has followed. A processor that runs a kernel thread
 * keeps the tables of the process before (it borrows them, in lazy TLB mode); whether flushes reach
 * it there is the record's choice.
 *
 * What the kernel or a process touches by virtual address goes through here and faults for real.
 */
import { CR0, CR4, EFER } from "../mmu/control-bits.ts";
import type { Mmu } from "../mmu/mmu.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import { mmdrop } from "./process.ts";
import { userTopOf } from "./pti.ts";

/** TLB_NR_DYN_ASIDS. */
const ASIDS = 6;
const CR3_KEEP = 1n << 63n;
/** X86_CR3_PTI_PCID_USER_BIT: with page-table isolation each ASID has a second PCID. */
const USER_PCID = 1 << 11;

/** One flush of an address space: flush_tlb_info. */
export interface FlushInfo {
  readonly mm: Mm;
  /** Pages [from, to); undefined: everything. */
  readonly range: { readonly from: number; readonly to: number } | undefined;
  /** Pages from one address to the next. */
  readonly stridePages: number;
  readonly generation: number;
}

/** What a processor knows of the address space that last had an ASID. */
interface TlbContext {
  readonly mm: Mm;
  /** The generation of it that this processor has followed. */
  generation: number;
}

export class Processor {
  readonly id: number;
  readonly mmu: Mmu;
  readonly #kernel: Kernel;
  readonly #pcid: boolean;
  readonly #contexts: (TlbContext | undefined)[];
  #loaded: Mm;
  #asid = 0;
  #nextAsid = 1;
  #current: Mm | undefined;
  /** active_mm of a kernel thread that has borrowed it. */
  #borrowed: Mm | undefined;
  #lazy = false;
  /** user_pcid_flush_mask: ASIDs whose user PCID is to be flushed before it is used again. */
  readonly #userStale = new Set<number>();

  /** Turns paging on with init_mm's table. */
  constructor(kernel: Kernel, id: number, mmu: Mmu, pcid: boolean) {
    this.#kernel = kernel;
    this.id = id;
    this.mmu = mmu;
    this.#pcid = pcid;
    this.#loaded = kernel.initMm;
    this.#contexts = [{ mm: kernel.initMm, generation: kernel.initMm.tlbGen }];
    const la57 = kernel.levels === 5 ? CR4.LA57 : 0;
    mmu.writeEfer(EFER.LME | EFER.NXE);
    mmu.writeCr4(CR4.PAE | CR4.PGE | la57);
    mmu.writeCr3(BigInt(kernel.initMm.physical));
    mmu.writeCr0(CR0.PG | CR0.WP | CR0.PE);
    if (!pcid) return;
    mmu.writeCr4(CR4.PAE | CR4.PGE | la57 | CR4.PCIDE);
    this.#loadCr3(true);
  }

  /** loaded_mm: the address space whose tables CR3 holds. */
  get mm(): Mm {
    return this.#loaded;
  }

  /** The process that runs here; undefined for a kernel thread. */
  get current(): Mm | undefined {
    return this.#current;
  }

  /** is_lazy: a kernel thread runs on borrowed tables. */
  get lazy(): boolean {
    return this.#lazy;
  }

  /**
   * A process runs here from now on; with init_mm, a kernel thread that borrows nothing.
   * Gives back what was borrowed before, so the last of a dead process may go.
   */
  switchMm(mm: Mm): void {
    const before = this.#borrowed;
    this.#borrowed = undefined;
    this.#current = mm === this.#kernel.initMm ? undefined : mm;
    this.#load(mm);
    if (before) mmdrop(this.#kernel, before);
  }

  /** A kernel thread runs from now on, on the tables that are loaded: enter_lazy_tlb(). */
  runKernelThread(): void {
    const mm = this.#current;
    if (mm === undefined) return;
    this.#current = undefined;
    this.#borrowed = mm;
    mm.references += 1;
    this.#lazy = this.#loaded !== this.#kernel.initMm;
  }

  /**
   * flush_tlb_func(): what a processor does about a flush of the address space that it has loaded.
   * In lazy mode it loads init_mm's tables instead.
   */
  flush(info: FlushInfo): void {
    if (this.#loaded === this.#kernel.initMm) return;
    if (this.#lazy) {
      this.#load(this.#kernel.initMm);
      return;
    }
    const context = this.#contexts[this.#asid] as TlbContext;
    if (context.generation >= info.generation) return;
    const { range } = info;
    const next = info.generation === context.generation + 1;
    if (range && next && info.generation === this.#loaded.tlbGen) {
      for (let page = range.from; page < range.to; page += info.stridePages) {
        this.#dropUserPage(this.#kernel.layout.addressOf(page));
      }
    } else this.#loadCr3(true);
    context.generation = this.#loaded.tlbGen;
  }

  /**
   * Runs an access of user mode. With page-table isolation the process's second top table is loaded
   * around it, as at the kernel's exit and entry.
   */
  asUser(access: () => number): number {
    if (!this.#kernel.pti || this.#loaded === this.#kernel.initMm) return access();
    const root = BigInt(userTopOf(this.#loaded.physical));
    const keeps = !this.#userStale.delete(this.#asid);
    const pcid = BigInt((this.#asid + 1) | USER_PCID);
    this.mmu.writeCr3(this.#pcid ? root | pcid | (keeps ? CR3_KEEP : 0n) : root);
    const fault = access();
    this.#loadCr3(false);
    return fault;
  }

  /**
   * Whether what is cached under this PCID may still be used without a flush before. The way to
   * tables is used by walks ahead of time in lazy TLB mode too; a page of the process is not, as a
   * kernel thread never goes there, and what it missed is flushed when the process comes back.
   */
  mayUse(pcid: number, isTable: boolean): boolean {
    const asid = this.#pcid ? (pcid & ~USER_PCID) - 1 : pcid;
    if (pcid & USER_PCID && this.#userStale.has(asid)) return false;
    const context = this.#contexts[asid];
    if (asid === this.#asid && (isTable || !this.#lazy)) return true;
    if (context === undefined) return false;
    return context.mm.references > 0 && context.generation === context.mm.tlbGen;
  }

  /** Reads 8 bytes of kernel memory by virtual address. An oops if it is not mapped. */
  readKernel(address: bigint): bigint {
    const fault = this.mmu.load(address, 8);
    if (fault !== 0) this.#kernel.oops(address, fault);
    return this.mmu.value;
  }

  /** Writes 8 bytes of kernel memory by virtual address. An oops if it is not mapped writable. */
  writeKernel(address: bigint, value: bigint): void {
    const fault = this.mmu.store(address, 8, value);
    if (fault !== 0) this.#kernel.oops(address, fault);
  }

  /** switch_mm_irqs_off(). */
  #load(next: Mm): void {
    const wasLazy = this.#lazy;
    this.#lazy = false;
    const generation = next.tlbGen;
    if (next === this.#loaded) {
      const context = this.#contexts[this.#asid] as TlbContext;
      if (!wasLazy || context.generation === generation) return;
      context.generation = generation;
      this.#loadCr3(true);
      return;
    }
    const { initMm } = this.#kernel;
    if (this.#loaded !== initMm) this.#loaded.cpus.delete(this.id);
    if (next !== initMm) next.cpus.add(this.id);
    this.#loaded = next;
    this.#loadCr3(this.#chooseAsid(next, generation));
  }

  /** choose_new_asid(). @returns whether what it holds must go */
  #chooseAsid(next: Mm, generation: number): boolean {
    const known = this.#pcid ? this.#contexts.findIndex((context) => context?.mm === next) : -1;
    const context = this.#contexts[known];
    if (context) {
      this.#asid = known;
      const stale = context.generation < generation;
      context.generation = generation;
      return stale;
    }
    if (this.#pcid) {
      this.#asid = this.#nextAsid;
      this.#nextAsid = (this.#nextAsid + 1) % ASIDS;
    }
    this.#contexts[this.#asid] = { mm: next, generation };
    return true;
  }

  /** flush_tlb_one_user(). */
  #dropUserPage(address: bigint): void {
    this.mmu.invlpg(address);
    if (!this.#kernel.pti || !this.#pcid) return;
    this.mmu.invpcid(0, BigInt((this.#asid + 1) | USER_PCID), address);
  }

  /** build_cr3(): ASID n is PCID n + 1. A flush reaches the user's PCID when it is used next. */
  #loadCr3(flushes: boolean): void {
    if (flushes) this.#userStale.add(this.#asid);
    const root = BigInt(this.#loaded.physical);
    if (!this.#pcid) this.mmu.writeCr3(root);
    else this.mmu.writeCr3(root | BigInt(this.#asid + 1) | (flushes ? 0n : CR3_KEEP));
  }
}
