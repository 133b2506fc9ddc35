/** The mmu folder's share of the public surface. */
export * from "./access.ts";
export { isCanonical, toCanonical } from "./canonical.ts";
export { CR0, CR4, EFER, type PagingRegisters, RESET_REGISTERS } from "./control-bits.ts";
export { describeEntry, ENTRY, type EntryDescription } from "./entry.ts";
export * from "./fault.ts";
export { ALL_FEATURES, type MmuFeatures, mmuFeatures } from "./features.ts";
export { LazyTlb } from "./lazy-tlb.ts";
export * from "./memory-type.ts";
export { type AccessBytes, Mmu, type MmuOptions } from "./mmu.ts";
export { noTlb } from "./no-tlb.ts";
export type { MmuObserver } from "./observer.ts";
export { type LevelFormat, type PagingKind, type PagingMode, pagingMode } from "./paging-mode.ts";
export { RIGHT } from "./rights.ts";
export {
  DEFAULT_TLB_SIZES,
  SetAssociativeTlb,
  type TlbArraySize,
  type TlbSizes,
} from "./set-associative-tlb.ts";
export type { FaultCounts, MmuStatistics } from "./statistics.ts";
export type { TlbEntry, TlbModel, UpperModel } from "./tlb-model.ts";
export { DEFAULT_UPPER_SIZES, type UpperCacheSizes, type UpperEntry } from "./upper-caches.ts";
export {
  type EntryMemory,
  type WalkOptions,
  type WalkResult,
  type WalkStart,
  type WalkStep,
  walk,
} from "./walk.ts";
