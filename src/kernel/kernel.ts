/**
 * The state of one mini kernel: what Linux has in globals. The functions that work on it stand in
 * files of their own, named and divided as Linux does (direct-map, vmemmap, teardown, hotplug ...).
 */
import { badArgument, invariant } from "../base/errors.ts";
import { hex, hex64 } from "../base/hex.ts";
import { IntervalList } from "../memory/interval-list.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import { faultErrorCode } from "../mmu/fault.ts";
import { ENXIO, type KernelBug, KernelStop } from "./bug.ts";
import { CheckedPageTables } from "./checked-tables.ts";
import type { DevicePagemap } from "./device-memory.ts";
import { FrameAllocator, type ZoneName } from "./frames/allocator.ts";
import type { Layout } from "./layout.ts";
import type { MemoryBlock, MemoryNotifier, OnlineType } from "./memory-block.ts";
import type { PageMigrator } from "./migrate.ts";
import type { Mm } from "./mm.ts";
import type { Processor } from "./processor.ts";
import type { Depth, KernelRecord } from "./record.ts";
import { PageTables } from "./tables.ts";
import { VmapSpace } from "./vmap-space.ts";

export type { Mm };

/** What is known of one present section of 128 MiB. */
export interface Section {
  readonly early: boolean;
  readonly altmap: Altmap | undefined;
  /** The zone of its frames while it is online. */
  zone: ZoneName | undefined;
  /** subsection_map: a bit for each 2 MiB that is present. */
  subsections: bigint;
}

/** vmem_altmap: frames set aside in the added range itself for its memmap. */
export interface Altmap {
  readonly base: number;
  readonly bytes: number;
  /** Bytes handed out. */
  usedBytes: number;
  /** Bytes that alignment skipped. */
  skippedBytes: number;
}

/** What an operation came to. */
export interface OperationResult {
  readonly operation: string;
  /** 0, or a negative errno. */
  readonly errno: number;
  /** Why, when errno is not 0. */
  readonly message: string;
  readonly bug: KernelBug | undefined;
}

export interface KernelParts {
  readonly record: KernelRecord;
  readonly built: Depth;
  readonly layout: Layout;
  readonly memory: PhysicalMemory;
  readonly allocator: string;
  readonly seed: number;
  readonly gbPages: boolean;
  readonly debugPagealloc: boolean;
  readonly debugVm: boolean;
  readonly blockBytes: number;
  readonly onlinePolicy: OnlineType | "offline";
  readonly checked: boolean;
  readonly pti: boolean;
}

