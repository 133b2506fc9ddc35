/** What can be reached from init_mm: tables on the way to a range. */
import type { Kernel } from "./kernel.ts";
import { forEachEntry } from "./teardown.ts";

/** The empty tables below the top on the way to the pages [from, to), as physical addresses. */
export function emptyTables(k: Kernel, from: number, to: number): number[] {
  const found: number[] = [];
  const visit = (table: number, level: number, first: number, last: number) => {
    forEachEntry(level, first, last, (index, start, end) => {
      if (!k.tables.isPresent(table, index) || k.tables.isLeaf(table, index, level)) return;
      const lower = k.tables.target(table, index);
      if (k.tables.isEmpty(lower)) found.push(lower);
      else visit(lower, level - 1, start, end);
    });
  };
  visit(k.initMm.physical, k.levels, from, to);
  return found;
}
