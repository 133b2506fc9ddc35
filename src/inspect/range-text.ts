/** A mapped range for people and for programs. The words are those of Linux's page-table dump. */
import { byteSize, hex, hex64 } from "../base/hex.ts";
import type { PagingMode } from "../mmu/paging-mode.ts";
import { linearOf, type MappedRange } from "./mappings.ts";
import { LEAF } from "./table-reader.ts";

/** What a range is, field by field. */
export interface RangeDescription {
  /** Canonical linear addresses; `end` is one past the last byte, up to 2^64. */
  readonly start: bigint;
  readonly end: bigint;
  readonly bytes: bigint;
  /** Why it is listed: mapped, a hole, or behind a table that is not in memory. */
  readonly kind: "mapped" | "hole" | "missing";
  readonly level: number;
  readonly pageBytes: number;
  readonly user: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly global: boolean;
  readonly pwt: boolean;
  readonly pcd: boolean;
  readonly pat: boolean;
  readonly reserved: boolean;
  readonly protectionKey: number;
}

export function describeRange(range: MappedRange, mode: PagingMode): RangeDescription {
  const { attributes, startFrame, endFrame } = range;
  const has = (bit: number) => (attributes & bit) !== 0;
  const level = (attributes & LEAF.LEVEL_MASK) >>> LEAF.LEVEL_SHIFT;
  const start = linearOf(startFrame, mode.linearBits);
  const bytes = BigInt(endFrame - startFrame) << 12n;
  const kind = attributes === 0 ? "hole" : has(LEAF.MISSING) ? "missing" : "mapped";
  return {
    start,
    end: start + bytes,
    bytes,
    kind,
    level,
    pageBytes: kind === "mapped" ? 2 ** (mode.formats[level]?.shift ?? 12) : 0,
    user: has(LEAF.USER),
    write: has(LEAF.WRITE),
    execute: kind === "mapped" && !has(LEAF.NO_EXECUTE),
    global: has(LEAF.GLOBAL),
    pwt: has(LEAF.PWT),
    pcd: has(LEAF.PCD),
    pat: has(LEAF.PAT),
    reserved: has(LEAF.RESERVED),
    protectionKey: (attributes >>> LEAF.KEY_SHIFT) & 15,
  };
}

/** Linux's names of levels, whatever the mode: index 1 is a PTE. */
const LINUX_LEVELS = ["", "pte", "pmd", "pud", "p4d", "pgd"] as const;

/**
 * For example
 * `0xffffffff81000000-0xffffffff81e00000          14M   2M     ro         PSE     GLB x  pmd`.
 * Rights are those of the whole walk, not only the leaf's.
 */
export function rangeLine(range: MappedRange, mode: PagingMode): string {
  const described = describeRange(range, mode);
  const { start, end, bytes, kind, level } = described;
  const place = `0x${hex64(start)}-0x${hex64(BigInt.asUintN(64, end))}`;
  const size = byteSize(bytes).padStart(12);
  if (kind === "hole") return `${place} ${size}`;
  if (kind === "missing")
    return `${place} ${size}       table of ${LINUX_LEVELS[level]}s not in the dump`;
  const words = [
    byteSize(described.pageBytes).padStart(4),
    " ",
    described.user ? "USR" : "   ",
    described.write ? "RW" : "ro",
    described.pwt ? "PWT" : "   ",
    described.pcd ? "PCD" : "   ",
    level > 1 ? "PSE" : "   ",
    described.pat ? "PAT" : "   ",
    described.global ? "GLB" : "   ",
    described.execute ? "x " : "NX",
    LINUX_LEVELS[level],
    ...(described.protectionKey ? [`key ${described.protectionKey}`] : []),
    ...(described.reserved ? ["RESERVED BITS"] : []),
  ];
  return `${place} ${size} ${words.join(" ")}`;
}

/** One object of the JSON listing; addresses are strings, since they do not fit a double. */
export function rangeJson(range: MappedRange, mode: PagingMode): object {
  const described = describeRange(range, mode);
  return {
    ...described,
    start: hex(described.start),
    end: hex(described.end),
    bytes: Number(described.bytes),
  };
}
