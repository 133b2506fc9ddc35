/** Translations that processors keep, judged by what they lead to now. */
import type { Links } from "./links.ts";
import type { AddressSpaceView, KeptTranslation } from "./view.ts";

/**
 * Whether a kept translation leads where it must not: to nothing, to a table that is free, of
 * another level or of other pages, or, for pages that own their frames, to a frame that is free or
 * another's. The direct map may map anything that is there.
 */
export function isStale(view: AddressSpaceView, links: Links, kept: KeptTranslation): boolean {
  const use = view.useOf(kept.physical);
  if (use.kind === "absent") return true;
  if (kept.tableLevel > 0) {
    if (use.kind !== "table" || use.level !== kept.tableLevel) return true;
    const span = 512 ** kept.tableLevel;
    const known = links.tableAt(kept.physical);
    return known !== undefined && known.page !== Math.floor(kept.page / span) * span;
  }
  if (!view.ownsLeaves(kept.page)) return false;
  if (!view.mayMap(kept.page, use)) return true;
  const places = links.to(kept.physical);
  const here = places.some(({ page, level }) => {
    return kept.page >= page && kept.page < page + 512 ** (level - 1);
  });
  return use.kind === "user" && places.length > 0 && !here;
}
