/** Builds page tables in physical memory: real entries, from physical address 1 MiB on. */
import { KIB, MIB } from "../../src/base/units.ts";
import { hiOfNumber, loOfNumber } from "../../src/base/word64.ts";
import { PAGE_BYTES, PhysicalMemory } from "../../src/memory/index.ts";
import { ENTRY_HI, ENTRY_LO } from "../../src/mmu/entry.ts";
import { Random } from "../harness/random.ts";
import { LEAF_LEVEL, type Outcome, pageBytesOf, type Shape, SIZES } from "./shape.ts";

/** Below 52, so that reserved address bits exist and have to be tested. */
export const MAXPHYADDR = 46;
const FIRST_TABLE = MIB;
const ENTRIES = 512;

export interface Tables {
  readonly memory: PhysicalMemory;
  /** Physical address of the top table. */
  readonly root: number;
  /** One past the last table. */
  readonly end: number;
}

const { P, RW, US, A, D, PS } = ENTRY_LO;

/** Changes the bits of all leaves so that every access meets this outcome. */
const SPOIL: Readonly<Record<Outcome, (leaf: Bits) => Bits>> = {
  none: (leaf) => leaf,
  "not-present": ({ lo, hi }) => ({ lo: lo & ~P, hi }),
  reserved: ({ lo, hi }) => ({ lo, hi: hi | (1 << (MAXPHYADDR - 32)) }),
  protection: ({ lo, hi }) => ({ lo: lo & ~US, hi }),
};

/**
 * Maps pages one after the other from linear address 0 on to random frames.
 * @param streamBytes what the arena has to have room for besides the MMU's state
 */
export function buildTables(shape: Shape, streamBytes: number): Tables {
  const counts = tableCounts(shape);
  const tables = counts.reduce((sum, count) => sum + count, 0);
  const tableBytes = tables * PAGE_BYTES;
  const arenaBytes = 32 * MIB + streamBytes;
  const memory = new PhysicalMemory({
    linearBytes: arenaBytes + tableBytes + 256 * MIB,
    arenaBytes,
    addressBits: 52,
  });
  memory.mapRam(0, 640 * KIB);
  memory.mapRam(FIRST_TABLE, Math.ceil(tableBytes / MIB) * MIB);
  const base: number[] = [];
  let next = FIRST_TABLE;
  for (let level = shape.levels; level >= LEAF_LEVEL[shape.leaf]; level--) {
    base[level] = next;
    next += (counts[level] ?? 0) * PAGE_BYTES;
  }
  for (let level = shape.levels; level >= LEAF_LEVEL[shape.leaf]; level--) {
    const below = base[level - 1];
    const rows = counts[level - 1] ?? (counts[level] ?? 0) * ENTRIES;
    const place = base[level] as number;
    if (below === undefined) writeTables(memory, place, rows, randomFrames(shape), leafBits(shape));
    else writeTables(memory, place, rows, (i) => below + i * PAGE_BYTES, tableBits(shape));
  }
  return { memory, root: FIRST_TABLE, end: next };
}

/** How many tables each level has. */
function tableCounts({ levels, leaf, footprint }: Shape): number[] {
  const counts: number[] = [];
  let count = SIZES[footprint].leafTables;
  for (let level = LEAF_LEVEL[leaf]; level <= levels; level++) {
    counts[level] = count;
    count = Math.ceil(count / ENTRIES);
  }
  return counts;
}

/** Half of an entry each: what is ORed to the address. */
interface Bits {
  readonly lo: number;
  readonly hi: number;
}
/** The entry at an index of its level, as its address; its bits are the same for all. */
type AddressAt = (index: number) => number;

function tableBits({ clearAccessedDirty }: Shape): Bits {
  return { lo: P | RW | US | (clearAccessedDirty ? 0 : A), hi: 0 };
}

function leafBits({ leaf, clearAccessedDirty, outcome }: Shape): Bits {
  const used = clearAccessedDirty ? 0 : A | D;
  const size = leaf === "4k" ? 0 : PS;
  return SPOIL[outcome]({ lo: P | RW | US | used | size, hi: ENTRY_HI.XD });
}

function randomFrames({ leaf }: Shape): AddressAt {
  const random = new Random(0x9a6e);
  const pageBytes = pageBytesOf(leaf);
  const frames = 2 ** MAXPHYADDR / pageBytes;
  return () => random.below(frames) * pageBytes;
}

function writeTables(
  memory: PhysicalMemory,
  base: number,
  rows: number,
  addressAt: AddressAt,
  bits: Bits,
): void {
  const words = new Int32Array(ENTRIES * 2);
  const bytes = new Uint8Array(words.buffer);
  for (let first = 0; first < rows; first += ENTRIES) {
    words.fill(0);
    for (let i = 0; i < ENTRIES && first + i < rows; i++) {
      const address = addressAt(first + i);
      words[2 * i] = loOfNumber(address) | bits.lo;
      words[2 * i + 1] = hiOfNumber(address) | bits.hi;
    }
    memory.writeBytes(base + first * 8, bytes);
  }
}
