/** An address space: Linux's mm_struct, as far as memory goes. */
import type { TopTable } from "../check/view.ts";
import type { Vma } from "./user/vma.ts";

export class Mm implements TopTable {
  /** Of its first process; 0 is init_mm. Never used twice, so it is context.ctx_id as well. */
  readonly pid: number;
  readonly name: string;
  readonly physical: number;
  /** mm_cpumask(): processors that may hold translations of it and are to be told of flushes. */
  readonly cpus = new Set<number>();
  /** context.tlb_gen: grows with every flush of its user half. */
  tlbGen = 1;
  /** mm_count: its users together count as one, each kernel thread that borrows it as one. */
  references = 1;
  /** Mapped ranges in order of addresses, apart from each other. */
  vmas: Vma[] = [];
  /** MM_ANONPAGES, in pages of 4 KiB; the zero page does not count. */
  rssPages = 0;
  /** mm_pgtables_bytes(): tables below the top, those set aside included. */
  tableBytes = 0;
  /** Tables set aside for the splitting of large pages, by the large page's first page. */
  readonly deposits = new Map<number, number>();

  constructor(pid: number, name: string, physical: number) {
    this.pid = pid;
    this.name = name;
    this.physical = physical;
  }
}
