/** What `PhysicalMemory` tells those that keep something derived from it. */

/** The meaning of some physical addresses changed. */
export interface MapChange {
  readonly kind: "plug" | "unplug" | "mmio";
  readonly base: number;
  readonly bytes: number;
}

export interface MemoryListener {
  /** Host addresses derived from anything in the range are void from now on. */
  mapChanged?(change: MapChange): void;
  /**
   * The page at `physical` began or ceased to be watched: whoever holds a way to write it past
   * `PhysicalMemory` must drop that.
   */
  watchChanged?(physical: number): void;
}

/**
 * Called after bytes of a watched page were written, once for each page that a write touches.
 * What it throws reaches the writer.
 */
export type WriteWatcher = (physical: number, bytes: number) => void;
