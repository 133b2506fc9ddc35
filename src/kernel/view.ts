/** The mini kernel as the checker sees it. */
import type {
  AddressSpaceView,
  FrameUse,
  KeptTranslation,
  PageTableObserver,
  TopTable,
} from "../check/view.ts";
import { entryOf } from "./direct-map.ts";
import { Kernel } from "./kernel.ts";
import { SECTION_BYTES } from "./sparse.ts";

export class KernelView implements AddressSpaceView {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  get memory() {
    return this.#kernel.memory;
  }

  get levels() {
    return this.#kernel.levels;
  }

  get reference(): TopTable {
    return this.#kernel.initMm;
  }

  spaces(): Iterable<TopTable> {
    return this.#kernel.pgdList;
  }

  useOf(physical: number): FrameUse {
    return this.#kernel.frames.useOf(physical);
  }

  *tables(): IterableIterator<number> {
    for (const { physical, use } of this.#kernel.frames.used()) {
      if (use.kind === "table") yield physical;
    }
  }

  /** The memmap, vmalloc and user memory. The direct map and the image map what others own. */
  ownsLeaves(page: number): boolean {
    const { layout } = this.#kernel;
    return layout.inVmemmap(page) || layout.inVmalloc(page) || page < layout.kernelHalfPage;
  }

  /** Kernels before v5.8 fill vmalloc space's top entries when a process first faults there. */
  filledOnFault(page: number): boolean {
    const { layout, record } = this.#kernel;
    return record.vmallocTops === "filled-on-fault" && layout.inVmalloc(page);
  }

  /** What a processor would drop before it used it (an ASID whose space was flushed) is not kept. */
  *kept(): IterableIterator<KeptTranslation> {
    for (const owner of this.#kernel.processors) {
      const { id, mmu } = owner;
      const processor = `processor ${id}`;
      for (const entry of mmu.tlb.entries()) {
        const { physical, pageBytes } = entry;
        if (!entry.global && !owner.mayUse(entry.pcid)) continue;
        const message = `a translation to ${pageBytes} bytes at 0x${physical.toString(16)}`;
        yield { processor, physical, tableLevel: 0, message };
      }
      for (const { table, level, pcid } of mmu.upperEntries()) {
        if (!owner.mayUse(pcid)) continue;
        const message = `the way to the table at 0x${table.toString(16)}`;
        yield { processor, physical: table, tableLevel: level - 1, message };
      }
    }
  }

  /** Present sections without memmap, and memmap of sections that are not present. */
  *memmapErrors(): IterableIterator<string> {
    const { sections, layout } = this.#kernel;
    for (const number of sections.keys()) {
      const start = number * SECTION_BYTES;
      const { from, to } = layout.vmemmapRange(start, SECTION_BYTES);
      for (let page = from; page < to; page += 512) {
        const found = entryOf(this.#kernel, page, 2);
        if (found && this.#kernel.tables.isPresent(found.table, found.index)) continue;
        yield `section ${Kernel.range(start, SECTION_BYTES)} is present without memmap`;
        break;
      }
    }
  }

  subscribe(observer: PageTableObserver): () => void {
    return this.#kernel.tables.subscribe(observer);
  }
}
