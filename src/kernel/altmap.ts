/** vmem_altmap: frames set aside in a range for its own memmap, handed out one after the other. */
import { MIB } from "../base/units.ts";
import type { Altmap, Kernel } from "./kernel.ts";
import { PAGE_BYTES } from "./layout.ts";

/**
 * An altmap at the start of [start, start + bytes), as large as the range's memmap, in whole
 * 2 MiB.
 */
export function selfHosted(k: Kernel, start: number, bytes: number): Altmap {
  const memmapBytes = (bytes / PAGE_BYTES) * k.layout.structPageBytes;
  const reserved = Math.ceil(memmapBytes / (2 * MIB)) * 2 * MIB;
  return { base: start, bytes: reserved, usedBytes: 0, skippedBytes: 0 };
}

/**
 * altmap_alloc_block_buf(): the next frames, naturally aligned. What alignment skips is lost until
 * the altmap is.
 * @returns the physical address, -1 when it is used up
 */
export function takeAltmap(altmap: Altmap, bytes: number): number {
  const next = altmap.base + altmap.usedBytes + altmap.skippedBytes;
  const at = Math.ceil(next / bytes) * bytes;
  if (at + bytes > altmap.base + altmap.bytes) return -1;
  altmap.skippedBytes += at - next;
  altmap.usedBytes += bytes;
  return at;
}

/** Whether frames at this address came from the altmap. */
export function isFromAltmap(altmap: Altmap | undefined, physical: number): altmap is Altmap {
  return altmap !== undefined && physical >= altmap.base && physical < altmap.base + altmap.bytes;
}

/** vmem_altmap_free(): only counted. */
export function giveBackAltmap(altmap: Altmap, bytes: number): void {
  altmap.usedBytes -= bytes;
}
