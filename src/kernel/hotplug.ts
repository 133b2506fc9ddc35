/**
 * Memory hotplug: add, online, offline, remove of ranges (Linux's mm/memory_hotplug.c and
 * drivers/base/memory.c), and the DIMM slot in front of it.
 */
import { hex } from "../base/hex.ts";
import { EBUSY, EEXIST, EINVAL, ENXIO } from "./bug.ts";
import { entryOf } from "./direct-map.ts";
import type { ZoneName } from "./frames/allocator.ts";
import { Kernel } from "./kernel.ts";
import { PAGE_BYTES, STRUCT_PAGE_BYTES } from "./layout.ts";
import { archAddMemory, archRemoveMemory, SECTION_BYTES, selfHosted } from "./sparse.ts";

export interface AddOptions {
  /** memmap_on_memory: the memmap lies in the range itself. */
  readonly memmapOnMemory?: boolean;
  /** Device memory with compound pages (ZONE_DEVICE, vmemmap_shift). */
  readonly compoundDevice?: boolean;
}

/**
 * The DIMM slot: memory appears at [start, start + bytes), unknown to the kernel.
 * @throws AlignmentError, OverlapError: not whole sections, or not free; nothing has changed
 */
export function plugDimm(k: Kernel, start: number, bytes: number): void {
  k.memory.plug(start, bytes);
}

/**
 * Takes the DIMM out.
 * @returns 0, or -EBUSY, with the DIMM in place, while the kernel knows or maps it
 * @throws AbsentError, AlignmentError
 */
export function unplugDimm(k: Kernel, start: number, bytes: number): number {
  const range = Kernel.range(start, bytes);
  const user = k.resources.find((r) => start < r.base + r.bytes && r.base < start + bytes);
  if (user !== undefined) return k.fail(EBUSY, `expected removed memory, ${range} is in use`);
  if (mapsAnyOf(k, start, bytes)) {
    return k.fail(EBUSY, `expected unmapped memory, the direct map still maps some of ${range}`);
  }
  k.memory.unplug(start, bytes);
  return 0;
}

/** Whether init_mm's direct map maps a page of the range: one look for each section. */
function mapsAnyOf(k: Kernel, start: number, bytes: number): boolean {
  for (let at = start; at < start + bytes; at += SECTION_BYTES) {
    const page = k.layout.directPage(at);
    for (const level of [3, 2, 1]) {
      const found = entryOf(k, page, level);
      if (found === undefined || !k.tables.isPresent(found.table, found.index)) continue;
      if (k.tables.isLeaf(found.table, found.index, level)) return true;
    }
  }
  return false;
}

/**
 * add_memory(): [start, start + bytes) becomes known to the kernel, offline.
 * @returns 0, -EINVAL (not in whole blocks), -EEXIST (overlaps what is there), -ENXIO (no memory
 * answers), -E2BIG (the direct map does not reach it), -ENOMEM
 */
export function addMemory(
  k: Kernel,
  start: number,
  bytes: number,
  options: AddOptions = {},
): number {
  return k.call("add_memory", () => {
    const range = Kernel.range(start, bytes);
    if (start % SECTION_BYTES !== 0 || bytes % SECTION_BYTES !== 0 || bytes <= 0) {
      const unit = hex(SECTION_BYTES);
      return k.fail(EINVAL, `expected start and size in multiples of ${unit}, got ${range}`);
    }
    const other = k.resources.find((r) => start < r.base + r.bytes && r.base < start + bytes);
    if (other !== undefined) {
      const there = Kernel.range(other.base, other.bytes);
      return k.fail(EEXIST, `expected a free range, got ${range} over ${other.name} ${there}`);
    }
    if (!k.memory.isRam(start, bytes)) {
      return k.fail(ENXIO, `expected plugged memory, got ${range}`);
    }
    k.resources.push({
      base: start,
      bytes,
      name: options.compoundDevice ? "device" : "System RAM",
    });
    const errno = archAddMemory(k, start, bytes, {
      altmap: options.memmapOnMemory ? selfHosted(start, bytes) : undefined,
      compound: options.compoundDevice === true && k.record.compoundMemmap,
    });
    if (errno !== 0) releaseResource(k, start, bytes);
    return errno;
  });
}

