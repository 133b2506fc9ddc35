/**
 * A dump of an address space in the form of Linux's page_tables files (mm/ptdump.c and
 * arch/x86/mm/dump_pagetables.c): neighbouring entries of one level with the same flags make one
 * line, holes too, and a hole is told at the level at which it is found.
 */
import { hex64 } from "../base/hex.ts";
import { GLOBAL, NX_HI, PRESENT, PSE, RW, USER } from "./flags.ts";
import type { Kernel } from "./kernel.ts";
import { ENTRIES, KERNEL_IMAGE_BASE, PAGE_BYTES, SPAN_PAGES } from "./layout.ts";

/** A line of the dump. `flags` is null for a hole. */
export interface DumpRange {
  readonly start: bigint;
  readonly pages: number;
  /** Linux's name of the level. */
  readonly level: string;
  readonly flags: string | null;
}

export interface DumpOptions {
  /** Top table to walk; init_mm's by default. */
  readonly top?: number;
  /** First page of the dump; the kernel half by default. */
  readonly from?: number;
  /** One past the last page; the end of the address space by default. */
  readonly to?: number;
}

const LEVELS = ["", "pte", "pmd", "pud", "p4d", "pgd"] as const;

interface Open {
  start: number;
  end: number;
  level: number;
  key: string;
}

/** Walks the tables by the kernel's own arithmetic. */
export function dumpRanges(k: Kernel, options: DumpOptions = {}): DumpRange[] {
  const { layout } = k;
  const from = options.from ?? layout.kernelHalfPage;
  const to = options.to ?? layout.endPage;
  const starts = new Set(markers(k).map(({ page }) => page));
  const ranges: DumpRange[] = [];
  let open: Open | undefined;
  const close = () => {
    if (open === undefined) return;
    const { start, end, level, key } = open;
    const name = level === k.levels ? "pgd" : (LEVELS[level] as string);
    const flags = key === "" ? null : key;
    ranges.push({ start: layout.addressOf(start), pages: end - start, level: name, flags });
  };
  const note = (page: number, pages: number, level: number, key: string) => {
    const start = Math.max(page, from);
    const end = Math.min(page + pages, to);
    if (open && open.level === level && open.key === key && !starts.has(start)) open.end = end;
    else {
      close();
      open = { start, end, level, key };
    }
  };
  const visit = (table: number, level: number, base: number) => {
    const span = SPAN_PAGES[level] as number;
    for (let index = 0; index < ENTRIES; index++) {
      const page = base + index * span;
      if (page + span <= from || page >= to) continue;
      const lo = k.tables.lo(table, index);
      if (!(lo & PRESENT)) note(page, span, level, "");
      else if (k.tables.isLeaf(table, index, level)) {
        note(page, span, level, flagText(k.tables.hi(table, index), lo, level));
      } else visit(k.tables.target(table, index), level - 1, page);
    }
  };
  visit(options.top ?? k.initMm.physical, k.levels, 0);
  close();
  return ranges;
}

/** The dump as lines, with a headline where a region begins. */
export function dumpText(k: Kernel, options: DumpOptions = {}): string[] {
  const heads = new Map(markers(k).map(({ page, name }) => [k.layout.addressOf(page), name]));
  return dumpRanges(k, options).flatMap((range) => {
    const head = heads.get(range.start);
    return head === undefined ? [rangeText(range)] : [`---[ ${head} ]---`, rangeText(range)];
  });
}

/** `0xffff890000000000-0xffff890010000000         256M     RW             PSE     GLB NX pmd`. */
export function rangeText({ start, pages, level, flags }: DumpRange): string {
  const end = BigInt.asUintN(64, start + BigInt(pages) * BigInt(PAGE_BYTES));
  const columns = flags ?? " ".repeat(30);
  return `0x${hex64(start)}-0x${hex64(end)}   ${sizeText(pages).padStart(10)} ${columns}${level}`;
}

/** Size in the unit that Linux's dump uses: `1023G`, `261632G`, `64T`. */
export function sizeText(pages: number): string {
  let size = pages * 4;
  let unit = 0;
  while (size % 1024 === 0 && unit < 4) {
    size /= 1024;
    unit += 1;
  }
  return `${size}${"KMGTP"[unit]}`;
}

function flagText(hi: number, lo: number, level: number): string {
  const column = (on: number, name: string, off = " ".repeat(name.length)) => (on ? name : off);
  return [
    column(lo & USER, "USR "),
    column(lo & RW, "RW ", "ro "),
    column(lo & 8, "PWT "),
    column(lo & 16, "PCD "),
    column(level > 1 ? lo & PSE : 0, "PSE "),
    column(level > 1 ? lo & 0x1000 : lo & PSE, "PAT "),
    column(lo & GLOBAL, "GLB "),
    column(hi & NX_HI, "NX ", "x  "),
  ].join("");
}

/** Where regions begin, with Linux's names. */
function markers(k: Kernel): { page: number; name: string }[] {
  const { layout } = k;
  return [
    { page: 0, name: "User Space" },
    { page: layout.kernelHalfPage, name: "Kernel Space" },
    { page: layout.directMapPage, name: "Low Kernel Mapping" },
    { page: layout.vmallocPage, name: "vmalloc() Area" },
    { page: layout.vmemmapPage, name: "Vmemmap" },
    { page: layout.pageOf(0xfffffe0000000000n), name: "CPU entry Area" },
    { page: layout.pageOf(0xffffff0000000000n), name: "ESPfix Area" },
    { page: layout.pageOf(0xffffffef00000000n), name: "EFI Runtime Services" },
    { page: layout.pageOf(KERNEL_IMAGE_BASE), name: "High Kernel Mapping" },
    { page: layout.pageOf(0xffffffffa0000000n), name: "Modules" },
    { page: layout.pageOf(0xffffffffff000000n), name: "End Modules" },
  ];
}
