/**
 * Booting the mini kernel: the direct map of all RAM, the kernel image's mapping, the memmap of
 * boot memory, and what is left goes to the page allocator.
 *
 *     0    1M        16M              48M                                        ram end
 *     | low | free   | kernel image   | tables made at boot ->  free   <- memmap |
 */
import { badArgument } from "../base/errors.ts";
import { GIB, MIB } from "../base/units.ts";
import { PhysicalMemory } from "../memory/physical-memory.ts";
import { mmuFeatures } from "../mmu/features.ts";
import { Mmu } from "../mmu/mmu.ts";
import type { TlbModel } from "../mmu/tlb-model.ts";
import { CheckedPageTables, directMapGuard } from "./checked-tables.ts";
import { initMemoryMapping } from "./direct-map.ts";
import { KERNPG_TABLE, PAGE_KERNEL_LARGE, PAGE_TABLE } from "./flags.ts";
import { FrameAllocator } from "./frames/allocator.ts";
import { Kernel } from "./kernel.ts";
import { type KaslrOffsets, Layout, SPAN_BYTES } from "./layout.ts";
import { createMemoryBlocks, memoryBlockBytes, type OnlineType } from "./memory-block.ts";
import { Mm } from "./mm.ts";
import { Processor } from "./processor.ts";
import type { Depth, KernelRecord } from "./record.ts";
import { kernelNamed } from "./records.ts";
import { SECTION_BYTES, sparseAddSection } from "./sparse.ts";
import { forEachEntry } from "./teardown.ts";
import { migrateUserPage } from "./user/migrate.ts";

export interface BootOptions {
  /** A kernel of the history by name, or a record of one's own; `right` by default. */
  readonly kernel?: string | KernelRecord;
  /** Depth that it is booted with, 5 by default. */
  readonly levels?: Depth;
  /** Depth that it was built with; as booted by default. */
  readonly built?: Depth;
  /** RAM at boot, from address 0; whole sections of 128 MiB, 256 MiB by default. */
  readonly ramBytes?: number;
  readonly processors?: number;
  /** Which freed frame is handed out next (see frames/policy.ts); Linux's `pcp` by default. */
  readonly allocator?: string;
  readonly seed?: number;
  readonly kaslr?: KaslrOffsets;
  /** Whether 1 GiB leaves may be used; true by default. */
  readonly gbPages?: boolean;
  /** debug_pagealloc: a direct map of 4 KiB pages alone; false by default. */
  readonly debugPagealloc?: boolean;
  /** sizeof(struct page), 64 by default: other sizes do not fill whole 2 MiB with a section. */
  readonly structPageBytes?: number;
  /** Memory block, as if set by hand; by default what the size of the RAM asks for. */
  readonly blockBytes?: number;
  /** memhp_default_state, `offline` by default. */
  readonly onlinePolicy?: OnlineType | "offline";
  /** CONFIG_DEBUG_VM. */
  readonly debugVm?: boolean;
  /** Whether the processors tag translations (PCIDs, which Linux calls ASIDs); false by default. */
  readonly pcid?: boolean;
  /** Whether each access to a table is also translated, as Linux's is; slow, false by default. */
  readonly checked?: boolean;
  /** Page-table isolation: user accesses go by tables without the kernel's half; false by default. */
  readonly pti?: boolean;
  /** A TLB model for each processor. */
  readonly tlb?: () => TlbModel;
  /** The machine's memory; one of `linearBytes` is made if it is missing. */
  readonly memory?: PhysicalMemory;
  readonly linearBytes?: number;
}

const IMAGE_BASE = 16 * MIB;
const IMAGE_BYTES = 32 * MIB;
const LOW_BYTES = MIB;

/**
 * Boots a kernel.
 * @throws ArgumentError for a kernel, depth or size that cannot be
 */
export function bootKernel(options: BootOptions = {}): Kernel {
  const record = recordOf(options.kernel ?? "right");
  const levels = options.levels ?? 5;
  const built = options.built ?? levels;
  if (levels > built) badArgument("levels", `at most the ${built} it was built with`, levels);
  if (built === 5 && !record.fiveLevels) {
    badArgument("levels", `4 for ${record.name}, which has no code for more`, built);
  }
  const ramBytes = options.ramBytes ?? 256 * MIB;
  if (!(ramBytes >= SECTION_BYTES) || ramBytes % SECTION_BYTES !== 0 || ramBytes > 3 * GIB) {
    badArgument("ramBytes", "128 MiB to 3 GiB in whole sections of 128 MiB", ramBytes);
  }
  const layout = new Layout(levels, options.kaslr, options.structPageBytes);
  const memory = options.memory ?? machineMemory(levels, options.linearBytes);
  memory.mapRam(0, ramBytes);
  const k = new Kernel({
    record,
    built,
    layout,
    memory,
    allocator: options.allocator ?? "pcp",
    seed: options.seed ?? 1,
    gbPages: options.gbPages ?? true,
    debugPagealloc: options.debugPagealloc ?? false,
    debugVm: options.debugVm ?? false,
    checked: options.checked ?? false,
    pti: options.pti ?? false,
    blockBytes: blockBytesOf(options.blockBytes, ramBytes),
    onlinePolicy: options.onlinePolicy ?? "offline",
  });
  startKernel(k, ramBytes, options);
  return k;
}

