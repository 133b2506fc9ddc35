/** vmalloc_fault(): how kernels up to v5.7 brought vmalloc space's new top entries to processes. */
import type { Kernel } from "./kernel.ts";

/**
 * Copies init_mm's top entry for `page` to the tables in use, if that is this kernel's way and it
 * was missing there.
 * @returns whether the access is to be tried again
 */
export function fillVmallocTop(k: Kernel, page: number): boolean {
  if (k.record.vmallocTops !== "filled-on-fault" || !k.layout.inVmalloc(page)) return false;
  return k.call("vmalloc_fault", () => {
    const { tables, levels } = k;
    const index = k.layout.indexAt(page, levels);
    const { physical } = k.processor.mm;
    const reference = k.initMm.physical;
    if (tables.isNone(reference, index) || !tables.isNone(physical, index)) return false;
    tables.set(physical, index, levels, tables.hi(reference, index), tables.lo(reference, index));
    k.counts.topEntriesPublished += 1;
    return true;
  });
}
