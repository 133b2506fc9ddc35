/**
 * The kernel's virtual address space at 4 and 5 levels, and the arithmetic on it.
 *
 * A 57-bit address does not fit a double, but its page number does: inside, a virtual address is
 * its `page`, the address modulo 2^48 or 2^57 in units of 4 KiB, and ranges are pages from
 * (inclusive) and to (exclusive). bigint addresses are for the surface.
 */
import { badArgument } from "../base/errors.ts";
import { GIB, TIB } from "../base/units.ts";
import type { Depth } from "./record.ts";

export const PAGE_BYTES = 4096;
export const ENTRIES = 512;
/** Pages that one entry covers, by level (index 1 is a PTE). The last is a whole 5-level top table. */
export const SPAN_PAGES: readonly number[] = [0, 1, 512, 512 ** 2, 512 ** 3, 512 ** 4, 512 ** 5];
/** Bytes that one entry covers, by level. */
export const SPAN_BYTES: readonly number[] = SPAN_PAGES.map((pages) => pages * PAGE_BYTES);
/** sizeof(struct page) in most configurations. */
export const STRUCT_PAGE_BYTES = 64;

/** Linux's names of the entries of each level; the p4d with 4 levels is folded onto the pgd. */
export const ENTRY_NAMES = ["", "pte", "pmd", "pud", "p4d", "pgd"] as const;

/** Offsets that memory KASLR adds to the three regions, in GiB (its granularity is a PUD entry). */
export interface KaslrOffsets {
  readonly directMapGib: number;
  readonly vmallocGib: number;
  readonly vmemmapGib: number;
}

interface Bases {
  readonly directMap: bigint;
  readonly directMapBytes: number;
  readonly vmalloc: bigint;
  readonly vmallocBytes: number;
  readonly vmemmap: bigint;
  readonly vmemmapBytes: number;
  readonly physicalBits: number;
}

const BASES: Readonly<Record<Depth, Bases>> = {
  4: {
    directMap: 0xffff888000000000n,
    directMapBytes: 64 * TIB,
    vmalloc: 0xffffc90000000000n,
    vmallocBytes: 32 * TIB,
    vmemmap: 0xffffea0000000000n,
    vmemmapBytes: TIB,
    physicalBits: 46,
  },
  5: {
    directMap: 0xff11000000000000n,
    directMapBytes: 32768 * TIB,
    vmalloc: 0xffa0000000000000n,
    vmallocBytes: 12800 * TIB,
    vmemmap: 0xffd4000000000000n,
    vmemmapBytes: 512 * TIB,
    physicalBits: 52,
  },
};

/** __START_KERNEL_map: the kernel image's mapping, at both depths. */
export const KERNEL_IMAGE_BASE = 0xffffffff80000000n;

export class Layout {
  readonly levels: Depth;
  /** The level of the top table's entries: 4 or 5. */
  readonly topLevel: Depth;
  readonly linearBits: number;
  /** Highest physical address that hot-add accepts, exclusive (PHYSMEM_END + 1). */
  readonly physicalEnd: number;
  readonly directMapPage: number;
  readonly directMapPages: number;
  readonly vmallocPage: number;
  readonly vmallocPages: number;
  readonly vmemmapPage: number;
  readonly vmemmapPages: number;
  readonly kernelImagePage: number;
  /** sizeof(struct page). */
  readonly structPageBytes: number;
  readonly #base: bigint;

