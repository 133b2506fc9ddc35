/**
 * One processor: its translation context and whose address space is loaded. What the kernel or a
 * process touches by virtual address goes through here and faults for real.
 */
import { CR0, CR4, EFER } from "../mmu/control-bits.ts";
import { Mmu, type MmuOptions } from "../mmu/mmu.ts";
import type { Kernel, Mm } from "./kernel.ts";

export class Processor {
  readonly id: number;
  readonly mmu: Mmu;
  readonly #kernel: Kernel;
  #mm: Mm;

  /** Turns paging on with init_mm's table. */
  constructor(kernel: Kernel, id: number, options: MmuOptions) {
    this.#kernel = kernel;
    this.id = id;
    this.#mm = kernel.initMm;
    this.mmu = new Mmu(kernel.memory, options);
    const la57 = kernel.levels === 5 ? CR4.LA57 : 0;
    this.mmu.writeEfer(EFER.LME | EFER.NXE);
    this.mmu.writeCr4(CR4.PAE | CR4.PGE | la57);
    this.mmu.writeCr3(BigInt(this.#mm.physical));
    this.mmu.writeCr0(CR0.PG | CR0.WP | CR0.PE);
  }

  /** The address space that is loaded: of the current process, or borrowed by a kernel thread. */
  get mm(): Mm {
    return this.#mm;
  }

  /** switch_mm(): loads another address space. */
  switchMm(mm: Mm): void {
    if (mm === this.#mm) return;
    this.#mm = mm;
    this.mmu.writeCr3(BigInt(mm.physical));
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
}
