/**
 * What the checker sees of an address space, be it the mini kernel's or a live guest's: the top
 * tables, what each frame is used for, the TLBs, and the events from which it keeps its own count.
 */
import type { PhysicalMemory } from "../memory/physical-memory.ts";

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
  /** The pages in which the memmap lies. */
  readonly memmapPages: PageRange;
  /** Those of [from, to) that the memmap of present memory takes, in order and merged. */
  wantedMemmap(from: number, to: number): Iterable<PageRange>;
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
  /** Whether the memmap is to cover these pages (from inclusive, to exclusive) has changed. */
  memmapWanted?(from: number, to: number): void;
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
