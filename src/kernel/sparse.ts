/** Sections: what is present, and its memmap (Linux's mm/sparse.c and arch_add_memory()). */
import { GIB, MIB } from "../base/units.ts";
import { E2BIG } from "./bug.ts";
import { initMemoryMapping, splitPartialLeaves } from "./direct-map.ts";
import { type Altmap, Kernel } from "./kernel.ts";
import { PAGE_BYTES, STRUCT_PAGE_BYTES } from "./layout.ts";
import { removePagetable } from "./teardown.ts";
import { type VmemmapOptions, vmemmapFree, vmemmapPopulate } from "./vmemmap.ts";

export const SECTION_BYTES = 128 * MIB;

/** Memory block: what sysfs adds, onlines and removes at once. Machines below 64 GiB: one section. */
export function memoryBlockBytes(bootRamBytes: number): number {
  return bootRamBytes < 64 * GIB ? SECTION_BYTES : 2 * GIB;
}

/**
 * sparse_add_section(): populates the memmap of one section, poisons it if the kernel debugs, and
 * marks it present. On an error the memmap of this section is freed again (section_deactivate()).
 */
export function sparseAddSection(k: Kernel, start: number, options: VmemmapOptions = {}): number {
  return k.call("sparse_add_section", () => {
    const { from, to } = k.layout.vmemmapRange(start, SECTION_BYTES);
    const errno = vmemmapPopulate(k, from, to, options);
    if (errno !== 0) {
      k.call("section_deactivate", () => vmemmapFree(k, from, to, options.altmap));
      return errno;
    }
    if (k.debugVm) poisonMemmap(k, start);
    const early = !k.afterBoot;
    k.sections.set(start / SECTION_BYTES, { early, altmap: options.altmap, zone: undefined });
    return 0;
  });
}

/** page_init_poison(): the first touch of new struct pages, through the page tables. */
function poisonMemmap(k: Kernel, start: number): void {
  k.call("page_init_poison", () => {
    const base = k.layout.structPageAddress(start);
    const bytes = (SECTION_BYTES / PAGE_BYTES) * STRUCT_PAGE_BYTES;
    for (let at = 0; at < bytes; at += PAGE_BYTES) {
      k.processor.writeKernel(base + BigInt(at), 0xffffffffffffffffn);
    }
  });
}

/** sparse_remove_section(): frees the memmap of one section. */
export function sparseRemoveSection(k: Kernel, start: number): void {
  k.call("sparse_remove_section", () => {
    const section = k.sections.get(start / SECTION_BYTES);
    const { from, to } = k.layout.vmemmapRange(start, SECTION_BYTES);
    k.sections.delete(start / SECTION_BYTES);
    if (k.record.tearsDown) vmemmapFree(k, from, to, section?.altmap);
  });
}

/**
 * arch_add_memory(): the direct map first, then the sections. An error among the sections leaves
 * the direct map and the sections before it, unless the record's kernel undoes them.
 */
export function archAddMemory(
  k: Kernel,
  start: number,
  bytes: number,
  options: VmemmapOptions = {},
): number {
  return k.call("arch_add_memory", () => {
    if (start + bytes > k.layout.physicalEnd) {
      const limit = Kernel.range(0, k.layout.physicalEnd);
      return k.fail(E2BIG, `expected a range within ${limit}`);
    }
    const errno = initMemoryMapping(k, start, start + bytes);
    if (errno !== 0) return errno;
    const added = addPages(k, start, bytes, options);
    if (added !== 0 && k.record.addPagesFailure === "rolls-back") removeDirectMap(k, start, bytes);
    return added;
  });
}

/**
 * __add_pages(): sections without a direct map, as private device memory has them.
 * @returns 0 or -ENOMEM; the sections before the error stay, unless the record's kernel undoes them
 */
export function addPages(
  k: Kernel,
  start: number,
  bytes: number,
  options: VmemmapOptions = {},
): number {
  return k.call("add_pages", () => {
    for (let at = start; at < start + bytes; at += SECTION_BYTES) {
      const errno = sparseAddSection(k, at, options);
      if (errno === 0) continue;
      if (k.record.addPagesFailure === "rolls-back") removePages(k, start, at - start);
      return errno;
    }
    return 0;
  });
}

/** __remove_pages(): the memmap of every section. */
export function removePages(k: Kernel, start: number, bytes: number): void {
  k.call("remove_pages", () => {
    for (let at = start; at < start + bytes; at += SECTION_BYTES) sparseRemoveSection(k, at);
  });
}

/**
 * arch_remove_memory(): the memmap of every section, then the direct map.
 * @returns 0, or -ENOMEM, having removed nothing, when a leaf must be split and cannot
 */
export function archRemoveMemory(k: Kernel, start: number, bytes: number): number {
  return k.call("arch_remove_memory", () => {
    if (k.record.partialPudLeaf === "split") {
      const errno = splitPartialLeaves(k, start, start + bytes);
      if (errno !== 0) return errno;
    }
    removePages(k, start, bytes);
    removeDirectMap(k, start, bytes);
    return 0;
  });
}

/** kernel_physical_mapping_remove(). */
function removeDirectMap(k: Kernel, start: number, bytes: number): void {
  if (!k.record.tearsDown) return;
  const from = k.layout.directPage(start);
  removePagetable(k, from, from + bytes / PAGE_BYTES, true);
}

/** An altmap for memmap_on_memory: the memmap of the range in the first frames of the range. */
export function selfHosted(start: number, bytes: number): Altmap {
  const memmapBytes = (bytes / PAGE_BYTES) * STRUCT_PAGE_BYTES;
  return { base: start, bytes: Math.ceil(memmapBytes / (2 * MIB)) * 2 * MIB, used: 0 };
}
