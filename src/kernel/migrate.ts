/** Emptying a range of its pages, so that it can go offline: isolation and migration. */
import { EINTR } from "./bug.ts";
import type { FrameInfo } from "./frames/uses.ts";
import { Kernel } from "./kernel.ts";
import { PAGE_BYTES } from "./layout.ts";

/**
 * Moves a page that somebody maps: a new frame, its content, the entries, a flush, and the old
 * frame is free.
 * @returns 0, a negative errno if it cannot be moved now, undefined if the page is not known
 */
export type PageMigrator = (physical: number, order: number) => number | undefined;

/**
 * start_isolate_page_range(): from now on nothing is allocated from the range; what is freed there
 * stays there.
 * @returns false, having changed nothing, if a page in it can never be moved
 */
export function isolateRange(k: Kernel, start: number, bytes: number): boolean {
  k.frames.drain();
  for (const { use } of k.frames.usedWithin(start, bytes)) {
    if (use.kind !== "user") return false;
  }
  k.frames.isolate(start, bytes);
  return true;
}

/** undo_isolate_page_range(). */
export function undoIsolation(k: Kernel, start: number, bytes: number): void {
  k.frames.undoIsolation(start, bytes);
}

/**
 * do_migrate_range(), as often as it gets anywhere. Linux tries for ever until a signal comes; here
 * a pass that moves nothing counts as if the user had sent one.
 * @returns 0 or -EINTR; what was moved stays where it is
 */
export function migrateRange(k: Kernel, start: number, bytes: number): number {
  return k.call("migrate_pages", () => {
    for (;;) {
      const pages = [...k.frames.usedWithin(start, bytes)];
      if (pages.length === 0) return 0;
      if (k.signalPending()) return k.fail(EINTR, "a signal came before all pages were moved");
      const moved = pages.filter((page) => migratePage(k, page)).length;
      if (moved > 0) continue;
      const where = Kernel.range(start, bytes);
      return k.fail(EINTR, `interrupted: ${pages.length} pages in ${where} cannot be moved now`);
    }
  });
}

function migratePage(k: Kernel, { physical, order, references }: UsedPage): boolean {
  for (const migrator of k.pageMigrators) {
    const errno = migrator(physical, order);
    if (errno !== undefined) return errno === 0;
  }
  if (references > 0) return false;
  return moveUnmapped(k, physical, order);
}

type UsedPage = { readonly physical: number } & Readonly<FrameInfo>;

/** A movable page that nobody maps, as the page cache has them. */
function moveUnmapped(k: Kernel, physical: number, order: number): boolean {
  const use = k.frames.useOf(physical);
  const to = k.frames.allocate(order, "movable", use, k.processor.id);
  if (to < 0) return false;
  k.memory.copy(to, physical, PAGE_BYTES * 2 ** order);
  return k.frames.free(physical, order, k.processor.id);
}