  /** @throws ArgumentError for levels, offsets or a size that cannot be */
  constructor(
    levels: Depth,
    kaslr: KaslrOffsets | undefined = undefined,
    structPageBytes = STRUCT_PAGE_BYTES,
  ) {
    if (structPageBytes % 8 !== 0 || structPageBytes < 56 || structPageBytes > 128) {
      badArgument("structPageBytes", "a multiple of 8 from 56 to 128", structPageBytes);
    }
    this.structPageBytes = structPageBytes;
    const bases = BASES[levels] as Bases | undefined;
    if (bases === undefined) badArgument("levels", "4 or 5", levels);
    this.levels = levels;
    this.topLevel = levels;
    this.linearBits = levels === 4 ? 48 : 57;
    this.#base = 2n ** 64n - 2n ** BigInt(this.linearBits);
    this.directMapPage = this.pageOf(bases.directMap) + gibPages(kaslr?.directMapGib ?? 0);
    this.directMapPages = bases.directMapBytes / PAGE_BYTES;
    this.vmallocPage = this.pageOf(bases.vmalloc) + gibPages(kaslr?.vmallocGib ?? 0);
    this.vmallocPages = bases.vmallocBytes / PAGE_BYTES;
    this.vmemmapPage = this.pageOf(bases.vmemmap) + gibPages(kaslr?.vmemmapGib ?? 0);
    this.vmemmapPages = bases.vmemmapBytes / PAGE_BYTES;
    this.kernelImagePage = this.pageOf(KERNEL_IMAGE_BASE);
    const room = (this.vmallocPage - this.directMapPage) * PAGE_BYTES;
    this.physicalEnd = Math.min(2 ** bases.physicalBits, room);
  }

  /** The page of a canonical address. */
  pageOf(address: bigint): number {
    return Number(BigInt.asUintN(this.linearBits, address) >> 12n);
  }

  /** The canonical address of a page. */
  addressOf(page: number): bigint {
    const address = BigInt(page) * 4096n;
    return address >> BigInt(this.linearBits - 1) ? address + this.#base : address;
  }

  /** First page of the kernel half. */
  get kernelHalfPage(): number {
    return 2 ** (this.linearBits - 13);
  }

  /** One past the last page. */
  get endPage(): number {
    return 2 ** (this.linearBits - 12);
  }

  /** Index of the entry at `level` that translates `page`. */
  indexAt(page: number, level: number): number {
    return Math.floor(page / (SPAN_PAGES[level] as number)) % ENTRIES;
  }

  /** __va(): the direct map's page of a physical address. */
  directPage(physical: number): number {
    return this.directMapPage + Math.floor(physical / PAGE_BYTES);
  }

  /** __va() as an address. */
  directAddress(physical: number): bigint {
    return this.addressOf(this.directPage(physical)) + BigInt(physical % PAGE_BYTES);
  }

  /** Address of the struct page of a frame: pfn_to_page(). */
  structPageAddress(physical: number): bigint {
    const frame = Math.floor(physical / PAGE_BYTES);
    return this.addressOf(this.vmemmapPage) + BigInt(frame) * BigInt(this.structPageBytes);
  }

  /** Which page of the memmap, counted from its start, holds the struct page of a frame. */
  memmapPageOf(physical: number): number {
    return Math.floor((Math.floor(physical / PAGE_BYTES) * this.structPageBytes) / PAGE_BYTES);
  }

  /** The memmap's pages of [physical, physical + bytes), both in multiples of 2 MiB. */
  vmemmapRange(physical: number, bytes: number): { from: number; to: number } {
    const scale = this.structPageBytes / PAGE_BYTES / PAGE_BYTES;
    return {
      from: this.vmemmapPage + physical * scale,
      to: this.vmemmapPage + (physical + bytes) * scale,
    };
  }

  /** Whether the direct map covers this page. */
  inDirectMap(page: number): boolean {
    return page >= this.directMapPage && page < this.directMapPage + this.directMapPages;
  }

  /** Whether vmalloc space covers this page. */
  inVmalloc(page: number): boolean {
    return page >= this.vmallocPage && page < this.vmallocPage + this.vmallocPages;
  }

  /** Whether the memmap's region covers this page. */
  inVmemmap(page: number): boolean {
    return page >= this.vmemmapPage && page < this.vmemmapPage + this.vmemmapPages;
  }
}

function gibPages(gib: number): number {
  if (!Number.isInteger(gib) || gib < 0) badArgument("KASLR offset in GiB", "0 or more", gib);
  return (gib * GIB) / PAGE_BYTES;
}