export class Kernel {
  readonly record: KernelRecord;
  /** CONFIG_PGTABLE_LEVELS. */
  readonly built: Depth;
  /** What it runs with. */
  readonly levels: Depth;
  readonly layout: Layout;
  readonly memory: PhysicalMemory;
  readonly tables: PageTables;
  readonly frames: FrameAllocator;
  readonly gbPages: boolean;
  /** debug_pagealloc: the direct map of 4 KiB pages alone. */
  readonly debugPagealloc: boolean;
  /** CONFIG_DEBUG_VM: new struct pages are poisoned where they are populated. */
  readonly debugVm: boolean;
  /** Page-table isolation: each process has a second top table, without the kernel's half. */
  readonly pti: boolean;
  readonly processors: Processor[] = [];
  /** pgd_list: every address space but init_mm. */
  readonly pgdList: Mm[] = [];
  /** Top entries that all of pgdList have alike, with PageTables.upperHalfVersion at that time. */
  readonly publishedTop = new Map<number, number>();
  /** By physical address / 128 MiB. */
  readonly sections = new Map<number, Section>();
  /** iomem "System RAM" and device ranges that were added. */
  readonly resources = new IntervalList<string>();
  /** By physical address / blockBytes. */
  readonly blocks = new Map<number, MemoryBlock>();
  /** Memory block: what is added, onlined and removed at once. */
  readonly blockBytes: number;
  /** What happens to memory that is added: memhp_default_state. */
  readonly onlinePolicy: OnlineType | "offline";
  /** Device ranges by their start. */
  readonly pagemaps = new Map<number, DevicePagemap>();
  /** Who is asked and told when blocks go online and offline. */
  readonly memoryNotifiers: MemoryNotifier[] = [];
  /** Who can move pages that are mapped. */
  readonly pageMigrators: PageMigrator[] = [];
  /** Whether the task at work has a signal pending: ends waiting. */
  signalPending: () => boolean = () => false;
  /** WARN()s so far. */
  readonly warnings: string[] = [];
  /** DirectMap4k, 2M and 1G of /proc/meminfo, in pages of that size. */
  readonly directMapPages = { 1: 0, 2: 0, 3: 0 };
  readonly counts = {
    /** Flushes asked for, of any extent. */
    tlbFlushes: 0,
    /** Interprocessor interrupts that they took. */
    ipis: 0,
    /** Processors that were spared one because they had only borrowed the address space. */
    ipisSpared: 0,
    topEntriesPublished: 0,
  };
  /** Page of the memmap from which the newest leaf is unused and not yet marked so; 0: none. */
  unusedPmdStart = 0;
  /** Set when the kernel has stopped. */
  bug: KernelBug | undefined;
  nextPid = 1;
  /** vmalloc space. */
  readonly vmap = new VmapSpace();
  /** Tables come from boot memory until this is true. */
  afterBoot = false;
  /** Where boot memory is taken from: tables upward, memmap blocks downward. */
  readonly bootMemory = { low: 0, high: 0 };
  #initMm: Mm | undefined;
  #current = 0;
  readonly #trace: string[] = [];
  #message = "";
  /** An oops looks at tables, in checked mode too. */
  #stopping = false;

  constructor(parts: KernelParts) {
    this.record = parts.record;
    this.built = parts.built;
    this.levels = parts.layout.levels;
    this.layout = parts.layout;
    this.memory = parts.memory;
    this.gbPages = parts.gbPages;
    this.debugPagealloc = parts.debugPagealloc;
    this.debugVm = parts.debugVm;
    this.pti = parts.pti;
    this.blockBytes = parts.blockBytes;
    this.onlinePolicy = parts.onlinePolicy;
    this.tables = new (parts.checked ? CheckedPageTables : PageTables)(parts.memory);
    this.frames = new FrameAllocator(this.tables, parts.allocator, parts.seed);
  }

