/**
 * The hash table from host addresses of code to blocks, probed by generated code.
 * A slot: i32 host address of the first byte, i32 code context, i32 block, i32 unused.
 */
export const BLOCK_SLOTS_SHIFT = 15;
export const BLOCK_SLOT = { host: 0, context: 4, block: 8, bytesShift: 4 } as const;
/** Slot number: (host * factor) >>> shift. */
export const BLOCK_HASH = { factor: 0x9e3779b1 | 0, shift: 32 - BLOCK_SLOTS_SHIFT } as const;
export const BLOCK_TABLE_BYTES = (1 << BLOCK_SLOTS_SHIFT) << BLOCK_SLOT.bytesShift;

/** Byte offset of the slot of a host address. */
export function blockSlotOffset(host: number): number {
  return (Math.imul(host, BLOCK_HASH.factor) >>> BLOCK_HASH.shift) << BLOCK_SLOT.bytesShift;
}
