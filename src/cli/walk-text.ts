/** A walk's steps as lines of a terminal. */
import { byteSize, hex, hex64 } from "../base/hex.ts";
import { bitNumbers, knownSteps } from "../inspect/explain-walk.ts";
import { describeEntry } from "../mmu/entry.ts";
import type { LevelFormat, PagingMode } from "../mmu/paging-mode.ts";
import type { WalkResult, WalkStep } from "../mmu/walk.ts";
import { type Style, table } from "./style.ts";

/** One row for each entry that was read, with a heading. */
export function stepTable(result: WalkResult, mode: PagingMode, style: Style): string[] {
  const heading = ["entry", "index", "at", "raw", "bits", "leads to"];
  const rows = knownSteps(result).map((step) => stepRow(step, mode, style));
  return table([heading.map((text) => style.paint("faint", text)), ...rows]);
}

function stepRow(step: WalkStep, mode: PagingMode, style: Style): string[] {
  const { name, index, entryAddress, entry, absent } = step;
  const at = entryAddress < 0 ? "register" : hex(entryAddress);
  const start = [style.paint("name", name), String(index), style.paint("address", at)];
  if (absent) return [...start, "?", "", style.paint("bad", "not in the dump")];
  const raw = mode.entryBytes === 8 ? hex64(entry) : hex64(entry).slice(8);
  return [...start, raw, bitText(step, mode, style), targetText(step, mode, style)];
}

/** The names of the bits that are set; for an entry that stops the walk, why. */
export function bitText({ entry, level, reservedSet }: WalkStep, mode: PagingMode, style: Style) {
  const { present, leaf, bits, protectionKey, ignoredSet } = describeEntry(entry, level, mode);
  if (!present) return style.paint("bad", "not present");
  const key = protectionKey ? ` key=${protectionKey}` : "";
  const wrong = reservedSet ? style.paint("bad", ` RESERVED ${bitNumbers(reservedSet)}`) : "";
  // In an entry that references a table kernels set D and more for no purpose.
  const ignored = leaf && ignoredSet ? ` ignored ${bitNumbers(ignoredSet)}` : "";
  return bits.join(" ") + key + ignored + wrong;
}

/** Where the entry leads. */
export function targetText(step: WalkStep, mode: PagingMode, style: Style): string {
  const { entry, level, leaf, address, reservedSet } = step;
  if (!(entry & 1n) || reservedSet) return style.paint("bad", "page fault");
  const target = style.paint("address", hex(address));
  if (!leaf) return `table ${target}`;
  const { shift } = mode.formats[level] as LevelFormat;
  return `${byteSize(2 ** shift)} page ${target}`;
}
