/**
 * An address space made by hand: tables at addresses of the test's choice, uses in a map, events
 * told by the test. Nothing of the kernel layer is in it. Kernel half, 4 levels: index 256 of a top
 * table is the first of memmap (its leaves own their frames), 257 maps what others own.
 */
import { MIB } from "../../src/base/units.ts";
import type {
  AddressSpaceView,
  CoveredRegion,
  FrameUse,
  KeptTranslation,
  PageRange,
  PageTableObserver,
  TopTable,
} from "../../src/check/view.ts";
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";

export const TABLE = 0x63;
export const LEAF = 0x163;
export const LARGE = 0x1e3;
/** First page of top entry 256 and of 257. */
export const MEMMAP_PAGE = 256 * 512 ** 3;
export const OTHER_PAGE = 257 * 512 ** 3;

function within(ranges: readonly PageRange[], from: number, to: number): PageRange[] {
  return ranges.filter((range) => range.to > from && range.from < to);
}

export class HandMadeView implements AddressSpaceView {
  readonly memory = new PhysicalMemory({ addressBits: 46, linearBytes: 128 * MIB });
  readonly levels = 4;
  readonly reference: TopTable = { name: "reference", physical: 0x10000 };
  readonly covered: readonly CoveredRegion[] = [
    {
      name: "memmap",
      rule: "memmap-mismatch",
      pages: { from: MEMMAP_PAGE, to: MEMMAP_PAGE + 512 ** 3 },
      exact: false,
      finest: 1,
      wanted: (from, to) => within(this.wanted, from, to),
    },
    {
      name: "direct map",
      rule: "direct-map-mismatch",
      pages: { from: OTHER_PAGE, to: OTHER_PAGE + 512 ** 3 },
      exact: true,
      finest: 2,
      wanted: (from, to) => within(this.direct, from, to),
    },
  ];
  readonly processes: TopTable[] = [];
  readonly uses = new Map<number, FrameUse>();
  readonly keeps: KeptTranslation[] = [];
  wanted: PageRange[] = [];
  /** What the direct map is to map. */
  direct: PageRange[] = [];
  #observer: PageTableObserver = {};

  /** Memory, and the way from the reference to one PMD table at 0x13000 below top entry 256. */
  constructor() {
    this.memory.mapRam(0, 16 * MIB);
    this.use(0x10000, { kind: "table", level: 4, owner: "reference" });
    this.table(0x12000, 3);
    this.table(0x13000, 2);
    this.write(0x10000, 256, 0x12000 + TABLE);
    this.write(0x12000, 0, 0x13000 + TABLE);
  }

  use(frame: number, use: FrameUse): void {
    this.uses.set(frame, use);
  }

  table(frame: number, level: number, owner = "reference"): void {
    this.use(frame, { kind: "table", level, owner });
  }

  /** Writes an entry without telling anybody. */
  write(table: number, index: number, word: number): void {
    this.memory.write64(table + index * 8, BigInt(word));
  }

  /** Writes an entry of `level` and tells. */
  set(table: number, index: number, level: number, word: number): void {
    const oldLo = this.memory.readInt32(table + index * 8);
    this.write(table, index, word);
    const change = { table, index, level, oldHi: 0, oldLo, newHi: 0, newLo: word | 0 };
    this.#observer.entryChanged?.(change);
  }

  /** One operation; what happens in it is told to the checker. */
  operation(name: string, body: (observer: PageTableObserver) => void): void {
    this.#observer.operationBegins?.(name);
    body(this.#observer);
    this.#observer.operationEnds?.(name, true);
  }

  allocate(frame: number, use: FrameUse): void {
    this.use(frame, use);
    this.#observer.frameAllocated?.(frame, 4096);
  }

  free(frame: number): void {
    this.use(frame, { kind: "free" });
    this.#observer.frameFreed?.(frame, 4096);
  }

  fork(name: string, physical: number): TopTable {
    const space = { name, physical };
    this.table(physical, 4, name);
    this.memory.copy(physical + 2048, this.reference.physical + 2048, 2048);
    this.processes.push(space);
    this.#observer.spaceCreated?.(space);
    return space;
  }

  spaces(): Iterable<TopTable> {
    return this.processes;
  }

  useOf(physical: number): FrameUse {
    return this.uses.get(Math.floor(physical / 4096) * 4096) ?? { kind: "reserved" };
  }

  *reachable(): IterableIterator<number> {
    for (const [frame, { kind }] of this.uses) {
      if (kind === "table" || kind === "memmap") yield frame;
    }
  }

  ownsLeaves(page: number): boolean {
    return page < OTHER_PAGE;
  }

  mayMap(page: number, use: FrameUse): boolean {
    return use.kind === (page < MEMMAP_PAGE ? "user" : "memmap");
  }

  filledOnFault(page: number): boolean {
    return page >= 258 * 512 ** 3;
  }

  kept(): Iterable<KeptTranslation> {
    return this.keeps;
  }

  subscribe(observer: PageTableObserver): () => void {
    this.#observer = observer;
    return () => {
      this.#observer = {};
    };
  }
}
