/** Address spaces of processes: creation, exit, and who runs where. */
import { ENOMEM } from "./bug.ts";
import type { Kernel, Mm } from "./kernel.ts";
import { PAGE_BYTES } from "./layout.ts";

/**
 * Creates a process with an empty user half: pgd_alloc() clones the kernel half of init_mm's top
 * table and puts the new one on pgd_list.
 * @returns the address space, or undefined when out of memory
 */
export function createProcess(k: Kernel): Mm | undefined {
  return k.call("pgd_alloc", () => {
    const pid = k.nextPid;
    const name = `pid ${pid}`;
    const physical = k.allocateTable(k.levels, name);
    if (physical < 0) {
      k.fail(ENOMEM, "no frame for a top table");
      return undefined;
    }
    k.nextPid += 1;
    const half = PAGE_BYTES / 2;
    k.memory.copy(physical + half, k.initMm.physical + half, half);
    const mm: Mm = { pid, name, physical };
    k.pgdList.push(mm);
    k.tables.tell((observer) => observer.spaceCreated?.(mm));
    return mm;
  });
}

/** Ends a process whose user half is empty: mmdrop(), pgd_free(). */
export function destroyProcess(k: Kernel, mm: Mm): void {
  k.call("pgd_free", () => {
    for (const processor of k.processors) {
      if (processor.mm === mm) processor.switchMm(k.initMm);
    }
    k.pgdList.splice(k.pgdList.indexOf(mm), 1);
    k.tables.tell((observer) => observer.spaceDestroyed?.(mm));
    k.frames.free(mm.physical, 0, k.processor.id);
  });
}
