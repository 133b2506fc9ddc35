/**
 * Whether the memmap covers exactly what is present, read from the reference's own tables: nothing
 * that is wanted may be missing, and no leaf may map memmap that nobody wants. Of a leaf that is
 * wanted in part the rest is not judged.
 */
import { mapsPage, targetOf } from "./links.ts";
import type { AddressSpaceView, PageRange } from "./view.ts";

const ENTRIES = 512;
const PRESENT = 1;

/** What does not match in the pages [from, to), whole leaves apart from that, a line each. */
export function* memmapErrors(
  view: AddressSpaceView,
  from: number,
  to: number,
): IterableIterator<{ readonly page: number; readonly message: string }> {
  const leaves = [...mappedLeaves(view, view.reference.physical, view.levels, 0, from, to)];
  const wanted = [...view.wantedMemmap(from, to)];
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
        yield { page, message: `${until - page} pages of memmap of present memory are not mapped` };
        page = until;
        at -= 1;
      }
    }
  }
  let at = 0;
  for (const leaf of leaves) {
    while (at < wanted.length && (wanted[at] as PageRange).to <= leaf.from) at += 1;
    const range = wanted[at];
    if (range !== undefined && range.from < leaf.to) continue;
    const pages = leaf.to - leaf.from;
    yield { page: leaf.from, message: `${pages} pages of memmap of absent memory are mapped` };
  }
}

/** The leaves below a table that map pages of [from, to), in order. */
function* mappedLeaves(
  view: AddressSpaceView,
  table: number,
  level: number,
  base: number,
  from: number,
  to: number,
): IterableIterator<PageRange> {
  const span = ENTRIES ** (level - 1);
  const first = Math.max(0, Math.floor((from - base) / span));
  const last = Math.min(ENTRIES, Math.ceil((to - base) / span));
  for (let index = first; index < last; index++) {
    const lo = view.memory.readInt32(table + index * 8);
    if (!(lo & PRESENT)) continue;
    const page = base + index * span;
    if (mapsPage(lo, level)) yield { from: page, to: page + span };
    else {
      const lower = targetOf(view.memory.readInt32(table + index * 8 + 4), lo);
      if (view.useOf(lower).kind !== "table") continue;
      yield* mappedLeaves(view, lower, level - 1, page, from, to);
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
