/**
 * Memory blocks: the unit in which memory goes online and offline (drivers/base/memory.c).
 *
 *     offline -> going-online -> online -> going-offline -> offline
 *
 * Whoever listens is asked before either change, may refuse it, and is told how it ended.
 */
import { badArgument } from "../base/errors.ts";
import { hex } from "../base/hex.ts";
import { GIB, MIB } from "../base/units.ts";
import { EBUSY, EINVAL } from "./bug.ts";
import { FrameAllocator, type ZoneName } from "./frames/allocator.ts";
import { type Altmap, Kernel } from "./kernel.ts";
import { isolateRange, migrateRange, undoIsolation } from "./migrate.ts";
import { SECTION_BYTES } from "./sparse.ts";
import { initStructPages } from "./struct-pages.ts";

/** MMOP_*: `online` and `online_kernel` go to the zone of the address, the other to Movable. */
export const ONLINE_TYPES = ["online", "online_kernel", "online_movable"] as const;
export type OnlineType = (typeof ONLINE_TYPES)[number];

export interface MemoryBlock {
  readonly start: number;
  readonly bytes: number;
  state: "offline" | "going-online" | "online" | "going-offline";
  /** How it was onlined last. */
  onlineType: OnlineType;
  /** Memmap of its own that it begins with. */
  readonly altmap: Altmap | undefined;
}

export type MemoryEvent =
  | "MEM_GOING_ONLINE"
  | "MEM_CANCEL_ONLINE"
  | "MEM_ONLINE"
  | "MEM_GOING_OFFLINE"
  | "MEM_CANCEL_OFFLINE"
  | "MEM_OFFLINE";

/**
 * Told of every change of a block.
 * @returns 0, or a negative errno that refuses a MEM_GOING_ event
 */
export type MemoryNotifier = (event: MemoryEvent, block: MemoryBlock) => number;

/**
 * probe_memory_block_size(): 128 MiB below 64 GiB of RAM; else 2 GiB, in a virtual machine the
 * largest power of two up to that which divides the end of boot memory.
 */
export function memoryBlockBytes(bootEndBytes: number, hypervisor: boolean): number {
  if (bootEndBytes < 64 * GIB) return SECTION_BYTES;
  let bytes = 2 * GIB;
  while (hypervisor && bytes > 128 * MIB && bootEndBytes % bytes !== 0) bytes /= 2;
  return bytes;
}

/**
 * create_memory_block_devices(), for whole blocks.
 * @param altmap of each block, by its first byte
 * @returns false, with none of them created, when out of memory
 */
export function createMemoryBlocks(
  k: Kernel,
  start: number,
  bytes: number,
  altmap?: Altmap,
): boolean {
  for (let at = start; at < start + bytes; at += k.blockBytes) {
    if (!k.kmalloc()) {
      removeMemoryBlocks(k, start, at - start);
      return false;
    }
    k.blocks.set(at / k.blockBytes, {
      start: at,
      bytes: k.blockBytes,
      state: "offline",
      onlineType: "online",
      altmap,
    });
  }
  return true;
}

/** remove_memory_block_devices(). */
export function removeMemoryBlocks(k: Kernel, start: number, bytes: number): void {
  for (let at = start; at < start + bytes; at += k.blockBytes) k.blocks.delete(at / k.blockBytes);
}

/** The block that begins at `start`. */
export function blockAt(k: Kernel, start: number): MemoryBlock | undefined {
  return start % k.blockBytes === 0 ? k.blocks.get(start / k.blockBytes) : undefined;
}

/**
 * memory_block_online(), online_pages(): the block's struct pages are initialised, through the
 * memmap's mapping, and its frames go to a zone.
 * @param start the block's first byte
 * @returns 0, -EINVAL (no such block, or it is not offline), or what a notifier refused it with
 * @throws ArgumentError for an unknown type
 */
