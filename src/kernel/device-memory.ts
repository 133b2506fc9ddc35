/**
 * Device memory with struct pages (ZONE_DEVICE; Linux's mm/memremap.c): sections and a direct map,
 * but no memory blocks; never online, and in pieces of 2 MiB if need be.
 */
import { hex } from "../base/hex.ts";
import { selfHosted } from "./altmap.ts";
import { EBUSY, EINVAL, ENXIO } from "./bug.ts";
import { registerResource } from "./hotplug.ts";
import { type Altmap, Kernel } from "./kernel.ts";
import { archAddMemory, archRemoveMemory, SUBSECTION_BYTES } from "./sparse.ts";
import { initStructPages } from "./struct-pages.ts";

/** dev_pagemap. */
export interface DevicePagemap {
  readonly start: number;
  readonly bytes: number;
  readonly altmap: Altmap | undefined;
  /** Pages that somebody uses: unmapping waits for them in Linux, and is refused here. */
  users: number;
}

export interface DeviceOptions {
  /** The memmap lies in the first frames of the range. */
  readonly memmapOnDevice?: boolean;
  /** Frames of one compound page, as a power of two (vmemmap_shift); 0 by default. */
  readonly vmemmapShift?: number;
  /** Leaves the struct pages unwritten: of 32 TiB they are half a TiB. */
  readonly leaveStructPages?: boolean;
}

/**
 * memremap_pages(): maps a device's range, in multiples of 2 MiB.
 * @returns 0, -EINVAL (not in whole sub-sections), -ENXIO (no memory answers), -EEXIST, -E2BIG,
 * -ENOMEM; the map is in `k.pagemaps` afterwards
 */
export function memremapPages(
  k: Kernel,
  start: number,
  bytes: number,
  options: DeviceOptions = {},
): number {
  return k.call("memremap_pages", () => {
    const range = Kernel.range(start, bytes);
    if (start % SUBSECTION_BYTES !== 0 || bytes % SUBSECTION_BYTES !== 0 || bytes <= 0) {
      const unit = hex(SUBSECTION_BYTES);
      return k.fail(EINVAL, `expected start and size in multiples of ${unit}, got ${range}`);
    }
    if (!k.memory.isRam(start, bytes)) {
      return k.fail(ENXIO, `expected plugged memory, got ${range}`);
    }
    const refusal = registerResource(k, start, bytes, "device");
    if (refusal !== 0) return refusal;
    const altmap = options.memmapOnDevice ? selfHosted(k, start, bytes) : undefined;
    const compoundFrames = 2 ** (options.vmemmapShift ?? 0);
    const errno = archAddMemory(k, start, bytes, { altmap, compoundFrames });
    if (errno !== 0) {
      k.resources.remove(start, start + bytes);
      return errno;
    }
    const own = altmap?.bytes ?? 0;
    if (!options.leaveStructPages) initStructPages(k, start + own, bytes - own, "Device");
    k.pagemaps.set(start, { start, bytes, altmap, users: 0 });
    return 0;
  });
}

/**
 * memunmap_pages().
 * @param start as given to memremapPages()
 * @returns 0, -EINVAL (no such range), -EBUSY (somebody uses its pages), -ENOMEM
 */
export function memunmapPages(k: Kernel, start: number): number {
  return k.call("memunmap_pages", () => {
    const map = k.pagemaps.get(start);
    if (map === undefined) return k.fail(EINVAL, `expected a device's range, got ${hex(start)}`);
    if (map.users > 0) return k.fail(EBUSY, `expected no users, got ${map.users} pages in use`);
    const errno = archRemoveMemory(k, start, map.bytes);
    if (errno !== 0) return errno;
    k.pagemaps.delete(start);
    k.resources.remove(start, start + map.bytes);
    return 0;
  });
}
