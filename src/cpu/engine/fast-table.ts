/** Layout of the fast tables, as generated code probes them (see mmu/fast-table.ts). */

/** log2 of a table's entries. */
export const FAST_INDEX_BITS = 10;
/** Within an entry of 16 bytes: i64 page and generation; i32 host address minus linear address. */
export const FAST_TAG = 0;
export const FAST_ADDEND = 8;
/** Slot of a linear address, in bytes from the table: (address >> shift) & mask. */
export const FAST_SLOT_SHIFT = 8;
export const FAST_SLOT_MASK = ((1 << FAST_INDEX_BITS) - 1) << 4;
