/**
 * A small model of x86 paging, written from the manual (SDM 3A, "Paging") and kept apart from src,
 * to check it by. It is in four parts that can be used alone, so that a caller with many cases
 * works out each part once: `examine` (what the entries say), `judge` (who may), `errorCode`, and
 * `accessedAndDirty` (what is written back).
 */
import { type FormatName, fieldNamed } from "./formats.ts";
import { HIERARCHY, type StructureLevel } from "./hierarchy.ts";
import { field, flag, isIa32e, type ModelAccess, type ModelProcessor } from "./processor.ts";
import { pageSizeFlagCounts, setsReservedBit } from "./reserved.ts";
import { judge, type PageRights } from "./rights.ts";

/** Gives the entry of `bytes` bytes at a physical address. */
export type EntryReader = (physical: bigint, bytes: bigint) => bigint;

export interface UsedEntry {
  readonly name: string;
  readonly address: bigint;
  readonly entry: bigint;
  readonly format: FormatName;
}

export interface MappedPage extends PageRights {
  readonly physical: bigint;
  readonly pageBytes: bigint;
}

export type Examined =
  | { readonly end: "not present" | "reserved bit"; readonly used: readonly UsedEntry[] }
  | { readonly end: "page"; readonly used: readonly UsedEntry[]; readonly page: MappedPage };

export interface EntryWrite {
  readonly address: bigint;
  readonly entry: bigint;
}

export type Outcome =
  | { readonly kind: "not canonical" }
  | { readonly kind: "page fault"; readonly errorCode: number }
  | {
      readonly kind: "translated";
      readonly physical: bigint;
      readonly pageBytes: bigint;
      readonly writes: readonly EntryWrite[];
    };

/** "Canonical Addressing": the bits from the topmost translated one up are all equal. */
export function isCanonical(linear: bigint, cpu: ModelProcessor): boolean {
  if (!isIa32e(cpu)) return true;
  const top = cpu.paging === "5-level" ? 56 : 47;
  const upper = field(linear, 63, top);
  return upper === 0n || upper === 2n ** BigInt(64 - top) - 1n;
}

/** Follows the entries for `linear` down to a page or to what stops the translation. */
export function examine(cpu: ModelProcessor, linear: bigint, read: EntryReader): Examined {
  let base = field(cpu.cr3, 51, 12) << 12n;
  if (cpu.paging === "32-bit") base = field(cpu.cr3, 31, 12) << 12n;
  if (cpu.paging === "PAE") {
    const pdpte = cpu.pdptes?.[Number(field(linear, 31, 30))] ?? 0n;
    if (!flag(pdpte, 0)) return { end: "not present", used: [] };
    base = field(pdpte, 51, 12) << 12n;
  }

  const used: UsedEntry[] = [];
  for (const level of HIERARCHY[cpu.paging]) {
    const index = field(linear, level.selectHi, level.selectLo);
    const address = base + index * level.entryBytes;
    const entry = read(address, level.entryBytes);
    const format = formatOf(entry, level, cpu);
    used.push({ name: level.name, address, entry, format });
    if (!flag(entry, 0)) return { end: "not present", used };
    if (setsReservedBit(entry, format, cpu)) return { end: "reserved bit", used };
    if (format === level.page) {
      return { end: "page", used, page: pageOf(used, level.pageBytes ?? 0n, linear, cpu) };
    }
    base = addressIn(entry, format);
  }
  throw new Error("the last level of a hierarchy maps pages only");
}

function formatOf(entry: bigint, level: StructureLevel, cpu: ModelProcessor): FormatName {
  const mapsPage =
    level.table === undefined ||
    (level.page !== undefined && flag(entry, 7) && pageSizeFlagCounts(cpu));
  const format = mapsPage ? level.page : level.table;
  if (format === undefined) throw new Error(`${level.name} has no format`);
  return format;
}

/** The physical address in an entry: its address field (or fields), the bits below being 0. */
function addressIn(entry: bigint, format: FormatName): bigint {
  const main = fieldNamed(format, "address");
  const upper = fieldNamed(format, "address39:32");
  if (main === undefined) throw new Error(`${format} holds no address`);
  const low = field(entry, main.hi, main.lo) << BigInt(main.lo);
  return upper === undefined ? low : low + (field(entry, upper.hi, upper.lo) << 32n);
}

function pageOf(
  used: readonly UsedEntry[],
  pageBytes: bigint,
  linear: bigint,
  cpu: ModelProcessor,
): MappedPage {
  const leaf = used.at(-1);
  if (leaf === undefined) throw new Error("a page is mapped by an entry");
  const every = (position: number) => used.every(({ entry }) => flag(entry, position));
  return {
    physical: addressIn(leaf.entry, leaf.format) + (linear % pageBytes),
    pageBytes,
    userMode: every(2),
    writable: every(1),
    executeDisable: cpu.paging !== "32-bit" && used.some(({ entry }) => flag(entry, 63)),
    key: isIa32e(cpu) ? Number(field(leaf.entry, 62, 59)) : 0,
  };
}

export type PageFaultCause = "not present" | "reserved bit" | "rights" | "rights and key";

/** The page fault's error code, flag by flag ("Page-Fault Exceptions"). */
export function errorCode(cpu: ModelProcessor, access: ModelAccess, cause: PageFaultCause): number {
  const executeDisableInUse = cpu.paging !== "32-bit" && cpu.nxe;
  const flags: readonly (readonly [position: number, set: boolean])[] = [
    [0, cause !== "not present"],
    [1, access.what === "write"],
    [2, access.who === "user"],
    [3, cause === "reserved bit"],
    [4, access.what === "fetch" && (executeDisableInUse || cpu.smep)],
    [5, cause === "rights and key"],
  ];
  return flags.reduce((code, [position, set]) => code + (set ? 2 ** position : 0), 0);
}

/**
 * What a translation that succeeds leaves in the entries it used ("Accessed and Dirty Flags"):
 * A in every one, D in the one that maps the page if the access is a write. Only changes are
 * listed. A translation that faults changes nothing: the manual leaves that open, and this is what
 * pml5 documents.
 */
export function accessedAndDirty(
  used: readonly UsedEntry[],
  access: ModelAccess,
): readonly EntryWrite[] {
  return used.flatMap(({ address, entry }, position) => {
    let after = flag(entry, 5) ? entry : entry + 32n;
    const mapsThePage = position === used.length - 1;
    if (mapsThePage && access.what === "write" && !flag(entry, 6)) after += 64n;
    return after === entry ? [] : [{ address, entry: after }];
  });
}

/** All of it: one access at one linear address. */
export function translate(
  cpu: ModelProcessor,
  linear: bigint,
  access: ModelAccess,
  read: EntryReader,
): Outcome {
  if (!isCanonical(linear, cpu)) return { kind: "not canonical" };
  const seen = examine(cpu, linear, read);
  if (seen.end !== "page")
    return { kind: "page fault", errorCode: errorCode(cpu, access, seen.end) };
  const verdict = judge(access, seen.page, cpu);
  if (verdict.forbidden) {
    const cause = verdict.byKey ? "rights and key" : "rights";
    return { kind: "page fault", errorCode: errorCode(cpu, access, cause) };
  }
  const { physical, pageBytes } = seen.page;
  return {
    kind: "translated",
    physical,
    pageBytes,
    writes: accessedAndDirty(seen.used, access),
  };
}
