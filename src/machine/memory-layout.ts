/** Where a PC's memory lies, and what its firmware tells the guest about it ("e820"). */
import { badArgument } from "../base/errors.ts";
import { GIB, KIB, MIB } from "../base/units.ts";

/** RAM up to here lies below the hole of 1 GiB for devices; the rest begins at 4 GiB. */
const LOW_RAM_LIMIT = 3 * GIB;
export const HIGH_RAM_BASE = 4 * GIB;
export const ONE_MIB = MIB;

/** End of conventional memory: the extended BIOS data area takes the last KiB of 640. */
export const LOW_MEMORY_END = 639 * KIB;
const EBDA_END = 640 * KIB;
/** The read-only memory of a PC's firmware; here RAM, and the home of the ACPI tables. */
export const FIRMWARE_BASE = 0xe0000;
export const FIRMWARE_END = ONE_MIB;
const SMALLEST_RAM_BYTES = 2 * MIB;

export const E820 = { usable: 1, reserved: 2, acpi: 3, acpiNvs: 4 } as const;

export interface E820Entry {
  readonly base: number;
  readonly bytes: number;
  /** One of E820. */
  readonly type: number;
}

export interface RamLayout {
  /** RAM from 0 on, in bytes: everything below the device hole. */
  readonly lowBytes: number;
  /** RAM from 4 GiB on, in bytes. */
  readonly highBytes: number;
}

/** @param ramBytes whole pages, at least 2 MiB */
export function ramLayout(ramBytes: number): RamLayout {
  if (!Number.isSafeInteger(ramBytes) || ramBytes < SMALLEST_RAM_BYTES || ramBytes % 4096 !== 0) {
    badArgument("ramBytes", "whole pages, at least 2 MiB", ramBytes);
  }
  const lowBytes = Math.min(ramBytes, LOW_RAM_LIMIT);
  return { lowBytes, highBytes: ramBytes - lowBytes };
}

/** The memory map as firmware reports it, ascending. */
export function e820Map({ lowBytes, highBytes }: RamLayout): E820Entry[] {
  const entry = (base: number, end: number, type: number) => ({ base, bytes: end - base, type });
  const map = [
    entry(0, LOW_MEMORY_END, E820.usable),
    entry(LOW_MEMORY_END, EBDA_END, E820.reserved),
    entry(FIRMWARE_BASE, FIRMWARE_END, E820.reserved),
    entry(ONE_MIB, lowBytes, E820.usable),
  ];
  if (highBytes > 0) map.push(entry(HIGH_RAM_BASE, HIGH_RAM_BASE + highBytes, E820.usable));
  return map;
}
