/**
 * One leaf as QEMU's monitor prints it for `info tlb`: `LINEAR: PHYSICAL FLAGS`.
 *
 * The flags are the leaf's own bits, whatever the levels above deny. The physical address is the
 * entry under a mask of QEMU's, which is not always the address: with PAE it keeps bits 63:52, with
 * 4-MByte pages it leaves out what PSE-36 adds. Whoever compares lists wants the same here.
 */
import { hex64 } from "../base/hex.ts";
import { wordOf } from "../base/word64.ts";
import { ENTRY } from "../mmu/entry.ts";
import type { PagingKind, PagingMode } from "../mmu/paging-mode.ts";
import type { Leaf } from "./mappings.ts";

/** By level of the leaf. */
const LONG_MODE_MASKS = [0n, 0x3_ffff_ffff_f000n, 0x3_ffff_ffe0_0000n, 0x3_ffff_c000_0000n];
const MASKS: Readonly<Record<PagingKind, readonly bigint[]>> = {
  none: [],
  "32-bit": [0n, 0xffff_f000n, 0xffe0_0000n],
  pae: [0n, 0xffff_ffff_ffff_f000n, 0xffff_ffff_fff0_0000n],
  "4-level": LONG_MODE_MASKS,
  "5-level": LONG_MODE_MASKS,
};

/** In a PTE, bit 7 is PAT and not shown. */
const FLAGS: readonly (readonly [string, bigint])[] = [
  ["X", ENTRY.XD],
  ["G", ENTRY.G],
  ["P", ENTRY.PS],
  ["D", ENTRY.D],
  ["A", ENTRY.A],
  ["C", ENTRY.PCD],
  ["T", ENTRY.PWT],
  ["U", ENTRY.US],
  ["W", ENTRY.RW],
];

/** Without the end of line. */
export function qemuTlbLine(leaf: Leaf, mode: PagingMode): string {
  const raw = wordOf(leaf.hi, leaf.lo);
  const entry = leaf.level === 1 ? raw & ~ENTRY.PS : raw;
  const physical = entry & (MASKS[mode.kind][leaf.level] ?? 0n);
  const flags = FLAGS.map(([letter, bit]) => (entry & bit ? letter : "-")).join("");
  return `${hex64(leaf.linear)}: ${hex64(physical)} ${flags}`;
}
