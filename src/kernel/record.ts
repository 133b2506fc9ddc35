/**
 * A kernel version is a record of choices, not a branch of code: whatever the kernels of the
 * history did differently is a field here, and the one code path asks.
 */

/** Depth of page tables: what a kernel was built with, or runs with. */
export type Depth = 4 | 5;

/**
 * When a removal frees an emptied PUD table, as the condition stood in the source. `built` is
 * CONFIG_PGTABLE_LEVELS, `running` what the processor does.
 */
export const PUD_CONDITIONS = {
  never: () => false,
  always: () => true,
  "unless CONFIG_PGTABLE_LEVELS == 4": (built: Depth) => built !== 4,
  "CONFIG_PGTABLE_LEVELS > 4": (built: Depth) => built > 4,
  "CONFIG_PGTABLE_LEVELS == 4": (built: Depth) => built === 4,
  "CONFIG_PGTABLE_LEVELS == 5": (built: Depth) => built === 5,
  "pgtable_l5_enabled()": (_built: Depth, running: Depth) => running === 5,
} as const satisfies Record<string, (built: Depth, running: Depth) => boolean>;

export type PudCondition = keyof typeof PUD_CONDITIONS;

/** Changes of user entries that take rights away. */
export type UserFlush = "unmap" | "protect" | "fork" | "copy";

export interface KernelRecord {
  readonly name: string;
  /** ISO date of the release, the commit or the mail. */
  readonly date: string;
  readonly title: string;
  /** Where the choices are to be read. */
  readonly source: string;
  /** Whether it has code for 5 levels at all. */
  readonly fiveLevels: boolean;
  /** Whether the depth is fixed when building, or asked when running (v4.17). */
  readonly folding: "build" | "run";

  /** Whether removal takes mappings down at all; before v3.9 it left them. */
  readonly tearsDown: boolean;
  readonly freesPudTable: PudCondition;
  /** Which removals clear the emptied top entries of all other PGDs. */
  readonly clearsOtherPgds: "never" | "always" | "vmemmap";
  /**
   * Order of the three steps at an emptied table or a leaf's frame:
   * - `free-clear-flush`: as Linux does it;
   * - `gather-tables`: tables wait for the flush, the leaves' frames do not;
   * - `gather-all`: unlink, flush, free.
   */
  readonly teardownOrder: "free-clear-flush" | "gather-tables" | "gather-all";
  /**
   * A 1 GiB leaf of which a part is removed: the part is filled with 0xFD like unused memmap and
   * the leaf stays (v3.9 to v5.12); it is read as a table (since); it is split first.
   */
  readonly partialPudLeaf: "marked" | "taken-for-table" | "split";

  /** Whether the direct map's new top entries reach other PGDs, once after the loop. */
  readonly publishesDirectMap: boolean;
  /** When the memmap's new top entries reach other PGDs; both may hold. */
  readonly publishesVmemmap: { readonly atPopulate: boolean; readonly afterwards: boolean };
  /** Whether device memory of compound pages has a memmap path of its own (4917f55b4ef9, v5.19). */
  readonly compoundMemmap: boolean;
  /**
   * How unused parts of a 2 MiB leaf of the memmap are marked: when a part is freed only, so that
   * parts never used keep the leaf; also in a new leaf, but from the piece on (v5.13 to v5.17); from
   * the start of the leaf up to the piece.
   */
  readonly memmapMarker: "on-free" | "from-piece" | "from-leaf";
  /** memmap_on_memory: not there; for one block at a time (v5.14); each block its own (v6.8). */
  readonly memmapOnMemory: "none" | "one-block" | "per-block";
  /**
   * How the mappings go when there is no memory for the memory blocks: with their altmap, or as if
   * the memmap were not the range's own (until January 2024).
   */
  readonly blockDevicesFailure: "rolls-back" | "forgets-altmap";
  /** Whether 4 KiB mappings of the first GiB stop a removal: remove_pte_table()'s old guard. */
  readonly lowPteQuirk: boolean;
  /** What the synchronisation does with an entry that differs from the reference. */
  readonly differingEntry: "bug" | "overwrite";
  /** Tables directly below the top, for the direct map and the memmap, made once at boot. */
  readonly preallocatesTop: boolean;
  /** The same for vmalloc space (v5.8). */
  readonly preallocatesVmalloc: boolean;

  /**
   * What a flush of an address space does about a processor whose kernel thread has only borrowed
   * it (lazy TLB mode):
   * - `leaves-on-flush`: it is interrupted, and loads init_mm's tables;
   * - `skipped`: it is left alone, and keeps the CR3 of tables that are freed;
   * - `leaves-when-tables-freed`: left alone unless tables go, then interrupted.
   */
  readonly lazyTlb: "leaves-on-flush" | "skipped" | "leaves-when-tables-freed";
  /** Which changes of user entries are followed by a flush: all, in every real kernel. */
  readonly userFlushes: Readonly<Record<UserFlush, boolean>>;
  /** When vfree() gives back the frames: at once, before the lazy purge has flushed, or after it. */
  readonly vfreeOrder: "frees-at-once" | "after-purge";
  /** How vmalloc's new top entries reach processes: by faults there (to v5.7), or published. */
  readonly vmallocTops: "filled-on-fault" | "published";
  /**
   * A large page that is mapped where an empty table is left: the table is forgotten (to v4.15),
   * freed without a flush, or freed after one of one page or of everything.
   */
  readonly hugeVmapOverTable: "leaks" | "frees" | "flushes-page" | "flushes-all";

  /** A table that cannot be allocated in the direct map: used as NULL, or -ENOMEM and undone. */
  readonly directMapOutOfMemory: "oops" | "rolls-back";
  /** What an error in the middle of adding sections leaves: everything so far, or nothing. */
  readonly addPagesFailure: "leaves" | "rolls-back";
}

/** Whether this kernel frees an emptied PUD table, built and running with these depths. */
export function freesPudTable(record: KernelRecord, built: Depth, running: Depth): boolean {
  return PUD_CONDITIONS[record.freesPudTable](built, running);
}
