/** Page tables for entry in 64-bit mode: the first 4 GiB, each address to itself, 2 MiB pages. */
import { ENTRY_LO } from "../../mmu/entry.ts";
import { LOW_MEMORY_END } from "../memory-layout.ts";
import type { Placement } from "./placement.ts";

const TABLE_BYTES = 4096;
const ENTRY_BYTES = 8;
const PAGE_2M = 2 * 1024 * 1024;
const GIGABYTES = 4;
const TABLE = ENTRY_LO.P | ENTRY_LO.RW;
const PAGE = TABLE | ENTRY_LO.PS;

/** Writes the tables into low memory. @returns the top table's address, for CR3 */
export function identityMap(place: Placement, levels: 4 | 5): number {
  const { memory } = place;
  const upperCount = levels - 2;
  const bytes = (upperCount + GIGABYTES) * TABLE_BYTES;
  const top = place.lowest(bytes, TABLE_BYTES, 0x2000, LOW_MEMORY_END, "boot page tables");
  memory.fill(top, bytes);
  // Each upper table's entry 0 is the next one; the last of them holds four directories.
  for (let i = 0; i < upperCount - 1; i++) {
    const table = top + i * TABLE_BYTES;
    memory.write64(table, BigInt(table + TABLE_BYTES + TABLE));
  }
  const pointers = top + (upperCount - 1) * TABLE_BYTES;
  for (let gigabyte = 0; gigabyte < GIGABYTES; gigabyte++) {
    const directory = pointers + (1 + gigabyte) * TABLE_BYTES;
    memory.write64(pointers + gigabyte * ENTRY_BYTES, BigInt(directory + TABLE));
  }
  const directories = pointers + TABLE_BYTES;
  for (let page = 0; page < GIGABYTES * 512; page++) {
    memory.write64(directories + page * ENTRY_BYTES, BigInt(page * PAGE_2M + PAGE));
  }
  return top;
}