function blockBytesOf(given: number | undefined, ramBytes: number): number {
  const bytes = given ?? memoryBlockBytes(ramBytes, true);
  if (!Number.isInteger(Math.log2(bytes)) || bytes < SECTION_BYTES || bytes > 2 * GIB) {
    badArgument("blockBytes", "a power of two from 128 MiB to 2 GiB", bytes);
  }
  return bytes;
}

function recordOf(kernel: string | KernelRecord): KernelRecord {
  return typeof kernel === "string" ? kernelNamed(kernel) : kernel;
}

function machineMemory(levels: Depth, linearBytes: number | undefined): PhysicalMemory {
  const addressBits = levels === 4 ? 46 : 52;
  return new PhysicalMemory({ addressBits, linearBytes: linearBytes ?? 768 * MIB });
}

/** start_kernel() as far as memory goes. */
function startKernel(k: Kernel, ramBytes: number, options: BootOptions): void {
  k.bootMemory.low = IMAGE_BASE + IMAGE_BYTES;
  k.bootMemory.high = ramBytes;
  mapImage(k);
  initMemoryMapping(k, 0, LOW_BYTES);
  initMemoryMapping(k, LOW_BYTES, ramBytes);
  startProcessors(k, options);
  for (let at = 0; at < ramBytes; at += SECTION_BYTES) sparseAddSection(k, at, SECTION_BYTES);
  createMemoryBlocks(k, 0, ramBytes - (ramBytes % k.blockBytes));
  for (const block of k.blocks.values()) block.state = "online";
  for (const section of k.sections.values()) section.zone = "DMA32";
  preallocate(k);
  k.resources.insert(0, ramBytes, "System RAM");
  freeBootMemory(k);
  k.afterBoot = true;
  k.pageMigrators.push((physical, order) => migrateUserPage(k, physical, order));
  if (k.tables instanceof CheckedPageTables) k.tables.guard = directMapGuard(k);
}

/** Paging is turned on as soon as the direct map is complete. */
function startProcessors(k: Kernel, options: BootOptions): void {
  const features = mmuFeatures({
    maxPhyAddr: k.levels === 4 ? 46 : 52,
    gbPages: k.gbPages,
  });
  for (let id = 0; id < (options.processors ?? 1); id++) {
    const tlb = options.tlb?.();
    const mmu = new Mmu(k.memory, tlb ? { features, tlb } : { features });
    k.processors.push(new Processor(k, id, mmu, options.pcid ?? false));
  }
}

/** The static tables of the kernel image: init_top_pgt, level4_kernel, level3_kernel, level2_kernel. */
function mapImage(k: Kernel): void {
  const { tables, layout } = k;
  const top = k.allocateTable(k.levels);
  k.initMm = new Mm(0, "init_mm", top);
  let table = top;
  for (let level: number = k.levels; level > 2; level--) {
    const lower = k.allocateTable(level - 1);
    // level2_kernel_pgt alone is entered without the user bit.
    const lo = level === 3 ? KERNPG_TABLE : PAGE_TABLE;
    tables.setTarget(table, layout.indexAt(layout.kernelImagePage, level), level, lower, {
      hi: 0,
      lo,
    });
    table = lower;
  }
  const step = SPAN_BYTES[2] as number;
  tables.fillLeaves(table, IMAGE_BASE / step, IMAGE_BYTES / step, IMAGE_BASE, step, {
    hi: 0,
    lo: PAGE_KERNEL_LARGE,
  });
}

/** Tables below the top that exist from the start: vmalloc space, and all if the record says so. */
function preallocate(k: Kernel): void {
  const { layout, record } = k;
  const regions = [
    { wanted: record.preallocatesVmalloc, page: layout.vmallocPage, pages: layout.vmallocPages },
    { wanted: record.preallocatesTop, page: layout.directMapPage, pages: layout.directMapPages },
    { wanted: record.preallocatesTop, page: layout.vmemmapPage, pages: layout.vmemmapPages },
  ];
  for (const { wanted, page, pages } of regions) {
    if (!wanted) continue;
    forEachEntry(k.levels, page, page + pages, (index) => {
      const top = k.initMm.physical;
      if (!k.tables.isNone(top, index)) return;
      const lower = k.allocateTable(k.levels - 1);
      k.tables.setTarget(top, index, k.levels, lower, { hi: 0, lo: PAGE_TABLE });
    });
  }
}

/** memblock_free_all(). */
function freeBootMemory(k: Kernel): void {
  const ranges = [
    { from: LOW_BYTES, to: IMAGE_BASE },
    { from: k.bootMemory.low, to: k.bootMemory.high },
  ];
  for (const { from, to } of ranges)
    k.frames.addRange(FrameAllocator.zoneOf(from), from, to - from);
}
