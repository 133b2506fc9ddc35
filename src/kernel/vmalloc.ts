/** Kernel memory that is contiguous by virtual address only: vmalloc(), vfree(), vmap(). */
import { badArgument } from "../base/errors.ts";
import { hex64 } from "../base/hex.ts";
import { MIB } from "../base/units.ts";
import { EINVAL, ENOMEM } from "./bug.ts";
import { flushTlbKernelRange } from "./flush.ts";
import type { Kernel } from "./kernel.ts";
import { PAGE_BYTES, SPAN_BYTES } from "./layout.ts";
import { type VmapSource, vmapRange, vunmapRange } from "./vmap-range.ts";
import type { AreaFrames, VmapArea } from "./vmap-space.ts";

/** Nothing that could be moved. */
const USE = { kind: "reserved" } as const;
const HUGE_ORDER = 9;

/**
 * vmalloc(), or vmalloc_huge(), which takes blocks of 2 MiB if there are any.
 * @param bytes rounded up to whole pages, or whole blocks
 * @returns the address, or undefined when out of memory, with everything undone
 */
export function vmalloc(k: Kernel, bytes: number, huge = false): bigint | undefined {
  return k.call("__vmalloc_node_range", () => {
    if (!(bytes > 0) || !Number.isSafeInteger(bytes)) badArgument("bytes", "more than 0", bytes);
    if (huge && bytes >= 2 * MIB) {
      const address = allocate(k, bytes, HUGE_ORDER);
      if (address !== undefined) return address;
    }
    const address = allocate(k, bytes, 0);
    if (address === undefined) k.fail(ENOMEM, "no frames for vmalloc");
    return address;
  });
}

function allocate(k: Kernel, bytes: number, order: number): bigint | undefined {
  const unit = PAGE_BYTES * 2 ** order;
  const count = Math.ceil(bytes / unit);
  const area = takeArea(k, count * 2 ** order, 2 ** order);
  if (area === undefined) return undefined;
  for (let i = 0; i < count; i++) {
    const physical = takeFrames(k, order);
    if (physical < 0) break;
    area.frames.push({ physical, order });
  }
  const source: VmapSource = {
    physicalAt: (index) => {
      const { physical } = area.frames[Math.floor(index / 2 ** order)] as AreaFrames;
      return physical + (index % 2 ** order) * PAGE_BYTES;
    },
    largestLevel: order === 0 ? 1 : 2,
  };
  if (area.frames.length === count && vmapRange(k, area.from, area.to, source)) {
    return k.layout.addressOf(area.from);
  }
  removeArea(k, area);
  return undefined;
}

/** Frames that wait for a purge are better used than missed. */
function takeFrames(k: Kernel, order: number): number {
  const physical = k.frames.allocate(order, "unmovable", USE, k.processor.id);
  if (physical >= 0 || k.vmap.lazyPages === 0) return physical;
  purgeVmapAreas(k);
  return k.frames.allocate(order, "unmovable", USE, k.processor.id);
}

/**
 * Maps [physical, physical + bytes) (multiples of 4 KiB), which others own, with pages as large as
 * fit: ioremap_page_range(), vmap().
 * @param largest level of the largest page
 * @returns the address, or undefined when out of memory
 */
export function vmapPhysical(
  k: Kernel,
  physical: number,
  bytes: number,
  largest: 1 | 2 | 3 = 3,
): bigint | undefined {
  return k.call("ioremap_page_range", () => {
    if (physical % PAGE_BYTES !== 0 || bytes % PAGE_BYTES !== 0 || bytes <= 0) {
      badArgument("range", "whole pages", `${physical} and ${bytes} bytes`);
    }
    let level = largest;
    while (level > 1 && bytes < (SPAN_BYTES[level] as number)) level = (level - 1) as 1 | 2;
    const area = takeArea(k, bytes / PAGE_BYTES, (SPAN_BYTES[level] as number) / PAGE_BYTES);
    const source = {
      physicalAt: (index: number) => physical + index * PAGE_BYTES,
      largestLevel: level,
    };
    if (area && vmapRange(k, area.from, area.to, source)) return k.layout.addressOf(area.from);
    if (area) removeArea(k, area);
    k.fail(ENOMEM, "no frame for a page table of vmalloc space");
    return undefined;
  });
}

function takeArea(k: Kernel, pages: number, align: number): VmapArea | undefined {
  const { vmallocPage, vmallocPages } = k.layout;
  const end = vmallocPage + vmallocPages;
  const area = k.vmap.take(vmallocPage, end, pages, align);
  if (area !== undefined) return area;
  purgeVmapAreas(k);
  return k.vmap.take(vmallocPage, end, pages, align);
}

/**
 * vfree(), vunmap(): clears the leaves at once; addresses, and by record the frames, are free after
 * the purge.
 * @returns 0, or -EINVAL: no area begins there
 */
export function vfree(k: Kernel, address: bigint): number {
  return k.call("vfree", () => {
    const area = k.vmap.at(k.layout.pageOf(address));
    if (area === undefined || address % 4096n !== 0n) {
      return k.fail(EINVAL, `expected the address of an area, got ${hex64(address)}`);
    }
    removeArea(k, area);
    return 0;
  });
}

/** remove_vm_area(), with a purge when more waits than lazy_max_pages(). */
function removeArea(k: Kernel, area: VmapArea): void {
  vunmapRange(k, area.from, area.to);
  k.vmap.retire(area);
  if (k.record.vfreeOrder === "frees-at-once") freeFrames(k, area);
  const log = 32 - Math.clz32(k.processors.length);
  if (k.vmap.lazyPages > (log * 32 * MIB) / PAGE_BYTES) purgeVmapAreas(k);
}

/** __purge_vmap_area_lazy(): one flush from the lowest to the highest area that waits. */
export function purgeVmapAreas(k: Kernel): void {
  k.call("__purge_vmap_area_lazy", () => {
    const lazy = k.vmap.takeLazy();
    if (lazy.length === 0) return;
    const from = Math.min(...lazy.map((area) => area.from));
    const to = Math.max(...lazy.map((area) => area.to));
    flushTlbKernelRange(k, from, to);
    for (const area of lazy) freeFrames(k, area);
  });
}

function freeFrames(k: Kernel, area: VmapArea): void {
  for (const { physical, order } of area.frames) k.frames.free(physical, order, k.processor.id);
  area.frames = [];
}
