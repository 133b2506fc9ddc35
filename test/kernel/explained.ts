/** What a record's choices lead the checker to find, told by hand from their meaning. */
import type { FindingRule } from "../../src/check/finding.ts";
import { type Depth, freesPudTable, type KernelRecord } from "../../src/kernel/record.ts";

/** Rules that may break on this kernel in adding, onlining, offlining and removing whole ranges. */
export function explained(record: KernelRecord, built: Depth, levels: Depth): Set<FindingRule> {
  const rules = new Set<FindingRule>();
  if (record.teardownOrder === "free-clear-flush") rules.add("table-free-before-flush");
  if (record.teardownOrder !== "gather-all") rules.add("frame-free-before-flush");
  // Nothing is unmapped: the memmap and the direct map of what is gone stay.
  if (!record.tearsDown) rules.add("memmap-mismatch").add("direct-map-mismatch");
  if (!record.publishesDirectMap && levels === 4) rules.add("unpublished-top-entry");
  const frees = record.tearsDown && freesPudTable(record, built, levels) && levels === 4;
  if (frees && record.clearsOtherPgds !== "always") {
    rules.add("stale-top-entry");
    // What processes still point to is free, or somebody else's by now.
    rules.add("link-to-non-table");
    rules.add("stale-translation");
  }
  return rules;
}

/** Rules that one DIMM must break that opens a top entry of its own, comes, is removed whole and goes. */
export function provoked(record: KernelRecord, built: Depth, levels: Depth): FindingRule[] {
  if (!record.tearsDown) {
    return ["unpublished-top-entry", "memmap-mismatch", "direct-map-mismatch"];
  }
  const rules: FindingRule[] = [];
  const frees = freesPudTable(record, built, levels) && levels === 4;
  if (frees && record.clearsOtherPgds !== "always") rules.push("stale-top-entry");
  if (record.teardownOrder === "free-clear-flush") rules.push("table-free-before-flush");
  if (record.teardownOrder !== "gather-all") rules.push("frame-free-before-flush");
  return rules;
}
