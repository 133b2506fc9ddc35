/** A kernel with a checker and processes, and listings of what processes have mapped. */
import { expect } from "vitest";
import { MIB } from "../../../src/base/units.ts";
import { Checker } from "../../../src/check/checker.ts";
import { type BootOptions, bootKernel } from "../../../src/kernel/boot.ts";
import type { Kernel, Mm, OperationResult } from "../../../src/kernel/kernel.ts";
import { createProcess } from "../../../src/kernel/process.ts";
import { ZERO_PAGE } from "../../../src/kernel/user/zero-page.ts";
import { KernelView } from "../../../src/kernel/view.ts";
import { LazyTlb } from "../../../src/mmu/lazy-tlb.ts";

export interface World {
  readonly k: Kernel;
  readonly checker: Checker;
  /** Runs one operation. Nothing may be found in it, and it must not stop the kernel. */
  run(name: string, body: () => number): OperationResult;
}

/** 128 MiB of RAM, and TLBs that keep all that they lawfully may. */
export function world(options: BootOptions = {}): World {
  const k = bootKernel({
    levels: 4,
    ramBytes: 128 * MIB,
    linearBytes: 256 * MIB,
    tlb: () => new LazyTlb(),
    ...options,
  });
  const checker = new Checker(new KernelView(k));
  const run = (name: string, body: () => number) => {
    const result = k.operation(name, body);
    expect(checker.findings, name).toEqual([]);
    expect(k.bug, name).toBeUndefined();
    return result;
  };
  return { k, checker, run };
}

/** A process that runs on the current processor. */
export function start(k: Kernel): Mm {
  const mm = createProcess(k);
  if (mm === undefined) throw new Error("no memory for a process");
  k.processor.switchMm(mm);
  return mm;
}

/** An operation's body that gives 0. */
export function done(body: () => unknown): () => number {
  return () => {
    body();
    return 0;
  };
}

/**
 * All that a process has mapped, read straight from memory: `400000 4K rw- zero`. Rights are those
 * of the leaf; `none` stands for one to which nobody may go.
 */
export function listing(k: Kernel, mm: Mm): string[] {
  const lines: string[] = [];
  const visit = (table: number, level: number, page: number) => {
    for (let index = 0; index < (level === k.levels ? 256 : 512); index++) {
      const word = k.memory.read64(table + index * 8);
      if (word === 0n) continue;
      const at = page + index * 512 ** (level - 1);
      const target = Number(word & 0xffffffffff000n);
      if (level > 1 && !(word & 0x80n)) visit(target, level - 1, at);
      else lines.push(`${(at * 4096).toString(16)} ${leafText(word, target, level)}`);
    }
  };
  visit(mm.physical, k.levels, 0);
  return lines;
}

function leafText(word: bigint, target: number, level: number): string {
  const size = level === 2 ? "2M" : "4K";
  const rights = `r${word & 2n ? "w" : "-"}${word >> 63n ? "-" : "x"}`;
  return `${size} ${word & 1n ? rights : "none"}${target === ZERO_PAGE ? " zero" : ""}`;
}

/** Tables below the top that hang in the user half, by level, lowest first. */
export function tableCounts(k: Kernel, mm: Mm): number[] {
  const counts = Array.from({ length: k.levels - 1 }, () => 0);
  const visit = (table: number, level: number) => {
    for (let index = 0; index < (level === k.levels ? 256 : 512); index++) {
      const word = k.memory.read64(table + index * 8);
      if (level === 1 || word === 0n || word & 0x80n) continue;
      counts[level - 2] = (counts[level - 2] ?? 0) + 1;
      visit(Number(word & 0xffffffffff000n), level - 1);
    }
  };
  visit(mm.physical, k.levels);
  return counts;
}
