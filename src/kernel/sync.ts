/** Publishing the kernel's top entries to every PGD. */
import { hex, hex64 } from "../base/hex.ts";
import { entryAddress } from "./flags.ts";
import type { Kernel, Mm } from "./kernel.ts";
import { ENTRIES, SPAN_PAGES } from "./layout.ts";

/**
 * sync_global_pgds(): copies init_mm's top entries over [first, last] (pages, inclusive) into every
 * PGD that lacks them. An entry that differs is a BUG, or is overwritten if the record says so.
 * What init_mm lacks is skipped, so a removed entry stays where it was copied.
 *
 * An entry that was found the same everywhere is not compared again before a top entry of any space
 * is written: Linux calls this for every section that it adds, with nothing to do but once.
 */
export function syncGlobalPgds(k: Kernel, first: number, last: number): void {
  k.call("sync_global_pgds", () => {
    forEachTopIndex(k, first, last, (index) => {
      const reference = k.initMm.physical;
      const version = k.tables.upperHalfVersion(k.levels);
      if (k.publishedTop.get(index) === version || k.tables.isNone(reference, index)) return;
      for (const mm of k.pgdList) publishTo(k, mm, index);
      k.publishedTop.set(index, k.tables.upperHalfVersion(k.levels));
    });
  });
}

/**
 * Clears in every PGD the top entries that init_mm no longer has: the `removed` argument of
 * sync_global_pgds() from v3.18 to v4.7.
 */
export function clearRemovedTopEntries(k: Kernel, first: number, last: number): void {
  k.call("sync_global_pgds", () => {
    forEachTopIndex(k, first, last, (index) => {
      if (!k.tables.isNone(k.initMm.physical, index)) return;
      for (const mm of k.pgdList) {
        if (!k.tables.isNone(mm.physical, index)) k.tables.clear(mm.physical, index, k.levels);
      }
    });
  });
}

/** Steps over top entries, and stops where the address space ends. */
function forEachTopIndex(
  k: Kernel,
  first: number,
  last: number,
  each: (index: number) => void,
): void {
  const span = SPAN_PAGES[k.levels] as number;
  for (let top = Math.floor(first / span); top <= Math.floor(last / span); top++) {
    if (top >= ENTRIES) return;
    each(top);
  }
}

function publishTo(k: Kernel, mm: Mm, index: number): void {
  const { tables } = k;
  const reference = k.initMm.physical;
  const hi = tables.hi(reference, index);
  const lo = tables.lo(reference, index);
  const empty = tables.isNone(mm.physical, index);
  const same = !empty && tables.target(mm.physical, index) === entryAddress(hi, lo);
  if (same) return;
  if (!empty && k.record.differingEntry === "bug") differs(k, mm, index);
  tables.set(mm.physical, index, k.levels, hi, lo);
  k.counts.topEntriesPublished += 1;
}

function differs(k: Kernel, mm: Mm, index: number): never {
  const level = k.levels === 5 ? "pgd" : "p4d";
  const mine = k.tables.word(mm.physical, index);
  const reference = k.tables.word(k.initMm.physical, index);
  const address = k.layout.addressOf(index * (SPAN_PAGES[k.levels] as number));
  k.stop(
    `${level}_page_vaddr(*${level}) != ${level}_page_vaddr(*${level}_ref)`,
    address,
    [k.tables.target(mm.physical, index), k.tables.target(k.initMm.physical, index)],
    [
      `top entry ${index} (${hex64(address)}): ${mm.name} has ${hex(mine)}, init_mm ${hex(reference)}`,
    ],
  );
}
