/**
 * Memory hotplug: add and remove of ranges (Linux's mm/memory_hotplug.c), and the DIMM slot in
 * front of it. Going online and offline is memory-block.ts.
 */
import { hex } from "../base/hex.ts";
import { selfHosted } from "./altmap.ts";
import { E2BIG, EBUSY, EEXIST, EINVAL, ENOMEM, ENXIO } from "./bug.ts";
import { entryOf } from "./direct-map.ts";
import { type Altmap, Kernel } from "./kernel.ts";
import {
  blockAt,
  createMemoryBlocks,
  offlineBlock,
  onlineBlock,
  removeMemoryBlocks,
} from "./memory-block.ts";
import { archAddMemory, archRemoveMemory, SECTION_BYTES } from "./sparse.ts";

export interface AddOptions {
  /** memmap_on_memory: the memmap of each block lies in its first frames. */
  readonly memmapOnMemory?: boolean;
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
  if (k.resources.firstOverlap(start, start + bytes) !== undefined) {
    return k.fail(EBUSY, `expected removed memory, ${range} is in use`);
  }
  if (mapsAnyOf(k, start, bytes)) {
    return k.fail(EBUSY, `expected unmapped memory, the direct map still maps some of ${range}`);
  }
  for (const { physical, use } of k.frames.usedWithin(start, bytes)) {
    return k.fail(EBUSY, `expected unused memory, ${hex(physical)} is ${use.kind}`);
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
      if (found === undefined || !k.tables.isPresent(found.table, found.index)) break;
      if (k.tables.isLeaf(found.table, found.index, level)) return true;
    }
  }
  return false;
}

/**
 * add_memory(): [start, start + bytes) becomes known to the kernel, offline unless the machine's
 * policy is to online it.
 * @returns 0, -E2BIG (the direct map does not reach it), -EEXIST (overlaps what is there), -EINVAL
 * (not in whole blocks, or a memmap of its own that cannot be), -ENXIO (no memory answers), -ENOMEM
 */
export function addMemory(
  k: Kernel,
  start: number,
  bytes: number,
  options: AddOptions = {},
): number {
  return k.call("__add_memory", () => {
    const refusal = registerResource(k, start, bytes, "System RAM");
    if (refusal !== 0) return refusal;
    const errno = addMemoryResource(k, start, bytes, options.memmapOnMemory ?? false);
    if (errno !== 0) k.resources.remove(start, start + bytes);
    return errno;
  });
}

function addMemoryResource(k: Kernel, start: number, bytes: number, ownMemmap: boolean): number {
  return k.call("add_memory_resource", () => {
    const misaligned = checkBlocks(k, start, bytes);
    if (misaligned !== 0) return misaligned;
    if (!k.memory.isRam(start, bytes)) {
      return k.fail(ENXIO, `expected plugged memory, got ${Kernel.range(start, bytes)}`);
    }
    const errno = addBlocks(k, start, bytes, ownMemmap);
    if (errno === 0 && k.onlinePolicy !== "offline") onlineAll(k, start, bytes);
    return errno;
  });
}

/** register_memory_resource(). @returns 0, -E2BIG, -EEXIST */
export function registerResource(k: Kernel, start: number, bytes: number, name: string): number {
  const range = Kernel.range(start, bytes);
  if (start + bytes > k.layout.physicalEnd) {
    const limit = Kernel.range(0, k.layout.physicalEnd);
    return k.fail(E2BIG, `expected a range within ${limit}, got ${range}`);
  }
  const other = k.resources.firstOverlap(start, start + bytes);
  if (other !== undefined) {
    const there = Kernel.range(other.base, other.end - other.base);
    return k.fail(EEXIST, `expected a free range, got ${range} over ${other.value} ${there}`);
  }
  if (bytes > 0) k.resources.insert(start, start + bytes, name);
  return 0;
}

/** check_hotplug_memory_range(). */
function checkBlocks(k: Kernel, start: number, bytes: number): number {
  if (start % k.blockBytes === 0 && bytes % k.blockBytes === 0 && bytes > 0) return 0;
  const unit = hex(k.blockBytes);
  const range = Kernel.range(start, bytes);
  return k.fail(EINVAL, `expected start and size in multiples of ${unit}, got ${range}`);
}

