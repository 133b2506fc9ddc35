/**
 * What the checker sees of an address space, be it the mini kernel's or a live guest's: the top
 * tables, what each frame is used for, the TLBs, and the events from which it keeps its own count.
 */
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import type { FindingRule } from "./finding.ts";

/** What a frame is used for. `reserved` is in use by something that the checker does not judge. */
export type FrameUse =
  | { readonly kind: "free" }
  | { readonly kind: "absent" }
  | { readonly kind: "reserved" }
  | { readonly kind: "table"; readonly level: number; readonly owner: string }
  | { readonly kind: "memmap" }
  | { readonly kind: "user"; readonly owner: string };

/** A top table and whose it is. */
export interface TopTable {
  readonly name: string;
  /** Physical address of the table. */
  readonly physical: number;
}

/** Pages of linear addresses, from (inclusive) and to (exclusive). */
export interface PageRange {
  readonly from: number;
  readonly to: number;
}

/** A translation that a processor keeps: of a page, or (table) of a paging-structure cache. */
export interface KeptTranslation {
  readonly processor: string;
  /** A page that it translates. */
  readonly page: number;
  /** Where the kept entry leads: a page's first byte or a table. */
  readonly physical: number;
  /** Level of the table that it leads to; 0 for a page. */
  readonly tableLevel: number;
  readonly message: string;
}

/** A part of the kernel half that maps exactly what memory there is: memmap, direct map. */
export interface CoveredRegion {
  readonly name: string;
  /** The rule that breaks where it does not. */
  readonly rule: FindingRule;
  readonly pages: PageRange;
  /** Whether a leaf that is wanted in part is wrong; else its rest is not judged. */
  readonly exact: boolean;
  /**
   * Level of the lowest entries that are read after an operation; a full check reads all. 1, or 2
   * where a PTE table is only ever filled and emptied as a whole.
   */
  readonly finest: 1 | 2;
  /** Pages of [from, to) that are to be mapped, in order and merged. */
  wanted(from: number, to: number): Iterable<PageRange>;
}

export interface AddressSpaceView {
  readonly memory: PhysicalMemory;
  readonly levels: 4 | 5;
  /** The kernel's own top table, which all others copy. */
  readonly reference: TopTable;
  /** All other top tables. */
  spaces(): Iterable<TopTable>;
  /** What the frame at this physical address is used for. */
  useOf(physical: number): FrameUse;
  /** Every block of frames that must be reachable, tables and memmap, for the count of leaks. */
  reachable(): Iterable<number>;
  /** Whether leaves at this page own the frame that they map (memmap, user memory). */
  ownsLeaves(page: number): boolean;
  /** Whether a leaf at this page, one that owns its frame, may map a frame of this use. */
  mayMap(page: number, use: FrameUse): boolean;
  /** Whether an empty top entry of a process is filled by the fault handler (vmalloc faults). */
  filledOnFault(page: number): boolean;
  kept(): Iterable<KeptTranslation>;
  /** The parts of the kernel half that have to map exactly what they are for. */
  readonly covered: readonly CoveredRegion[];
  /** @returns ends the subscription */
  subscribe(observer: PageTableObserver): () => void;
}

/** What happens to page tables, told in the order in which it happens. */
export interface PageTableObserver {
  operationBegins?(name: string): void;
  /** After the last event of an operation, also when it ended in a BUG. */
  operationEnds?(name: string, completed: boolean): void;
  /** An entry was written. Leaves that own no frame may be written without an event. */
  entryChanged?(change: EntryChange): void;
  /** A table's whole content was set aside without reading it. */
  frameAllocated?(physical: number, bytes: number): void;
  /** The frame is on the free list from now on. */
  frameFreed?(physical: number, bytes: number): void;
  /** All processors dropped all translations, global ones too. */
  flushedAll?(): void;
  /** The processors that may use this space dropped its translations. */
  flushedSpace?(name: string): void;
  /** The same for the pages [from, to) alone; of the kernel, on all processors, if name is "". */
  flushedRange?(name: string, from: number, to: number): void;
  /**
   * Whether a covered region maps these pages (from inclusive, to exclusive), or is to, has changed.
   * Entries that are told need not be told again.
   */
  coverageChanged?(from: number, to: number): void;
  spaceCreated?(space: TopTable): void;
  spaceDestroyed?(space: TopTable): void;
}

export interface EntryChange {
  readonly table: number;
  readonly index: number;
  /** Level of the entry: 1 is a PTE. */
  readonly level: number;
  readonly oldHi: number;
  readonly oldLo: number;
  readonly newHi: number;
  readonly newLo: number;
}
