/**
 * The entries on the way to a physical range, in every address space, and what became of them
 * from one picture to the next: which entry appeared, vanished or went stale in which PGD.
 *
 * Below the top all address spaces share their tables, so those entries are told once, of init_mm.
 */
import { hex, hex64 } from "../base/hex.ts";
import { sizeText } from "./dump.ts";
import type { Kernel } from "./kernel.ts";
import { ENTRY_NAMES, SPAN_PAGES } from "./layout.ts";
import { forEachEntry } from "./teardown.ts";

/** An entry, or `count` neighbours that are leaves. */
export interface PictureEntry {
  /** Whose: the address spaces whose top tables have it so; init_mm for what lies below. */
  readonly spaces: readonly string[];
  /** As in the manual: 1 is a PTE. */
  readonly level: number;
  readonly index: number;
  readonly count: number;
  /** First virtual address that it translates. */
  readonly address: bigint;
  /** Where it leads, null when it is empty. */
  readonly target: number | null;
  /** What is there now: `pud table`, `empty pud table`, `free`, `128 x 2M` ... */
  readonly leadsTo: string;
  /** Of a top entry, against init_mm's. */
  readonly state: "right" | "stale" | "unpublished";
}

/** `+` appeared, `-` vanished, `!` is stale or missing in a process, `~` leads to something else. */
export type ChangeMark = "+" | "-" | "!" | "~";

export interface EntryChangeSeen {
  readonly mark: ChangeMark;
  readonly entry: PictureEntry;
}

/** A top entry's level is called pgd at both depths: the p4d of 4 levels is folded onto it. */
export function levelName(k: Kernel, level: number): string {
  return level === k.levels ? "pgd" : (ENTRY_NAMES[level] as string);
}

/** Pages of the direct map and of the memmap of a physical range. */
function regionsOf(k: Kernel, start: number, bytes: number): { from: number; to: number }[] {
  const { layout } = k;
  return [
    { from: layout.directPage(start), to: layout.directPage(start + bytes) },
    layout.vmemmapRange(start, bytes),
  ];
}

/** The entries on the way to the direct map and the memmap of [start, start + bytes). */
export function takePicture(k: Kernel, start: number, bytes: number): PictureEntry[] {
  const entries: PictureEntry[] = [];
  for (const { from, to } of regionsOf(k, start, bytes)) {
    forEachEntry(k.levels, from, to, (index, first, last) => {
      entries.push(...topEntries(k, index));
      const top = k.initMm.physical;
      if (!k.tables.isPresent(top, index)) return;
      pictureTable(k, k.tables.target(top, index), k.levels - 1, first, last, entries);
    });
  }
  return entries;
}

/** One top entry in all address spaces, those that agree as one. */
function topEntries(k: Kernel, index: number): PictureEntry[] {
  const targetIn = (top: number) =>
    k.tables.isPresent(top, index) ? k.tables.target(top, index) : null;
  const reference = targetIn(k.initMm.physical);
  const groups = new Map<number | null, string[]>([[reference, [k.initMm.name]]]);
  for (const { physical, name } of k.pgdList) {
    const target = targetIn(physical);
    const group = groups.get(target);
    if (group) group.push(name);
    else groups.set(target, [name]);
  }
  const address = k.layout.addressOf(index * (SPAN_PAGES[k.levels] as number));
  return [...groups].map(([target, spaces]) => ({
    spaces,
    level: k.levels,
    index,
    count: 1,
    address,
    target,
    leadsTo: target === null ? "empty" : useText(k, target),
    state: target === reference ? "right" : target === null ? "unpublished" : "stale",
  }));
}

