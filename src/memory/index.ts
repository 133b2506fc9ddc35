/** The memory folder's share of the public surface. */
export { AbsentError, AlignmentError, OverlapError, ResourceError } from "./errors.ts";
export {
  CHUNK_BYTES,
  LinearMemory,
  type LinearMemoryOptions,
  PAGE_BYTES,
  PAGE_SHIFT,
  SECTION_BYTES,
  SECTION_SHIFT,
} from "./layout.ts";
export type { MapChange, MemoryListener, WriteWatcher } from "./listeners.ts";
export type { Contents, MemoryKind, MemoryRegion } from "./memory-map.ts";
export type { MmioHandler } from "./mmio.ts";
export { PhysicalMemory } from "./physical-memory.ts";
