/** What scenarios do again and again: ranges, DIMMs and devices, and who touches them. */
import { GIB, MIB, TIB } from "../../base/units.ts";
import { addMemory, plugDimm, removeMemory, unplugDimm } from "../hotplug.ts";
import type { Kernel } from "../kernel.ts";
import { addPages, removePages } from "../sparse.ts";
import type { Stage } from "./scenario.ts";

/** A range of physical memory. */
export interface Range {
  readonly start: number;
  readonly bytes: number;
}

/** The first byte of a 512 GiB entry of its own. */
export const DIMM: Range = { start: 512 * GIB, bytes: 256 * MIB };

/** With 4 levels, its memmap starts a top entry of its own. */
export const FAR: Range = { start: 32 * TIB, bytes: 256 * MIB };

/** Plugs the DIMM, if it is not there, and adds it. @returns an errno */
export function addDimm(k: Kernel, { start, bytes }: Range): number {
  if (!k.memory.isRam(start, bytes)) plugDimm(k, start, bytes);
  return addMemory(k, start, bytes);
}

/** Removes the DIMM and unplugs it. @returns an errno */
export function removeDimm(k: Kernel, { start, bytes }: Range): number {
  return removeMemory(k, start, bytes) || unplugDimm(k, start, bytes);
}

/** Private device memory: struct pages, no direct map. @returns an errno */
export function addDevice(k: Kernel, { start, bytes }: Range): number {
  return k.call("memremap_pages", () => addPages(k, start, bytes));
}

export function removeDevice(k: Kernel, { start, bytes }: Range): 0 {
  k.call("memunmap_pages", () => removePages(k, start, bytes));
  return 0;
}

/** Every process writes the first and reads the last word of the range through the direct map. */
export function touch(stage: Stage, { start, bytes }: Range): 0 {
  const { layout, processor } = stage.kernel;
  stage.asEachProcess(() => {
    processor.writeKernel(layout.directAddress(start), 0x2017n);
    processor.readKernel(layout.directAddress(start + bytes - 8));
  });
  return 0;
}

/** Every process reads the first and the last word of the range: memory that is zero stays zero. */
export function look(stage: Stage, { start, bytes }: Range): 0 {
  const { layout, processor } = stage.kernel;
  stage.asEachProcess(() => {
    processor.readKernel(layout.directAddress(start));
    processor.readKernel(layout.directAddress(start + bytes - 8));
  });
  return 0;
}

/** Every process reads the first and the last struct page of the range. */
export function touchMemmap(stage: Stage, { start, bytes }: Range): 0 {
  const { layout, processor } = stage.kernel;
  stage.asEachProcess(() => {
    processor.readKernel(layout.structPageAddress(start));
    processor.readKernel(layout.structPageAddress(start + bytes - 4096));
  });
  return 0;
}
