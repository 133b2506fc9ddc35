/**
 * struct pages as real bytes, reached as Linux reaches them: by virtual address, through the
 * processor. A memmap that is not mapped, or not for the process whose tables are loaded, faults.
 *
 * | offset | field                                                     |
 * |--------|-----------------------------------------------------------|
 * | 0x00   | flags: the zone in bits 53:51 (NODES_SHIFT 10), node 0    |
 * | 0x08   | lru: an empty list, both pointers to itself               |
 * | 0x30   | _mapcount, -1                                             |
 * | 0x34   | _refcount, 1                                              |
 */
import type { ZoneName } from "./frames/allocator.ts";
import type { Kernel } from "./kernel.ts";
import { PAGE_BYTES } from "./layout.ts";

/** enum zone_type. */
const ZONE_NUMBERS: Readonly<Record<ZoneName | "Device", number>> = {
  DMA: 0,
  DMA32: 1,
  Normal: 2,
  Movable: 3,
  Device: 4,
};
/** Bit 51 is bit 19 of the high half. */
const ZONE_SHIFT_HI = 19;
const POISON = 0xff;

/** memmap_init_range(): the struct pages of the frames [start, start + bytes), each written whole. */
export function initStructPages(
  k: Kernel,
  start: number,
  bytes: number,
  zone: ZoneName | "Device",
): void {
  const size = k.layout.structPageBytes;
  const first = k.layout.structPageAddress(start);
  const length = (bytes / PAGE_BYTES) * size;
  const flagsHi = ZONE_NUMBERS[zone] << ZONE_SHIFT_HI;
  const words = new Int32Array(PAGE_BYTES / 4);
  k.call("memmap_init_range", () => {
    eachPiece(k, first, length, (address, offset, count) => {
      describe(words, address, offset, { size, flagsHi });
      return words.subarray(0, count / 4);
    });
  });
}

/** Writes what the struct pages have at `address`, `offset` bytes into their array, as int32. */
function describe(
  words: Int32Array,
  address: bigint,
  offset: number,
  kind: { readonly size: number; readonly flagsHi: number },
): void {
  const hi = Number(BigInt.asIntN(32, address >> 32n));
  const base = Number(BigInt.asIntN(32, address));
  words.fill(0);
  let field = offset % kind.size;
  for (let i = 0; i < words.length; i++) {
    const page = (base + i * 4 - field) | 0;
    if (field === 0x04) words[i] = kind.flagsHi;
    else if (field === 0x08 || field === 0x10) words[i] = (page + 8) | 0;
    else if (field === 0x0c || field === 0x14) words[i] = hi;
    else if (field === 0x30) words[i] = -1;
    else if (field === 0x34) words[i] = 1;
    field = field + 4 === kind.size ? 0 : field + 4;
  }
}

/** page_init_poison(): all bytes of the struct pages of [start, start + bytes). */
export function poisonStructPages(k: Kernel, start: number, bytes: number): void {
  k.call("page_init_poison", () => {
    const length = (bytes / PAGE_BYTES) * k.layout.structPageBytes;
    fillKernel(k, k.layout.structPageAddress(start), length, POISON);
  });
}

/** memset() of kernel memory by virtual address, in multiples of 8 bytes. An oops if not mapped. */
export function fillKernel(k: Kernel, address: bigint, bytes: number, value: number): void {
  const page = new Int32Array(PAGE_BYTES / 4).fill(value * 0x01010101);
  eachPiece(k, address, bytes, (_address, _offset, count) => page.subarray(0, count / 4));
}

/** Writes a range page by page: the first word translates, the rest goes where it went. */
function eachPiece(
  k: Kernel,
  address: bigint,
  bytes: number,
  content: (address: bigint, offset: number, count: number) => Int32Array,
): void {
  for (let offset = 0; offset < bytes; ) {
    const at = address + BigInt(offset);
    const count = Math.min(bytes - offset, PAGE_BYTES - Number(at & 0xfffn));
    const words = content(at, offset, count);
    const view = new DataView(words.buffer, words.byteOffset);
    k.processor.writeKernel(at, view.getBigUint64(0, true));
    const { physical } = k.processor.mmu;
    k.memory.writeBytes(physical, new Uint8Array(words.buffer, words.byteOffset, count));
    offset += count;
  }
}