  get initMm(): Mm {
    invariant(this.#initMm !== undefined, "the kernel has not booted");
    return this.#initMm;
  }

  set initMm(mm: Mm) {
    this.#initMm = mm;
  }

  /** The processor on which the kernel's code runs now. */
  get processor(): Processor {
    return this.processors[this.#current] as Processor;
  }

  /** @throws ArgumentError if there is no such processor */
  runOn(processor: number): void {
    if (this.processors[processor] === undefined) {
      badArgument("processor", `0..${this.processors.length - 1}`, processor);
    }
    this.#current = processor;
  }

  /** Whether code of the kernel runs, and is not about to stop it. */
  get inCall(): boolean {
    return this.#trace.length > 0 && !this.#stopping;
  }

  /** Runs `body` as Linux's function `name`, for the call trace of a BUG. */
  call<T>(name: string, body: () => T): T {
    this.#trace.push(name);
    try {
      return body();
    } finally {
      this.#trace.pop();
    }
  }

  /**
   * One operation as the outside sees it. A BUG ends the kernel: later operations come back with
   * it at once.
   * @param body returns 0 or a negative errno
   */
  operation(name: string, body: () => number): OperationResult {
    if (this.bug) return { operation: name, errno: ENXIO, message: "stopped", bug: this.bug };
    this.tables.tell((observer) => observer.operationBegins?.(name));
    this.#message = "";
    let errno = 0;
    try {
      errno = body();
    } catch (error) {
      if (!(error instanceof KernelStop)) throw error;
      this.bug = error.bug;
    } finally {
      this.tables.tell((observer) => observer.operationEnds?.(name, this.bug === undefined));
    }
    return { operation: name, errno, message: errno === 0 ? "" : this.#message, bug: this.bug };
  }

  /** Remembers why an operation fails. @returns `errno` */
  fail(errno: number, message: string): number {
    this.#message = message;
    return errno;
  }

  /** Why the last failure under way failed. */
  get message(): string {
    return this.#message;
  }

  /** WARN(): noted, and everything goes on. */
  warn(text: string): void {
    this.warnings.push(text);
  }

  /** BUG(). */
  stop(
    condition: string,
    address: bigint,
    tables: readonly number[],
    text: readonly string[] = [],
  ): never {
    const trace = [...this.#trace].reverse();
    const head = `kernel BUG in ${trace[0] ?? "start_kernel"}: ${condition}`;
    throw new KernelStop({
      kind: "BUG",
      condition,
      trace,
      address,
      errorCode: 0,
      tables,
      text: [head, ...text, ...traceText(trace)],
    });
  }

  /** A page fault in kernel mode that nobody repairs. */
  oops(address: bigint, fault: number): never {
    const trace = [...this.#trace].reverse();
    const errorCode = faultErrorCode(fault);
    const access = errorCode & 0x10 ? "instruction fetch" : errorCode & 2 ? "write" : "read";
    const why = errorCode & 1 ? "permissions violation" : "not-present page";
    this.#stopping = true;
    const { text, tables } = this.#describeTop(address);
    this.#stopping = false;
    throw new KernelStop({
      kind: "oops",
      condition: `supervisor ${access} at ${hex64(address)}`,
      trace,
      address,
      errorCode,
      tables,
      text: [
        `BUG: unable to handle page fault for address: ${hex64(address)}`,
        `#PF: supervisor ${access} access in kernel mode`,
        `#PF: error_code(0x${errorCode.toString(16).padStart(4, "0")}) - ${why}`,
        text,
        ...traceText(trace),
      ],
    });
  }

  /** The line of an oops that shows the entries of the table in use: `PGD 0 P4D 0`. */
  #describeTop(address: bigint): { text: string; tables: number[] } {
    const page = this.layout.pageOf(address);
    let table = this.processor.mm.physical;
    const tables = [table];
    const words: string[] = [];
    for (let level: number = this.levels; level >= 1; level--) {
      const index = this.layout.indexAt(page, level);
      const word = this.tables.word(table, index);
      if (level === 4 && this.levels === 4) words.push(`PGD ${word.toString(16)}`);
      words.push(`${["", "PTE", "PMD", "PUD", "P4D", "PGD"][level]} ${word.toString(16)}`);
      const stop = !(word & 1n) || this.tables.isLeaf(table, index, level);
      if (stop) break;
      table = this.tables.target(table, index);
      tables.push(table);
    }
    return { text: words.join(" "), tables };
  }

  /**
   * A small allocation for the kernel's own records. It takes no frame here, but it is one of those
   * that can be made to fail (FrameAllocator.failNth).
   * @returns false when out of memory
   */
  kmalloc(): boolean {
    return !this.afterBoot || this.frames.attempt();
  }

  /** A zeroed frame for a table, -1 when there is none. */
  allocateTable(level: number, owner = "init_mm"): number {
    const use = { kind: "table", level, owner } as const;
    let table: number;
    if (this.afterBoot) table = this.frames.allocate(0, "unmovable", use, this.processor.id);
    else {
      table = this.bootMemory.low;
      this.bootMemory.low += 4096;
      invariant(this.bootMemory.low <= this.bootMemory.high, "boot memory is used up");
      this.frames.claim(table, 0, use);
    }
    if (table >= 0) this.tables.zero(table);
    return table;
  }

  /** `0x8000000000` and the like for messages. */
  static range(base: number, bytes: number): string {
    return `${hex(base)}-${hex(base + bytes - 1)}`;
  }
}

/** The line of a BUG or oops that names the functions; none when code outside them faulted. */
function traceText(trace: readonly string[]): string[] {
  return trace.length === 0 ? [] : [`Call trace: ${trace.join(" <- ")}`];
}
