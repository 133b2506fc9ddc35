/** What page tables a walk benchmark runs over, and which addresses it walks. */

export type Leaf = "4k" | "2m" | "1g";
export type Footprint = "l1" | "l2" | "l3" | "dram";
export type Order = "random" | "sequential";
/** What every address of the stream meets; `none` translates. */
export type Outcome = "none" | "not-present" | "reserved" | "protection";

export interface Shape {
  readonly levels: 4 | 5;
  readonly leaf: Leaf;
  readonly footprint: Footprint;
  readonly order: Order;
  /** A and D are clear before each pass over the stream, and the walks are for writes. */
  readonly clearAccessedDirty: boolean;
  readonly outcome: Outcome;
}

export const LEAF_LEVEL: Readonly<Record<Leaf, number>> = { "4k": 1, "2m": 2, "1g": 3 };

export function pageBytesOf(leaf: Leaf): number {
  return 2 ** (12 + 9 * (LEAF_LEVEL[leaf] - 1));
}

interface Size {
  /** Tables that hold leaves, 4 KiB each. */
  readonly leafTables: number;
  /** Length of the stream; both sides read it window by window. */
  readonly addresses: number;
  readonly window: number;
}

/**
 * The leaf tables of a footprint fill about half of that cache on today's processors (32 KiB,
 * 512 KiB to 2 MiB, 16 to 64 MiB); the stream and its results take some of the rest. In DRAM the
 * lines that one pass touches are more than a last-level cache keeps until the next.
 */
export const SIZES: Readonly<Record<Footprint, Size>> = {
  l1: { leafTables: 2, addresses: 512, window: 512 },
  l2: { leafTables: 64, addresses: 4096, window: 4096 },
  l3: { leafTables: 2048, addresses: 131072, window: 65536 },
  dram: { leafTables: 32768, addresses: 4194304, window: 65536 },
};

/** Whether the lower half of the linear address space is large enough. */
export function fits({ levels, leaf, footprint }: Pick<Shape, "levels" | "leaf" | "footprint">) {
  return SIZES[footprint].leafTables * 512 * pageBytesOf(leaf) <= 2 ** (levels === 5 ? 56 : 47);
}