/** add_memory_resource() from arch_add_memory() on: mappings, sections, memory blocks. */
function addBlocks(k: Kernel, start: number, bytes: number, memmapOnMemory: boolean): number {
  if (!memmapOnMemory) return addWithAltmap(k, start, bytes, undefined);
  const { memmapOnMemory: support } = k.record;
  if (support === "none" || (support === "one-block" && bytes !== k.blockBytes)) {
    const what = support === "none" ? "no memmap on memory" : "one block for memmap on memory";
    return k.fail(EINVAL, `expected ${what}, got ${Kernel.range(start, bytes)}`);
  }
  for (let at = start; at < start + bytes; at += k.blockBytes) {
    const errno = addWithAltmap(k, at, k.blockBytes, selfHosted(k, at, k.blockBytes));
    if (errno === 0) continue;
    removeAll(k, start, at - start);
    return errno;
  }
  return 0;
}

function addWithAltmap(k: Kernel, start: number, bytes: number, altmap: Altmap | undefined) {
  const errno = archAddMemory(k, start, bytes, { altmap });
  if (errno !== 0) return errno;
  if (createMemoryBlocks(k, start, bytes, altmap)) return 0;
  // Until January 2024 this removed the memmap as if it were not the range's own.
  const forgets = k.record.blockDevicesFailure === "forgets-altmap";
  archRemoveMemory(k, start, bytes, forgets);
  return k.fail(ENOMEM, "no memory for a memory block");
}

/** A refusal leaves the block offline, and is nobody's error. */
function onlineAll(k: Kernel, start: number, bytes: number): void {
  for (let at = start; at < start + bytes; at += k.blockBytes) {
    if (k.onlinePolicy !== "offline") onlineBlock(k, at, k.onlinePolicy);
  }
}

/**
 * remove_memory(): every block must be offline.
 * @returns 0, -EINVAL (not in whole blocks, or not all there), -EBUSY (a block is online), -ENOMEM
 */
export function removeMemory(k: Kernel, start: number, bytes: number): number {
  return k.call("try_remove_memory", () => {
    const misaligned = checkBlocks(k, start, bytes);
    if (misaligned !== 0) return misaligned;
    for (let at = start; at < start + bytes; at += k.blockBytes) {
      const block = blockAt(k, at);
      if (block?.state === "offline") continue;
      const range = Kernel.range(at, k.blockBytes);
      if (block === undefined) return k.fail(EINVAL, `expected added memory, got ${range}`);
      const { zone } = k.sections.get(at / SECTION_BYTES) ?? {};
      return k.fail(EBUSY, `expected offline blocks, got ${range} online in ${zone}`);
    }
    const errno = removeAll(k, start, bytes);
    if (errno === 0) k.resources.remove(start, start + bytes);
    return errno;
  });
}

/** arch_remove_memory() of the whole range, or block by block where each has its own memmap. */
function removeAll(k: Kernel, start: number, bytes: number): number {
  const alone = bytes > 0 && blockAt(k, start)?.altmap !== undefined;
  const step = alone ? k.blockBytes : bytes;
  for (let at = start; at < start + bytes; at += step) {
    const { altmap } = blockAt(k, at) ?? {};
    const errno = archRemoveMemory(k, at, step);
    if (errno !== 0) return errno;
    removeMemoryBlocks(k, at, step);
    if (altmap !== undefined && altmap.usedBytes !== 0) {
      k.warn(`Altmap not fully unmapped: ${altmap.usedBytes} bytes of ${hex(altmap.base)}`);
    }
  }
  return 0;
}

/**
 * offline_and_remove_memory(): offlines block by block; if one refuses, those that were online are
 * onlined again as they were.
 * @returns 0, or what removeMemory() and offlineBlock() return
 */
export function offlineAndRemoveMemory(k: Kernel, start: number, bytes: number): number {
  return k.call("offline_and_remove_memory", () => {
    const misaligned = checkBlocks(k, start, bytes);
    if (misaligned !== 0) return misaligned;
    const offlined: number[] = [];
    let errno = 0;
    for (let at = start; at < start + bytes && errno === 0; at += k.blockBytes) {
      if (blockAt(k, at)?.state === "offline") continue;
      errno = offlineBlock(k, at);
      if (errno === 0) offlined.push(at);
    }
    if (errno === 0) errno = removeMemory(k, start, bytes);
    if (errno === 0) return 0;
    const message = k.message;
    for (const at of offlined) onlineBlock(k, at, blockAt(k, at)?.onlineType);
    return k.fail(errno, message);
  });
}
