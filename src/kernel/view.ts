/** The mini kernel as the checker sees it. */

import { wordOf } from "../base/word64.ts";
import type {
  AddressSpaceView,
  CoveredRegion,
  FrameUse,
  KeptTranslation,
  PageRange,
  PageTableObserver,
  TopTable,
} from "../check/view.ts";
import type { Kernel } from "./kernel.ts";
import { ALL_SUBSECTIONS, SECTION_BYTES, SUBSECTION_BYTES } from "./sparse.ts";

export class KernelView implements AddressSpaceView {
  readonly covered: readonly CoveredRegion[];
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.covered = this.#coveredRegions();
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

  *reachable(): IterableIterator<number> {
    for (const { physical, use } of this.#kernel.frames.used()) {
      if (use.kind === "table" || use.kind === "memmap") yield physical;
    }
  }

  mayMap(page: number, use: FrameUse): boolean {
    if (use.kind === "free" || use.kind === "table" || use.kind === "absent") return false;
    const { layout } = this.#kernel;
    if (layout.inVmemmap(page)) return use.kind === "memmap";
    return page >= layout.kernelHalfPage || use.kind !== "memmap";
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
        if (!entry.global && !owner.mayUse(entry.pcid, false)) continue;
        const message = `a translation to ${pageBytes} bytes at 0x${physical.toString(16)}`;
        const page = this.#kernel.layout.pageOf(wordOf(entry.hi, entry.lo));
        yield { processor, page, physical, tableLevel: 0, message };
      }
      for (const { table, level, pcid, linear } of mmu.upperEntries()) {
        if (!owner.mayUse(pcid, true)) continue;
        const message = `the way to the table at 0x${table.toString(16)}`;
        const page = this.#kernel.layout.pageOf(linear);
        yield { processor, page, physical: table, tableLevel: level - 1, message };
      }
    }
  }

  #coveredRegions(): readonly CoveredRegion[] {
    const { vmemmapPage, vmemmapPages, directMapPage, directMapPages } = this.#kernel.layout;
    return [
      {
        name: "memmap",
        rule: "memmap-mismatch",
        pages: { from: vmemmapPage, to: vmemmapPage + vmemmapPages },
        exact: false,
        finest: 1,
        wanted: (from, to) => this.#wantedMemmap(from, to),
      },
      {
        name: "direct map",
        rule: "direct-map-mismatch",
        pages: { from: directMapPage, to: directMapPage + directMapPages },
        exact: true,
        finest: 2,
        wanted: (from, to) => this.#wantedDirectMap(from, to),
      },
    ];
  }

  /** Boot memory and what was added since, devices with a direct map too: all that has a resource. */
  *#wantedDirectMap(from: number, to: number): IterableIterator<PageRange> {
    const { resources, layout } = this.#kernel;
    let last: { from: number; to: number } | undefined;
    for (const { base, end } of resources.items) {
      const first = Math.max(layout.directPage(base), from);
      const behind = Math.min(layout.directPage(end), to);
      if (first >= behind) continue;
      if (last?.to === first) last.to = behind;
      else {
        if (last) yield last;
        last = { from: first, to: behind };
      }
    }
    if (last) yield last;
  }

  /** Memmap of the sections that are present. Of boot sections it is whole as long as they are. */
  *#wantedMemmap(from: number, to: number): IterableIterator<PageRange> {
    let last: { from: number; to: number } | undefined;
    for (const number of this.#sectionsIn(from, to)) {
      for (const range of this.#memmapOf(number)) {
        if (range.to <= from || range.from >= to) continue;
        const piece = { from: Math.max(range.from, from), to: Math.min(range.to, to) };
        if (last?.to === piece.from) last.to = piece.to;
        else {
          if (last) yield last;
          last = piece;
        }
      }
    }
    if (last) yield last;
  }

  /** Present sections whose memmap meets these pages, in order. */
  #sectionsIn(from: number, to: number): number[] {
    const { sections, layout } = this.#kernel;
    const pages = layout.vmemmapRange(0, SECTION_BYTES).to - layout.vmemmapPage;
    const first = Math.floor((from - layout.vmemmapPage) / pages);
    const last = Math.ceil((to - layout.vmemmapPage) / pages);
    if (last - first > sections.size) return [...sections.keys()].sort((a, b) => a - b);
    const found: number[] = [];
    for (let at = first; at < last; at++) if (sections.has(at)) found.push(at);
    return found;
  }

  *#memmapOf(number: number): IterableIterator<PageRange> {
    const { sections, layout } = this.#kernel;
    const section = sections.get(number);
    const start = number * SECTION_BYTES;
    if (section === undefined) return;
    if (section.early || section.subsections === ALL_SUBSECTIONS) {
      yield layout.vmemmapRange(start, SECTION_BYTES);
      return;
    }
    for (let bit = 0; bit < SECTION_BYTES / SUBSECTION_BYTES; bit++) {
      if (!((section.subsections >> BigInt(bit)) & 1n)) continue;
      yield layout.vmemmapRange(start + bit * SUBSECTION_BYTES, SUBSECTION_BYTES);
    }
  }

  subscribe(observer: PageTableObserver): () => void {
    return this.#kernel.tables.subscribe(observer);
  }
}
