/**
 * The page-table sanitizer. It follows the events of an address space and reports a rule at the
 * moment at which it breaks, with the operation, the entries and the processes concerned:
 *
 * - every kernel top entry of every space is the reference's (or is filled by the fault handler);
 * - an entry leads to a table of the level below; a leaf that owns its frame, to its owner's frame;
 * - a frame is free only when no entry leads to it and all processors have been flushed since;
 * - no processor keeps a translation to a frame that is free or another's;
 * - every table and every frame of memmap can be reached;
 * - the memmap and the direct map cover what is present, and nothing else.
 *
 * What it costs is proportional to what an operation changes; `fullCheck` reads everything.
 */
import { hex, hex64 } from "../base/hex.ts";
import { coverageErrors, mergeRanges } from "./coverage.ts";
import { FINDING_RULES, type Finding, type FindingRule } from "./finding.ts";
import { isStale } from "./kept.ts";
import { type EntryPlace, Links, mapsPage, targetOf } from "./links.ts";
import type {
  AddressSpaceView,
  EntryChange,
  PageRange,
  PageTableObserver,
  TopTable,
} from "./view.ts";

const PRESENT = 1;
const NO_OPERATION = "(between operations)";

/** A frame that may live in TLBs: whose it was, and what it translated. */
interface Unflushed {
  readonly owner: string;
  readonly level: number;
  readonly page: number;
}

export class Checker implements PageTableObserver {
  readonly #view: AddressSpaceView;
  readonly #links: Links;
  readonly #detach: () => void;
  readonly #findings: Finding[] = [];
  readonly #reported = new Set<string>();
  /** The same of top entries, by entry, what it leads to, and space. */
  readonly #reportedTops = new Set<string>();
  /** Of the operation that is under way. */
  #pending: Finding[] = [];
  #operation = NO_OPERATION;
  /** Frames that no entry leads to any more, and that may live in TLBs: of a space, or of all. */
  readonly #unflushed = new Map<number, Unflushed>();
  readonly #changedTops = new Set<number>();
  readonly #changedTargets = new Set<number>();
  #framesFreed = false;
  /** Frames that were allocated or unlinked: they must be reachable at the end, or free. */
  readonly #loose = new Set<number>();
  /** Pages of covered regions that changed, or are wanted where they were not, or the reverse. */
  #coverageChanges: PageRange[] = [];

  /** Reads all tables once, and follows the events from then on. */
  constructor(view: AddressSpaceView) {
    this.#view = view;
    this.#links = new Links(view);
    this.#scan(this.#links);
    this.#detach = view.subscribe(this);
  }

  /** In order of the operations; within one, the worst first. */
  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** Tables that can be reached now. */
  get tableCount(): number {
    return this.#links.tables.size;
  }

