/** The system calls that shape a process's address space: mmap, munmap, mprotect (mm/mmap.c). */
import { badArgument } from "../../base/errors.ts";
import { hex64 } from "../../base/hex.ts";
import { EEXIST, EINVAL, ENOMEM } from "../bug.ts";
import { flushTlbMmRange } from "../flush.ts";
import type { Kernel } from "../kernel.ts";
import { PAGE_BYTES } from "../layout.ts";
import type { Mm } from "../mm.ts";
import { changeProtection } from "./change-protection.ts";
import { UserGather } from "./gather.ts";
import {
  findVma,
  replaceVmas,
  VM_EXEC,
  VM_HUGEPAGE,
  VM_READ,
  VM_RIGHTS,
  VM_WRITE,
  type Vma,
  vmasWithin,
} from "./vma.ts";
import { freePgtables, unmapPageRange } from "./zap.ts";

/** `rwx`, `r--`, `---` and the like. */
export type Protection = `${"r" | "-"}${"w" | "-"}${"x" | "-"}`;

export interface MmapOptions {
  /** MADV_HUGEPAGE. */
  readonly huge?: boolean;
  /** MAP_FIXED: what is there goes. Otherwise -EEXIST (MAP_FIXED_NOREPLACE). */
  readonly replaces?: boolean;
}

/** Top of the range in which addresses are chosen, at both depths: 128 TiB minus a page. */
const MMAP_BASE_PAGE = 2 ** 35 - 1;

/** TASK_SIZE_MAX in pages: the lower half, but for its last page. */
export function taskSizePages(k: Kernel): number {
  return k.layout.kernelHalfPage - 1;
}

/**
 * mmap(MAP_PRIVATE | MAP_ANONYMOUS) at an address; nothing is allocated before it is touched.
 * @returns 0, -EINVAL (unaligned, or no length), -ENOMEM (beyond user space), -EEXIST
 */
export function mmap(
  k: Kernel,
  mm: Mm,
  address: bigint,
  bytes: number,
  protection: Protection,
  options: MmapOptions = {},
): number {
  return k.call("do_mmap", () => {
    const range = pagesOf(k, address, bytes);
    if (typeof range === "number") return range;
    const { from, to } = range;
    const there = vmasWithin(mm, from, to);
    if (there.length > 0 && !options.replaces) {
      return k.fail(EEXIST, `expected free addresses at ${hex64(address)}`);
    }
    if (there.length > 0) unmapRegion(k, mm, from, to);
    const flags = flagsOf(protection) | (options.huge ? VM_HUGEPAGE : 0);
    replaceVmas(mm, from, to, [{ from, to, flags }]);
    return 0;
  });
}

/**
 * munmap(). Pages that nobody mapped may lie in the range.
 * @returns 0, -EINVAL
 */
export function munmap(k: Kernel, mm: Mm, address: bigint, bytes: number): number {
  return k.call("do_munmap", () => {
    const range = pagesOf(k, address, bytes);
    if (typeof range === "number") return k.fail(EINVAL, "expected a range of user space");
    unmapRegion(k, mm, range.from, range.to);
    return 0;
  });
}

/**
 * mprotect().
 * @returns 0, -EINVAL, -ENOMEM (a page of the range is not mapped; what lies before it is changed)
 */
export function mprotect(
  k: Kernel,
  mm: Mm,
  address: bigint,
  bytes: number,
  protection: Protection,
): number {
  return k.call("do_mprotect_pkey", () => {
    const range = pagesOf(k, address, bytes);
    if (typeof range === "number") return range;
    const rights = flagsOf(protection);
    let at = range.from;
    for (const part of vmasWithin(mm, range.from, range.to)) {
      if (part.from !== at) break;
      protectPart(k, mm, part, (part.flags & ~VM_RIGHTS) | rights);
      at = part.to;
    }
    return at === range.to ? 0 : k.fail(ENOMEM, "expected mapped addresses only");
  });
}

/** mprotect_fixup(). */
function protectPart(k: Kernel, mm: Mm, part: Vma, flags: number): void {
  if (flags === part.flags) return;
  const vma = { ...part, flags };
  replaceVmas(mm, part.from, part.to, [vma]);
  const changed = changeProtection(k, mm, vma);
  if (changed && k.record.userFlushes.protect) flushTlbMmRange(k, mm, part.from, part.to);
}

/**
 * get_unmapped_area(): the highest free range below 128 TiB.
 * @param alignBytes 4096, or 2 MiB for large pages
 * @returns the address, or undefined when there is no such range
 */
export function getUnmappedArea(
  k: Kernel,
  mm: Mm,
  bytes: number,
  alignBytes = PAGE_BYTES,
): bigint | undefined {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const align = alignBytes / PAGE_BYTES;
  let to = MMAP_BASE_PAGE;
  for (let i = mm.vmas.length - 1; i >= -1; i--) {
    const below = mm.vmas[i];
    const from = Math.floor((to - pages) / align) * align;
    if (from >= (below?.to ?? 16)) return k.layout.addressOf(from);
    to = Math.min(to, below?.from ?? 0);
  }
  return undefined;
}

/** unmap_region(): unlinks the ranges, clears, flushes, frees. */
function unmapRegion(k: Kernel, mm: Mm, from: number, to: number): void {
  k.call("unmap_region", () => {
    const gone = vmasWithin(mm, from, to);
    if (gone.length === 0) return;
    replaceVmas(mm, from, to, []);
    const gather = new UserGather(k, mm);
    for (const vma of gone) unmapPageRange(gather, vma.from, vma.to);
    const next = findVma(mm, from);
    const before = mm.vmas[(next ? mm.vmas.indexOf(next) : mm.vmas.length) - 1];
    freePgtables(gather, gone, before?.to ?? 0, next?.from ?? k.layout.kernelHalfPage);
    gather.finish();
  });
}

/** exit_mmap(): all ranges go, with all tables below the top. */
export function exitMmap(k: Kernel, mm: Mm): void {
  k.call("exit_mmap", () => {
    const gone = mm.vmas;
    if (gone.length === 0) return;
    mm.vmas = [];
    const gather = new UserGather(k, mm, true);
    for (const vma of gone) unmapPageRange(gather, vma.from, vma.to);
    freePgtables(gather, gone, 0, k.layout.kernelHalfPage);
    gather.finish();
  });
}

/** The pages of a range that a process may ask for, or a negative errno. */
function pagesOf(
  k: Kernel,
  address: bigint,
  bytes: number,
): { readonly from: number; readonly to: number } | number {
  if (address < 0n || address % 4096n !== 0n || !Number.isInteger(bytes) || bytes <= 0) {
    return k.fail(EINVAL, `expected whole pages, got ${hex64(address)} and ${bytes} bytes`);
  }
  const pages = Math.ceil(bytes / PAGE_BYTES);
  if (address / 4096n > BigInt(taskSizePages(k) - pages)) {
    return k.fail(ENOMEM, `expected a range of user space, got ${hex64(address)}`);
  }
  const from = Number(address / 4096n);
  return { from, to: from + pages };
}

function flagsOf(protection: Protection): number {
  const [r, w, x] = protection;
  if (!/^[r-][w-][x-]$/.test(protection)) badArgument("protection", "rwx or -", protection);
  return (r === "r" ? VM_READ : 0) | (w === "w" ? VM_WRITE : 0) | (x === "x" ? VM_EXEC : 0);
}
