/**
 * Checked mode. Linux reaches its tables through the direct map, here they are reached by physical
 * address; so each access is also translated by the reference walk on init_mm's tables, and what a
 * real kernel would have as an oops is one.
 */
import { hex, hex64 } from "../base/hex.ts";
import { READ, WRITE } from "../mmu/access.ts";
import { NO_FAULT } from "../mmu/fault.ts";
import { walk } from "../mmu/walk.ts";
import type { Kernel } from "./kernel.ts";
import { PageTables } from "./tables.ts";

/** What is done before each access to a table. */
export type TableGuard = (table: number, writes: boolean) => void;

export class CheckedPageTables extends PageTables {
  /** Until the direct map stands, nothing is done. */
  guard: TableGuard = () => {};

  override lo(table: number, index: number): number {
    this.guard(table, false);
    return super.lo(table, index);
  }

  override hi(table: number, index: number): number {
    this.guard(table, false);
    return super.hi(table, index);
  }

  override word(table: number, index: number): bigint {
    this.guard(table, false);
    return super.word(table, index);
  }

  override set(table: number, index: number, level: number, hi: number, lo: number): void {
    this.guard(table, true);
    super.set(table, index, level, hi, lo);
  }

  override isEmpty(table: number, from = 0): boolean {
    this.guard(table, false);
    return super.isEmpty(table, from);
  }

  override fillLeaves(...args: Parameters<PageTables["fillLeaves"]>): number {
    this.guard(args[0], true);
    return super.fillLeaves(...args);
  }

  override clearLeaves(table: number, first: number, count: number): number {
    this.guard(table, true);
    return super.clearLeaves(table, first, count);
  }

  override firstLowSum(...args: Parameters<PageTables["firstLowSum"]>): number {
    this.guard(args[0], false);
    return super.firstLowSum(...args);
  }

  override zero(table: number): void {
    this.guard(table, true);
    super.zero(table);
  }
}

/** Translates `__va(table)` as the processor would with init_mm's tables; oopses if that fails. */
export function directMapGuard(k: Kernel): TableGuard {
  return (table, writes) => {
    if (!k.inCall) return;
    const { mmu } = k.processor;
    const address = k.layout.directAddress(table);
    const registers = { ...mmu.registers.now, cr3: BigInt(k.initMm.physical) };
    const found = walk(k.memory, mmu.mode, registers, address, writes ? WRITE : READ);
    if (found.fault !== NO_FAULT) k.oops(address, found.fault);
    if (found.physical === table) return;
    k.stop(
      "direct map leads elsewhere",
      address,
      [table, found.physical],
      [`${hex64(address)} leads to ${hex(found.physical)} instead of ${hex(table)}`],
    );
  };
}
