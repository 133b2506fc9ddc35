/** The TLB that keeps nothing: every access walks from the top, so no stale entry ever answers. */
import type { TlbModel } from "./tlb-model.ts";

export function noTlb(): TlbModel {
  return {
    name: "none",
    rewalksOnDenial: true,
    allowsFastTable: false,
    upper: "none",
    onEvict: undefined,
    lookup: () => undefined,
    insert() {},
    dropPage: () => 0,
    dropPcid() {},
    dropAll() {},
    entries: () => [],
  };
}
