/** Hooks into one `Mmu`, for traces and experiments. Those that are absent cost nothing. */
import type { TlbEntry } from "./tlb-model.ts";

export interface MmuObserver {
  /** A walk ended, with 0 or a fault. */
  walked?(linear: bigint, access: number, fault: number): void;
  /** A fault of any kind is about to be returned; also one from a cached translation. */
  faulted?(linear: bigint, access: number, fault: number): void;
  /** The TLB was given a translation. The entry is reused: copy what is to be kept. */
  filled?(entry: Readonly<TlbEntry>): void;
  /** Something asked for an invalidation: `INVLPG`, `MOV to CR3`, ... */
  invalidated?(what: string, linear: bigint): void;
}