/**
 * remove_memory(): every block must be offline.
 * @returns 0, -EINVAL (not in whole blocks, or not all there), -EBUSY (a block is online), -ENOMEM
 */
export function removeMemory(k: Kernel, start: number, bytes: number): number {
  return k.call("try_remove_memory", () => {
    const range = Kernel.range(start, bytes);
    if (start % SECTION_BYTES !== 0 || bytes % SECTION_BYTES !== 0 || bytes <= 0) {
      const unit = hex(SECTION_BYTES);
      return k.fail(EINVAL, `expected start and size in multiples of ${unit}, got ${range}`);
    }
    for (let at = start; at < start + bytes; at += SECTION_BYTES) {
      const section = k.sections.get(at / SECTION_BYTES);
      const block = Kernel.range(at, SECTION_BYTES);
      if (section === undefined) return k.fail(EINVAL, `expected added memory, got ${block}`);
      if (section.early)
        return k.fail(EBUSY, `expected hot-added memory, got boot memory ${block}`);
      if (section.zone !== undefined) {
        return k.fail(EBUSY, `expected offline blocks, got ${block} online in ${section.zone}`);
      }
    }
    const errno = archRemoveMemory(k, start, bytes);
    if (errno === 0) releaseResource(k, start, bytes);
    return errno;
  });
}

/** Drops [start, start + bytes) from the resources, keeping what a partial removal leaves. */
function releaseResource(k: Kernel, start: number, bytes: number): void {
  const end = start + bytes;
  const overlapping = k.resources.filter((r) => start < r.base + r.bytes && r.base < end);
  for (const resource of overlapping) {
    k.resources.splice(k.resources.indexOf(resource), 1);
    const before = start - resource.base;
    const after = resource.base + resource.bytes - end;
    if (before > 0) k.resources.push({ ...resource, bytes: before });
    if (after > 0) k.resources.push({ ...resource, base: end, bytes: after });
  }
}

/**
 * online_pages(): the block's struct pages are initialised, through the memmap's mapping, and its
 * frames go to a zone.
 * @param start a block's first byte
 * @returns 0, -EINVAL (no such block, or online already)
 */
export function onlineBlock(k: Kernel, start: number, zone: ZoneName): number {
  return k.call("online_pages", () => {
    const section = k.sections.get(start / SECTION_BYTES);
    if (section === undefined || section.zone !== undefined) {
      return k.fail(EINVAL, `expected an offline block, got ${hex(start)}`);
    }
    const reserved = altmapPartOf(k, start);
    initStructPages(k, start);
    k.frames.addRange(zone, start + reserved, SECTION_BYTES - reserved);
    section.zone = zone;
    return 0;
  });
}

/**
 * offline_pages(): takes the block's frames out of their zone.
 * @returns 0, -EINVAL (no such block, or offline already), -EBUSY (a frame is in use that cannot
 * be moved)
 */
export function offlineBlock(k: Kernel, start: number): number {
  return k.call("offline_pages", () => {
    const section = k.sections.get(start / SECTION_BYTES);
    if (section?.zone === undefined || section.early) {
      return k.fail(EINVAL, `expected an online hot-added block, got ${hex(start)}`);
    }
    const reserved = altmapPartOf(k, start);
    if (!k.frames.removeRange(start + reserved, SECTION_BYTES - reserved)) {
      return k.fail(EBUSY, `unmovable page in ${Kernel.range(start, SECTION_BYTES)}`);
    }
    section.zone = undefined;
    return 0;
  });
}

/** memmap_init(): one write to each page of the block's memmap, by virtual address. */
function initStructPages(k: Kernel, start: number): void {
  k.call("memmap_init_range", () => {
    const base = k.layout.structPageAddress(start);
    const bytes = (SECTION_BYTES / PAGE_BYTES) * STRUCT_PAGE_BYTES;
    for (let at = 0; at < bytes; at += PAGE_BYTES) k.processor.writeKernel(base + BigInt(at), 0n);
  });
}

/** Bytes at the start of the block that hold memmap of their own. */
function altmapPartOf(k: Kernel, start: number): number {
  const altmap = k.sections.get(start / SECTION_BYTES)?.altmap;
  if (altmap === undefined) return 0;
  return Math.max(0, Math.min(altmap.base + altmap.bytes - start, SECTION_BYTES));
}
