/** Sections: what is present, and its memmap (Linux's mm/sparse.c and arch_add_memory()). */
import { MIB } from "../base/units.ts";
import { EEXIST, ENOMEM, ERANGE } from "./bug.ts";
import { initMemoryMapping, splitPartialLeaves } from "./direct-map.ts";
import { Kernel } from "./kernel.ts";
import { PAGE_BYTES } from "./layout.ts";
import { poisonStructPages } from "./struct-pages.ts";
import { removePagetable } from "./teardown.ts";
import { type VmemmapOptions, vmemmapFree, vmemmapPopulate } from "./vmemmap.ts";

export const SECTION_BYTES = 128 * MIB;
export const SUBSECTION_BYTES = 2 * MIB;
export const ALL_SUBSECTIONS = 2n ** 64n - 1n;

/**
 * sparse_add_section(): makes [start, start + bytes), within one section and in whole sub-sections,
 * present: populates the memmap, and poisons it if the kernel debugs. On an error the memmap of
 * this piece is freed again (section_deactivate()). A piece of a boot section finds its memmap
 * there: that of boot sections is always whole.
 * @returns 0, -EEXIST (some of it is present), -ENOMEM
 */
export function sparseAddSection(
  k: Kernel,
  start: number,
  bytes: number,
  options: VmemmapOptions = {},
): number {
  return k.call("sparse_add_section", () => {
    const number = Math.floor(start / SECTION_BYTES);
    const present = k.sections.get(number);
    const pieces = subsectionsOf(start, bytes);
    if (present !== undefined && present.subsections & pieces) {
      return k.fail(EEXIST, `expected an absent section, got ${Kernel.range(start, bytes)}`);
    }
    if (present === undefined && !k.kmalloc()) return k.fail(ENOMEM, "no memory for a section");
    const early = !k.afterBoot || present?.early === true;
    if (!(early && present !== undefined)) {
      const { from, to } = k.layout.vmemmapRange(start, bytes);
      const errno = vmemmapPopulate(k, from, to, options);
      if (errno !== 0) {
        k.call("section_deactivate", () => vmemmapFree(k, from, to, options.altmap));
        return errno;
      }
      if (k.debugVm) poisonStructPages(k, start, bytes);
    }
    if (present !== undefined) present.subsections |= pieces;
    else {
      const { altmap } = options;
      k.sections.set(number, { early, altmap, zone: undefined, subsections: pieces });
    }
    const { from, to } = k.layout.vmemmapRange(start, bytes);
    k.tables.tell((observer) => observer.coverageChanged?.(from, to));
    return 0;
  });
}

/**
 * sparse_remove_section(): frees the memmap of a section, or of its sub-sections in a range within
 * it. A boot section's goes when nothing of the section is left.
 */
export function sparseRemoveSection(
  k: Kernel,
  start: number,
  bytes: number,
  forgetsAltmap = false,
): void {
  k.call("sparse_remove_section", () => {
    const number = Math.floor(start / SECTION_BYTES);
    const section = k.sections.get(number);
    if (section === undefined) return;
    section.subsections &= ~subsectionsOf(start, bytes);
    const gone = section.subsections === 0n;
    if (gone) k.sections.delete(number);
    const whole = section.early
      ? k.layout.vmemmapRange(number * SECTION_BYTES, SECTION_BYTES)
      : k.layout.vmemmapRange(start, bytes);
    const { from, to } = whole;
    k.tables.tell((observer) => observer.coverageChanged?.(from, to));
    const altmap = forgetsAltmap ? undefined : section.altmap;
    if (k.record.tearsDown && (gone || !section.early)) vmemmapFree(k, from, to, altmap);
  });
}

/** subsection_map: a bit for each 2 MiB of the section in which the range lies. */
function subsectionsOf(start: number, bytes: number): bigint {
  if (bytes === SECTION_BYTES) return ALL_SUBSECTIONS;
  const first = BigInt((start % SECTION_BYTES) / SUBSECTION_BYTES);
  return ((1n << BigInt(bytes / SUBSECTION_BYTES)) - 1n) << first;
}

/** Calls `each` for the pieces of a range that lie in one section, until one fails. */
function forEachSection(
  start: number,
  bytes: number,
  each: (start: number, bytes: number) => number,
): { readonly errno: number; readonly doneBytes: number } {
  for (let at = start; at < start + bytes; ) {
    const end = Math.min(start + bytes, (Math.floor(at / SECTION_BYTES) + 1) * SECTION_BYTES);
    const errno = each(at, end - at);
    if (errno !== 0) return { errno, doneBytes: at - start };
    at = end;
  }
  return { errno: 0, doneBytes: bytes };
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
      return k.fail(ERANGE, `expected a range within ${limit}`);
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
  const body = () => {
    const { errno, doneBytes } = forEachSection(start, bytes, (at, piece) =>
      sparseAddSection(k, at, piece, options),
    );
    if (errno !== 0 && k.record.addPagesFailure === "rolls-back") {
      removePages(k, start, doneBytes);
    }
    return errno;
  };
  return k.call("add_pages", () => k.call("__add_pages", body));
}

/** __remove_pages(): the memmap of every section. */
export function removePages(k: Kernel, start: number, bytes: number, forgetsAltmap = false): void {
  k.call("remove_pages", () => {
    forEachSection(start, bytes, (at, piece) => {
      sparseRemoveSection(k, at, piece, forgetsAltmap);
      return 0;
    });
  });
}

/**
 * arch_remove_memory(): the memmap of every section, then the direct map.
 * @param forgetsAltmap an old kernel's error path: memmap of the range itself taken for other
 * @returns 0, or -ENOMEM, having removed nothing, when a leaf must be split and cannot
 */
export function archRemoveMemory(
  k: Kernel,
  start: number,
  bytes: number,
  forgetsAltmap = false,
): number {
  return k.call("arch_remove_memory", () => {
    if (k.record.partialPudLeaf === "split") {
      const errno = splitPartialLeaves(k, start, start + bytes);
      if (errno !== 0) return errno;
    }
    removePages(k, start, bytes, forgetsAltmap);
    removeDirectMap(k, start, bytes);
    return 0;
  });
}

/** kernel_physical_mapping_remove(). */
function removeDirectMap(k: Kernel, start: number, bytes: number): void {
  const from = k.layout.directPage(start);
  k.tables.tell((observer) => observer.coverageChanged?.(from, from + bytes / PAGE_BYTES));
  if (!k.record.tearsDown) return;
  removePagetable(k, from, from + bytes / PAGE_BYTES, true, undefined, true);
}
