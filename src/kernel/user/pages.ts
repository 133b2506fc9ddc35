/**
 * User pages and their count of references, which lies where Linux has it: in the page's struct
 * page, reached by virtual address through the processor, so a memmap that is missing oopses.
 *
 * | offset | field of struct page                                                      |
 * |--------|---------------------------------------------------------------------------|
 * | 0x08   | compound_head: address of the first page's struct page plus 1; 0 for none |
 * | 0x34   | _refcount                                                                 |
 */
import { invariant } from "../../base/errors.ts";
import type { Kernel } from "../kernel.ts";
import { PAGE_BYTES, STRUCT_PAGE_BYTES } from "../layout.ts";

const COMPOUND_HEAD = 0x08n;
const REFCOUNT = 0x34n;

/** HPAGE_PMD_ORDER. */
export const HUGE_ORDER = 9;

/**
 * Takes 2^order frames for a process, zeroed, with one reference (order 0 or HUGE_ORDER).
 * @returns the physical address, or -1 when out of memory
 */
export function allocateUserPage(k: Kernel, owner: string, order = 0): number {
  const use = { kind: "user", owner } as const;
  const page = k.frames.allocate(order, "movable", use, k.processor.id);
  if (page < 0) return -1;
  const head = k.layout.structPageAddress(page);
  for (let tail = 1; tail < 2 ** order; tail++) {
    storePage(k, page + tail * PAGE_BYTES, COMPOUND_HEAD, 8, head + 1n);
  }
  storePage(k, page, COMPOUND_HEAD, 8, 0n);
  storePage(k, page, REFCOUNT, 4, 1n);
  clearUserPage(k, page, order);
  return page;
}

/** clear_page(): zeroes through the direct map. */
function clearUserPage(k: Kernel, page: number, order: number): void {
  k.call("clear_page", () => {
    k.processor.writeKernel(k.layout.directAddress(page), 0n);
    k.memory.fill(page, PAGE_BYTES * 2 ** order, 0);
  });
}

/** copy_user_page(): 4 KiB, through the direct map. */
export function copyUserPage(k: Kernel, to: number, from: number): void {
  k.call("copy_user_page", () => {
    k.processor.readKernel(k.layout.directAddress(from));
    k.processor.writeKernel(k.layout.directAddress(to), 0n);
    k.memory.copy(to, from, PAGE_BYTES);
  });
}

/** The first page of the block to which a page belongs: compound_head(). */
export function headOf(k: Kernel, page: number): number {
  const word = loadPage(k, page, COMPOUND_HEAD, 8);
  if (!(word & 1n)) return page;
  const offset = word - 1n - k.layout.structPageAddress(0);
  return Number(offset / BigInt(STRUCT_PAGE_BYTES)) * PAGE_BYTES;
}

/** page_count() of the block. */
export function pageCount(k: Kernel, page: number): number {
  return Number(loadPage(k, headOf(k, page), REFCOUNT, 4));
}

/** get_page(). @param references how many */
export function getPage(k: Kernel, page: number, references = 1): void {
  const head = headOf(k, page);
  const count = loadPage(k, head, REFCOUNT, 4) + BigInt(references);
  storePage(k, head, REFCOUNT, 4, count);
}

/** put_page(): with the last reference the whole block is free. */
export function putPage(k: Kernel, page: number): void {
  const head = headOf(k, page);
  const count = loadPage(k, head, REFCOUNT, 4) - 1n;
  invariant(count >= 0n, `page ${head.toString(16)} has a reference too few`);
  storePage(k, head, REFCOUNT, 4, count);
  if (count > 0n) return;
  const next = head + PAGE_BYTES;
  const huge = k.memory.isRam(next, PAGE_BYTES) && headOf(k, next) === head;
  const order = huge ? HUGE_ORDER : 0;
  for (let tail = 1; tail < 2 ** order; tail++) {
    storePage(k, head + tail * PAGE_BYTES, COMPOUND_HEAD, 8, 0n);
  }
  k.frames.free(head, order, k.processor.id);
}

function loadPage(k: Kernel, page: number, offset: bigint, bytes: 4 | 8): bigint {
  const { mmu } = k.processor;
  const address = k.layout.structPageAddress(page) + offset;
  const fault = mmu.load(address, bytes);
  if (fault !== 0) k.oops(address, fault);
  return mmu.value;
}

function storePage(k: Kernel, page: number, offset: bigint, bytes: 4 | 8, value: bigint): void {
  const address = k.layout.structPageAddress(page) + offset;
  const fault = k.processor.mmu.store(address, bytes, value);
  if (fault !== 0) k.oops(address, fault);
}