  /** Reachable tables without an entry, the spaces' top tables apart: what kernels keep. Reads all. */
  emptyTables(): number[] {
    const empty: number[] = [];
    for (const [table, { level }] of this.#links.tables) {
      if (level < this.#view.levels && isEmpty(this.#view, table)) empty.push(table);
    }
    return empty;
  }

  /** Stops following. */
  close(): void {
    this.#detach();
  }

  // --- Events ---------------------------------------------------------------------------------

  operationBegins(name: string): void {
    this.#operation = name;
  }

  /** What a kernel that stopped had under way is neither leaked nor missing. */
  operationEnds(_name: string, completed: boolean): void {
    for (const index of this.#changedTops) this.#checkTopEntry(index);
    for (const target of this.#changedTargets) this.#checkTarget(target);
    if (this.#framesFreed) this.#checkKept();
    if (completed) {
      for (const frame of this.#loose) this.#checkReachable(frame, this.#links);
      for (const range of mergeRanges(this.#coverageChanges)) this.#checkCoverage(range, false);
    }
    this.#loose.clear();
    this.#coverageChanges = [];
    this.#changedTops.clear();
    this.#changedTargets.clear();
    this.#framesFreed = false;
    this.#settle();
    this.#operation = NO_OPERATION;
  }

  entryChanged(change: EntryChange): void {
    const { table, index, level, oldHi, oldLo, newHi, newLo } = change;
    const known = this.#links.tableAt(table);
    if (known === undefined) return;
    if (level === this.#view.levels) this.#changedTops.add(index);
    const page = known.page + index * 512 ** (level - 1);
    if (level < this.#view.levels && this.#isCovered(page)) {
      this.#coverageChanges.push({ from: page, to: page + 512 ** (level - 1) });
    }
    const before = targetOf(oldHi, oldLo);
    const after = targetOf(newHi, newLo);
    const stays = oldLo & newLo & PRESENT && before === after;
    if (stays && mapsPage(oldLo, level) === mapsPage(newLo, level)) return;
    if (oldLo & PRESENT) {
      const owner = this.#ownerOf(table, page);
      for (const { frame, level, page } of this.#links.unlink(table + index * 8, before)) {
        this.#unflushed.set(frame, { owner, level, page });
        this.#loose.add(frame);
      }
    }
    if (newLo & PRESENT && this.#links.link({ table, index, level, page }, newHi, newLo)) {
      this.#changedTargets.add(after);
    }
  }

  frameAllocated(physical: number): void {
    this.#loose.add(physical);
    if (this.#links.leadTo(physical)) this.#changedTargets.add(physical);
  }

  coverageChanged(from: number, to: number): void {
    this.#coverageChanges.push({ from, to });
  }

  frameFreed(physical: number): void {
    this.#framesFreed = true;
    const unlinked = this.#unflushed.get(physical);
    const level = unlinked?.level ?? this.#links.tableAt(physical)?.level ?? 0;
    const rule = level > 0 ? "table-free-before-flush" : "frame-free-before-flush";
    const name = `${level > 0 ? `${LEVELS[level]} table` : "frame"} ${hex(physical)}`;
    const places = this.#links.to(physical);
    if (places.length > 0) {
      this.#changedTargets.add(physical);
      const { entries, spaces } = this.#describe(places);
      this.#report(rule, `${name} is free while ${entries} leads to it`, spaces);
    } else if (unlinked !== undefined) {
      this.#report(rule, `${name} is free, unlinked, but no flush came between`, []);
    }
  }

  flushedAll(): void {
    this.#unflushed.clear();
  }

  flushedSpace(name: string): void {
    for (const [frame, { owner }] of this.#unflushed) {
      if (owner === name) this.#unflushed.delete(frame);
    }
  }

  /** Dropping one page of a space drops its paging-structure caches, so tables need only be met. */
  flushedRange(name: string, from: number, to: number): void {
    for (const [frame, { owner, level, page }] of this.#unflushed) {
      const end = page + 512 ** level;
      if (owner === name && page < to && end > from) this.#unflushed.delete(frame);
    }
  }

  spaceCreated(space: TopTable): void {
    this.#links.addTable(space.physical, this.#view.levels, 0);
    for (let index = 256; index < 512; index++) this.#compareTop(index, [space]);
  }

  spaceDestroyed(space: TopTable): void {
    for (const { frame, level, page } of this.#links.dropTable(space.physical)) {
      this.#unflushed.set(frame, { owner: space.name, level, page });
      this.#loose.add(frame);
    }
    this.#loose.add(space.physical);
  }

  // --- Rules ----------------------------------------------------------------------------------

  /**
   * Reads everything. What the events told has been reported, so this finds what came about without
   * them: entries that something else wrote, frames whose use nobody announced.
   * @returns the findings that are new
   */
  fullCheck(): Finding[] {
    const before = this.#findings.length;
    this.#operation = "full check";
    for (let index = 256; index < 512; index++) this.#checkTopEntry(index);
    const fresh = new Links(this.#view);
    this.#scan(fresh);
    for (const target of fresh.targets()) this.#checkTarget(target, fresh);
    for (const frame of this.#view.reachable()) this.#checkReachable(frame, fresh);
    for (const { pages } of this.#view.covered) this.#checkCoverage(pages, true);
    this.#checkKept();
    this.#settle();
    this.#operation = NO_OPERATION;
    return this.#findings.slice(before);
  }

  #scan(links: Links): void {
    for (const top of [this.#view.reference, ...this.#view.spaces()]) {
      links.addTable(top.physical, this.#view.levels, 0);
    }
  }

  #checkTopEntry(index: number): void {
    if (index >= 256) this.#compareTop(index, this.#view.spaces());
  }

  #compareTop(index: number, spaces: Iterable<TopTable>): void {
    const wanted = this.#topTarget(this.#view.reference, index);
    const page = index * 512 ** (this.#view.levels - 1);
    const stale = new Map<number, TopTable[]>();
    const missing: TopTable[] = [];
    for (const space of spaces) {
      const target = this.#topTarget(space, index);
      if (target === wanted || this.#wasReported(index, target, wanted, space)) continue;
      if (target < 0) missing.push(space);
      else stale.set(target, [...(stale.get(target) ?? []), space]);
    }
    const name = `top entry ${index} (${this.#address(page)})`;
    const reference = wanted < 0 ? "is empty" : `leads to ${hex(wanted)}`;
    for (const [target, concerned] of stale) {
      this.#report(
        "stale-top-entry",
        `${name} of ${names(concerned)} leads to ${hex(target)} (${this.#useName(target)}), ` +
          `${this.#view.reference.name}'s ${reference}`,
        concerned.map((space) => space.name),
      );
    }
    if (missing.length > 0) {
      this.#report(
        "unpublished-top-entry",
        `${name} of ${names(missing)} is empty, ${this.#view.reference.name}'s ${reference}`,
        missing.map((space) => space.name),
      );
    }
  }

  #wasReported(index: number, target: number, wanted: number, space: TopTable): boolean {
    const page = index * 512 ** (this.#view.levels - 1);
    if (target < 0 && this.#view.filledOnFault(page)) return true;
    const key = `${index} ${target} ${wanted} ${space.name} ${space.physical}`;
    const known = this.#reportedTops.has(key);
    this.#reportedTops.add(key);
    return known;
  }

  /** The table that a top entry leads to; -1 when it is empty. */
  #topTarget(top: TopTable, index: number): number {
    const at = top.physical + index * 8;
    const lo = this.#view.memory.readInt32(at);
    return lo & PRESENT ? targetOf(this.#view.memory.readInt32(at + 4), lo) : -1;
  }

  /** A frame that entries lead to must be what they say. Copies of top entries are judged apart. */
  #checkTarget(target: number, links = this.#links): void {
    const use = this.#view.useOf(target);
    for (const place of links.to(target)) {
      if (place.level === this.#view.levels && place.table !== this.#view.reference.physical) {
        if (place.index >= 256) continue;
      }
      const at = place.table + place.index * 8;
      const leaf = mapsPage(this.#view.memory.readInt32(at), place.level);
      const { entries, spaces } = this.#describe([place]);
      if (leaf && !this.#view.mayMap(place.page, use)) {
        const message = `${entries} maps ${hex(target)}, which is ${this.#useName(target)}`;
        this.#report("leaf-to-foreign-frame", message, spaces);
      } else if (!leaf && (use.kind !== "table" || use.level !== place.level - 1)) {
        const message = `${entries} leads to ${hex(target)}, which is ${this.#useName(target)}`;
        this.#report("link-to-non-table", message, spaces);
      }
    }
  }

  #checkKept(): void {
    for (const kept of this.#view.kept()) {
      if (!isStale(this.#view, this.#links, kept)) continue;
      const message = `${kept.processor} keeps ${kept.message}: ${this.#useName(kept.physical)}`;
      this.#report("stale-translation", message, []);
    }
  }

  #checkReachable(frame: number, links: Links): void {
    const use = this.#view.useOf(frame);
    if (use.kind !== "table" && use.kind !== "memmap") return;
    if (links.tableAt(frame) !== undefined || links.leadTo(frame)) return;
    const rule = use.kind === "table" ? "leaked-table" : "leaked-memmap";
    const name = use.kind === "table" ? "table" : "frame of memmap";
    this.#report(rule, `${name} ${hex(frame)} is in use, and no entry leads to it`, []);
  }

  #checkCoverage(range: PageRange, full: boolean): void {
    for (const region of this.#view.covered) {
      const from = Math.max(range.from, region.pages.from);
      const to = Math.min(range.to, region.pages.to);
      const finest = full ? 1 : region.finest;
      for (const { page, message } of coverageErrors(this.#view, region, from, to, finest)) {
        this.#report(region.rule, `from ${this.#address(page)} ${message}`, []);
      }
    }
  }

  #isCovered(page: number): boolean {
    return this.#view.covered.some(({ pages }) => page >= pages.from && page < pages.to);
  }

  // --- Reports --------------------------------------------------------------------------------

  #report(rule: FindingRule, message: string, spaces: readonly string[]): void {
    const key = `${rule} ${message}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#pending.push({ rule, operation: this.#operation, message, spaces });
  }

  #settle(): void {
    const rank = (finding: Finding) => FINDING_RULES.indexOf(finding.rule);
    this.#findings.push(...this.#pending.sort((a, b) => rank(a) - rank(b)));
    this.#pending = [];
  }

  #ownerOf(table: number, page: number): string {
    const kernelHalf = page >= 2 ** (this.#view.levels === 4 ? 35 : 44);
    const use = this.#view.useOf(table);
    return !kernelHalf && use.kind === "table" ? use.owner : "";
  }

  #describe(places: readonly EntryPlace[]): { entries: string; spaces: string[] } {
    const spaces = new Set<string>();
    const entries = places.map((place) => {
      const use = this.#view.useOf(place.table);
      const owner = use.kind === "table" ? use.owner : "a freed table";
      spaces.add(owner);
      return `${LEVELS[place.level]} entry ${place.index} (${this.#address(place.page)}) of ${owner}`;
    });
    return { entries: entries.join(", "), spaces: [...spaces] };
  }

  #useName(physical: number): string {
    const use = this.#view.useOf(physical);
    if (use.kind === "table") return `a ${LEVELS[use.level]} table of ${use.owner}`;
    return use.kind === "user" ? `a page of ${use.owner}` : use.kind;
  }

  #address(page: number): string {
    const bits = this.#view.levels === 4 ? 48n : 57n;
    const address = BigInt(page) * 4096n;
    const canonical = address >> (bits - 1n) ? address + 2n ** 64n - 2n ** bits : address;
    return hex64(canonical);
  }
}

/** Whether all 512 entries of a table are zero. */
function isEmpty({ memory }: AddressSpaceView, table: number): boolean {
  for (let at = table; at < table + 4096; at += 4) if (memory.readInt32(at) !== 0) return false;
  return true;
}

const LEVELS = ["", "pte", "pmd", "pud", "p4d", "pgd"] as const;

function names(spaces: readonly TopTable[]): string {
  const shown = spaces.slice(0, 4).map((space) => space.name);
  return spaces.length > 4 ? `${shown.join(", ")} and ${spaces.length - 4} more` : shown.join(", ");
}