function pictureTable(
  k: Kernel,
  table: number,
  level: number,
  from: number,
  to: number,
  entries: PictureEntry[],
): void {
  let run: { index: number; count: number; page: number; target: number } | undefined;
  const place = (index: number, count: number, page: number, target: number, leadsTo: string) =>
    entries.push({
      spaces: [k.initMm.name],
      level,
      index,
      count,
      address: k.layout.addressOf(page),
      target,
      leadsTo,
      state: "right",
    });
  const endRun = () => {
    if (run === undefined) return;
    const size = sizeText(SPAN_PAGES[level] as number);
    place(run.index, run.count, run.page, run.target, `${run.count} x ${size}`);
    run = undefined;
  };
  forEachEntry(level, from, to, (index, first, last) => {
    if (!k.tables.isPresent(table, index)) return endRun();
    const target = k.tables.target(table, index);
    const page = first - (first % (SPAN_PAGES[level] as number));
    if (level === 1 || k.tables.isLeaf(table, index, level)) {
      if (run) run.count += 1;
      else run = { index, count: 1, page, target };
      return;
    }
    endRun();
    place(index, 1, page, target, useText(k, target));
    pictureTable(k, target, level - 1, first, last, entries);
  });
  endRun();
}

function useText(k: Kernel, physical: number): string {
  const use = k.frames.useOf(physical);
  if (use.kind !== "table") return use.kind;
  const table = `${levelName(k, use.level)} table`;
  return k.tables.isEmpty(physical) ? `empty ${table}` : table;
}

/** What changed between two pictures of one range, in the order of the addresses. */
export function comparePictures(
  before: readonly PictureEntry[],
  after: readonly PictureEntry[],
): EntryChangeSeen[] {
  const old = bySpace(before);
  const now = bySpace(after);
  const changes: EntryChangeSeen[] = [];
  for (const [key, entry] of old) {
    if (!now.has(key) && entry.target !== null) changes.push({ mark: "-", entry });
  }
  for (const [key, entry] of now) {
    const was = old.get(key);
    const same = was !== undefined && was.leadsTo === entry.leadsTo && was.state === entry.state;
    if (same || (entry.target === null && entry.state === "right")) continue;
    const mark = entry.state !== "right" ? "!" : was === undefined ? "+" : "~";
    changes.push({ mark, entry });
  }
  return regroup(changes);
}

/** Entries apart by address space; a key says where the entry is and where it leads. */
function bySpace(entries: readonly PictureEntry[]): Map<string, PictureEntry> {
  const map = new Map<string, PictureEntry>();
  for (const entry of entries) {
    for (const space of entry.spaces) {
      const { level, address, count, target } = entry;
      map.set(`${space} ${level} ${address} ${count} ${target}`, { ...entry, spaces: [space] });
    }
  }
  return map;
}

/** Changes that are the same in several address spaces as one. */
function regroup(changes: readonly EntryChangeSeen[]): EntryChangeSeen[] {
  const groups = new Map<string, { mark: ChangeMark; entry: PictureEntry; spaces: string[] }>();
  for (const { mark, entry } of changes) {
    const { level, address, count, target } = entry;
    const key = `${mark} ${level} ${address} ${count} ${target} ${entry.leadsTo}`;
    const group = groups.get(key);
    if (group) group.spaces.push(...entry.spaces);
    else groups.set(key, { mark, entry, spaces: [...entry.spaces] });
  }
  return [...groups.values()].map(({ mark, entry, spaces }) => ({
    mark,
    entry: { ...entry, spaces },
  }));
}

/** `pgd[274] ffff890000000000 -> 0xf83c000 pud table (init_mm, pid 1)`, indented by level. */
export function entryText(k: Kernel, entry: PictureEntry): string {
  const { level, index, count, address, target, leadsTo, spaces, state } = entry;
  const indices = count === 1 ? String(index) : `${index}-${index + count - 1}`;
  const indent = "  ".repeat(k.levels - level);
  const place = `${indent}${levelName(k, level)}[${indices}] ${hex64(address)}`;
  const lead = target === null ? "empty" : `-> ${hex(target)} ${leadsTo}`;
  const flaw = state === "right" ? "" : ` ${state.toUpperCase()}`;
  return level === k.levels ? `${place} ${lead}${flaw} (${namesText(spaces)})` : `${place} ${lead}`;
}

/** `init_mm, pid 1, pid 2 and 5 more`. */
export function namesText(names: readonly string[], most = 4): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