export function onlineBlock(k: Kernel, start: number, type: OnlineType = "online"): number {
  if (!ONLINE_TYPES.includes(type)) badArgument("online type", ONLINE_TYPES.join(", "), type);
  return k.call("online_pages", () => {
    const block = blockAt(k, start);
    if (block?.state !== "offline") {
      return k.fail(EINVAL, `expected an offline block, got ${describe(block, start)}`);
    }
    const zone = zoneFor(start, type);
    block.state = "going-online";
    initStructPages(k, start, block.bytes, zone);
    const refusal = notify(k, "MEM_GOING_ONLINE", block);
    if (refusal !== 0) {
      notify(k, "MEM_CANCEL_ONLINE", block);
      block.state = "offline";
      return k.fail(refusal, `a notifier refuses to online ${rangeOf(block)}`);
    }
    const { from, bytes } = usable(block);
    k.frames.addRange(zone, from, bytes);
    setZone(k, block, zone);
    block.onlineType = type;
    block.state = "online";
    notify(k, "MEM_ONLINE", block);
    return 0;
  });
}

/**
 * memory_block_offline(), offline_pages(): moves what is used of the block's frames elsewhere and
 * takes them out of their zone.
 * @returns 0, -EINVAL (no such block, not online, holes, frames of two zones), -EBUSY (a page that
 * cannot be moved), -EINTR (a signal came before everything was moved), or a notifier's refusal
 */
export function offlineBlock(k: Kernel, start: number): number {
  return k.call("offline_pages", () => {
    const block = blockAt(k, start);
    if (block?.state !== "online") {
      return k.fail(EINVAL, `expected an online block, got ${describe(block, start)}`);
    }
    const range = rangeOf(block);
    if (!isWhole(k, block)) return k.fail(EINVAL, `memory holes in ${range}`);
    if (zonesOf(k, block).size !== 1) return k.fail(EINVAL, `more than one zone in ${range}`);
    const { from, bytes } = usable(block);
    block.state = "going-offline";
    if (!isolateRange(k, from, bytes)) {
      block.state = "online";
      return k.fail(EBUSY, `unmovable page in ${range}`);
    }
    let errno = notify(k, "MEM_GOING_OFFLINE", block);
    if (errno !== 0) k.fail(errno, `a notifier refuses to offline ${range}`);
    else errno = migrateRange(k, from, bytes);
    if (errno !== 0) {
      undoIsolation(k, from, bytes);
      notify(k, "MEM_CANCEL_OFFLINE", block);
      block.state = "online";
      return errno;
    }
    k.frames.dropIsolated(from, bytes);
    setZone(k, block, undefined);
    block.state = "offline";
    notify(k, "MEM_OFFLINE", block);
    return 0;
  });
}

/** zone_for_pfn_range(). */
function zoneFor(start: number, type: OnlineType): ZoneName {
  return type === "online_movable" ? "Movable" : FrameAllocator.zoneOf(start);
}

/** The frames that a zone gets: all but the block's own memmap. */
function usable(block: MemoryBlock): { from: number; bytes: number } {
  const own = block.altmap?.bytes ?? 0;
  return { from: block.start + own, bytes: block.bytes - own };
}

/** Asks or tells everyone in order; the first refusal counts. */
function notify(k: Kernel, event: MemoryEvent, block: MemoryBlock): number {
  for (const notifier of k.memoryNotifiers) {
    const errno = notifier(event, block);
    if (errno !== 0 && event.startsWith("MEM_GOING_")) return errno;
  }
  return 0;
}

function* sectionsOf(k: Kernel, block: MemoryBlock) {
  for (let at = block.start; at < block.start + block.bytes; at += SECTION_BYTES) {
    yield k.sections.get(at / SECTION_BYTES);
  }
}

function setZone(k: Kernel, block: MemoryBlock, zone: ZoneName | undefined): void {
  for (const section of sectionsOf(k, block)) if (section) section.zone = zone;
}

/** Whether every section of the block is there, and memory behind all of it. */
function isWhole(k: Kernel, block: MemoryBlock): boolean {
  for (const section of sectionsOf(k, block)) if (section === undefined) return false;
  return k.memory.isRam(block.start, block.bytes);
}

/** Zones that have frames of the block. The first 16 MiB are DMA's, whatever the section says. */
function zonesOf(k: Kernel, block: MemoryBlock): Set<ZoneName | undefined> {
  const zones = new Set<ZoneName | undefined>();
  for (const section of sectionsOf(k, block)) zones.add(section?.zone);
  if (block.start < 16 * MIB) zones.add("DMA");
  return zones;
}

function rangeOf(block: MemoryBlock): string {
  return Kernel.range(block.start, block.bytes);
}

function describe(block: MemoryBlock | undefined, start: number): string {
  return block ? `${rangeOf(block)} ${block.state}` : `no block at ${hex(start)}`;
}
