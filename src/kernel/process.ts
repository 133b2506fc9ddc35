/** Address spaces of processes: creation, exit, and what is left of them while borrowed. */
import { ENOMEM } from "./bug.ts";
import type { Kernel } from "./kernel.ts";
import { PAGE_BYTES } from "./layout.ts";
import { Mm } from "./mm.ts";
import { allocateTop } from "./pti.ts";
import { exitMmap } from "./user/mmap.ts";

/**
 * Creates a process with an empty user half: pgd_alloc() clones the kernel half of init_mm's top
 * table and puts the new one on pgd_list.
 * @returns the address space, or undefined when out of memory
 */
export function createProcess(k: Kernel): Mm | undefined {
  return k.call("pgd_alloc", () => {
    const pid = k.nextPid;
    const name = `pid ${pid}`;
    const physical = allocateTop(k, name);
    if (physical < 0) {
      k.fail(ENOMEM, "no frame for a top table");
      return undefined;
    }
    k.nextPid += 1;
    const half = PAGE_BYTES / 2;
    k.memory.copy(physical + half, k.initMm.physical + half, half);
    const mm = new Mm(pid, name, physical);
    k.pgdList.push(mm);
    k.tables.tell((observer) => observer.spaceCreated?.(mm));
    return mm;
  });
}

/**
 * Ends a process: do_exit() as far as memory goes. Processors that run it go on with a kernel
 * thread that borrows its tables, so the top table may outlive it (until they switch).
 */
export function destroyProcess(k: Kernel, mm: Mm): void {
  k.call("exit_mm", () => {
    for (const processor of k.processors) {
      if (processor.current === mm) processor.runKernelThread();
    }
    mmput(k, mm);
  });
}

/** mmput() of the last user: its memory goes, and the top table if nobody borrows it. */
export function mmput(k: Kernel, mm: Mm): void {
  exitMmap(k, mm);
  mmdrop(k, mm);
}

/** mmdrop(): one reference less; with the last, pgd_free(). */
export function mmdrop(k: Kernel, mm: Mm): void {
  mm.references -= 1;
  if (mm.references > 0) return;
  k.call("pgd_free", () => {
    k.pgdList.splice(k.pgdList.indexOf(mm), 1);
    k.tables.tell((observer) => observer.spaceDestroyed?.(mm));
    k.frames.free(mm.physical, k.pti ? 1 : 0, k.processor.id);
  });
}
