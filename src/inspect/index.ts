/** What a program needs to look at page tables, in dumps or in a running machine's memory. */
export * from "./core-file.ts";
export * from "./cpu-state.ts";
export { DEFAULT_EXPAND_LIMIT_BYTES, type DumpOptions } from "./dump-source.ts";
export * from "./explain-walk.ts";
export * from "./mappings.ts";
export * from "./paging-context.ts";
export * from "./qemu-tlb.ts";
export * from "./range-text.ts";
export { LEAF, type TableMemory, TableReader } from "./table-reader.ts";
export * from "./table-stats.ts";
