/**
 * Whether a region (memmap, direct map) covers exactly what it has to, read from the reference's own
 * tables: nothing that is wanted may be missing, and no leaf may map what nobody wants.
 */
import { mapsPage, targetOf } from "./links.ts";
import type { AddressSpaceView, CoveredRegion, PageRange } from "./view.ts";

const ENTRIES = 512;
const PRESENT = 1;

interface CoverageError {
  /** The first page concerned. */
  readonly page: number;
  readonly message: string;
}

/**
 * What does not match in the pages [from, to) of a region, a line for each gap and each leaf.
 * @param finest level of the lowest entries that are read; a table there counts as mapping it all
 */
export function coverageErrors(
  view: AddressSpaceView,
  region: CoveredRegion,
  from: number,
  to: number,
  finest: number,
): CoverageError[] {
  const reference = { table: view.reference.physical, level: view.levels, page: 0 };
  const leaves = [...mappedLeaves(view, reference, from, to, finest)];
  const wanted = [...region.wanted(from, to)];
  return [...missing(region, leaves, wanted), ...superfluous(region, leaves, wanted)];
}

/** What is wanted and not mapped. */
function* missing(
  { name }: CoveredRegion,
  leaves: readonly Leaf[],
  wanted: readonly PageRange[],
): IterableIterator<CoverageError> {
  let next = 0;
  for (const range of wanted) {
    let page = range.from;
    while (next < leaves.length && (leaves[next] as PageRange).to <= page) next += 1;
    for (let at = next; page < range.to; at++) {
      const leaf = leaves[at];
      const covered = leaf !== undefined && leaf.from <= page;
      if (covered) page = leaf.to;
      else {
        const until = Math.min(leaf?.from ?? range.to, range.to);
        yield {
          page,
          message: `${until - page} pages of ${name} of present memory are not mapped`,
        };
        page = until;
        at -= 1;
      }
    }
  }
}

/** What is mapped and not wanted: leaves, or by region any part of one. */
function* superfluous(
  { name, exact }: CoveredRegion,
  leaves: readonly Leaf[],
  wanted: readonly PageRange[],
): IterableIterator<CoverageError> {
  let next = 0;
  for (const leaf of leaves) {
    while (next < wanted.length && (wanted[next] as PageRange).to <= leaf.from) next += 1;
    let page = leaf.from;
    let until = leaf.to;
    for (let at = next; at < wanted.length && page < until; at++) {
      const range = wanted[at] as PageRange;
      if (range.from >= leaf.to) break;
      if (!exact || leaf.isTable) page = leaf.to;
      else if (range.from > page) until = range.from;
      else page = range.to;
    }
    if (page < until)
      yield { page, message: `${until - page} pages of ${name} of absent memory are mapped` };
  }
}

interface Leaf extends PageRange {
  /** Whether it is a table of the finest level, taken for what it may map. */
  readonly isTable: boolean;
}

/** The leaves below a table that map pages of [from, to), in order, each cut to that. */
function* mappedLeaves(
  view: AddressSpaceView,
  place: { readonly table: number; readonly level: number; readonly page: number },
  from: number,
  to: number,
  finest: number,
): IterableIterator<Leaf> {
  const { table, level, page: base } = place;
  const span = ENTRIES ** (level - 1);
  const first = Math.max(0, Math.floor((from - base) / span));
  const last = Math.min(ENTRIES, Math.ceil((to - base) / span));
  for (let index = first; index < last; index++) {
    const lo = view.memory.readInt32(table + index * 8);
    if (!(lo & PRESENT)) continue;
    const page = base + index * span;
    const isTable = !mapsPage(lo, level);
    if (!isTable || level === finest) {
      yield { from: Math.max(page, from), to: Math.min(page + span, to), isTable };
    } else {
      const lower = targetOf(view.memory.readInt32(table + index * 8 + 4), lo);
      if (view.useOf(lower).kind !== "table") continue;
      yield* mappedLeaves(view, { table: lower, level: level - 1, page }, from, to, finest);
    }
  }
}

/** Sorted and merged, each grown to whole 2 MiB leaves. */
export function mergeRanges(ranges: readonly PageRange[]): PageRange[] {
  const merged: { from: number; to: number }[] = [];
  const sorted = [...ranges].sort((a, b) => a.from - b.from);
  for (const range of sorted) {
    const from = Math.floor(range.from / ENTRIES) * ENTRIES;
    const to = Math.ceil(range.to / ENTRIES) * ENTRIES;
    const last = merged.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}
