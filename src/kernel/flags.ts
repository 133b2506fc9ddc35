/** Values of page-table entries, as a running x86-64 Linux shows them. Halves are int32. */

/** Low bits: P RW US A D PS G. */
export const PRESENT = 1;
export const RW = 2;
export const USER = 4;
export const ACCESSED = 0x20;
export const DIRTY = 0x40;
export const PSE = 0x80;
export const GLOBAL = 0x100;

/** High half: XD. */
export const NX_HI = 1 << 31;

/** _KERNPG_TABLE, without the address: static tables of the kernel image. */
export const KERNPG_TABLE = PRESENT | RW | ACCESSED | DIRTY;
/** _PAGE_TABLE: what the p?d_populate() functions write, for kernel tables too. */
export const PAGE_TABLE = KERNPG_TABLE | USER;
/** PAGE_KERNEL, low half: 0x8000000000000163 with NX. */
export const PAGE_KERNEL = PRESENT | RW | ACCESSED | DIRTY | GLOBAL;
/** PAGE_KERNEL_LARGE, low half: 0x80000000000001e3 with NX. */
export const PAGE_KERNEL_LARGE = PAGE_KERNEL | PSE;

/** The bits of an entry that are its address: 51:12. */
const ADDRESS_HI = 0x000fffff;
const ADDRESS_LO = ~0xfff;

/** The physical address in an entry that references a table or a 4 KiB page. */
export function entryAddress(hi: number, lo: number): number {
  return (hi & ADDRESS_HI) * 4294967296 + ((lo & ADDRESS_LO) >>> 0);
}

/** Whether a present entry maps a page at this level. */
export function isLeafEntry(lo: number, level: number): boolean {
  return level === 1 || ((level === 2 || level === 3) && (lo & PSE) !== 0);
}
