/**
 * A small world for the differential test: a few tables whose entries matter at a few indices, so
 * that random edits, accesses and invalidations meet each other often.
 */
import { PhysicalMemory } from "../../../src/memory/physical-memory.ts";
import { toCanonical } from "../../../src/mmu/canonical.ts";
import { Mmu } from "../../../src/mmu/mmu.ts";
import type { PagingKind } from "../../../src/mmu/paging-mode.ts";
import type { TlbModel } from "../../../src/mmu/tlb-model.ts";

/** Six tables lie in fixed RAM, two in a DIMM that can be unplugged. */
const RAM_TABLES = 0x0010_0000;
const DIMM = 2 ** 35;
export const TABLES: readonly number[] = [
  ...[0, 1, 2, 3, 4, 5].map((i) => RAM_TABLES + i * 4096),
  DIMM + 0x5000,
  DIMM + 0x7fff000,
];
const SECTION = 2 ** 27;
const INDICES = [0, 1, 511] as const;
/** One memory serves all cases: making one takes milliseconds. */
const memory = new PhysicalMemory({
  linearBytes: 1024 * 2 ** 20,
  addressBits: 52,
  arenaBytes: 768 * 2 ** 20,
});
memory.mapRam(0, 16 * 2 ** 20);
export const worldMemory = memory;

/** A stream of bits from the integers that a case is made of (splitmix-like, 32 bits). */
export function stream(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) % below;
  };
}

export interface Shape {
  readonly kind: PagingKind;
  readonly maxPhyAddr: number;
  readonly nxe: boolean;
  readonly pcide: boolean;
}

/** An Mmu in the wanted mode whose tables are all zero. */
export function makeMmu(shape: Shape, tlb: TlbModel): Mmu {
  if (!memory.isPresent(DIMM)) memory.plug(DIMM, SECTION);
  for (const table of TABLES) memory.fill(table, 4096);
  const mmu = new Mmu(memory, {
    tlb,
    features: { maxPhyAddr: shape.maxPhyAddr },
    upperCaches: { pde: 4, pdpte: 2, pml4e: 2, pml5e: 1 },
    fastIndexBits: 4,
  });
  const long = shape.kind === "4-level" || shape.kind === "5-level";
  const pae = long || shape.kind === "pae" ? 0x20 : 0x10;
  const cr4 = pae | (shape.kind === "5-level" ? 0x1000 : 0);
  mmu.writeCr4(cr4);
  mmu.writeEfer((long ? 0x100 : 0) | (shape.nxe ? 0x800 : 0));
  mmu.writeCr3(BigInt(TABLES[0] as number));
  mmu.writeCr0(0x80000001 | 0);
  if (shape.pcide && long) mmu.writeCr4(cr4 | 0x20000);
  return mmu;
}

/** One of the linear addresses that the tables' indices give; now and then one that is none. */
export function linearAddress(shape: Shape, pick: number): bigint {
  const next = stream(pick);
  const bits = shape.kind === "5-level" ? 57 : shape.kind === "4-level" ? 48 : 32;
  const index = () => BigInt(INDICES[next(3)] as number);
  let linear = BigInt(next(4096));
  if (shape.kind === "32-bit") {
    const wide = () => [0n, 1n, 1023n][next(3)] as bigint;
    return linear | (wide() << 12n) | (wide() << 22n);
  }
  linear |= (index() << 12n) | (index() << 21n);
  if (shape.kind === "pae") return linear | (BigInt(next(4)) << 30n);
  linear |= (index() << 30n) | (index() << 39n) | (index() << 48n);
  const canonical = toCanonical(linear & ((1n << BigInt(bits)) - 1n), bits);
  return next(200) === 0 ? canonical ^ (1n << BigInt(bits + next(64 - bits))) : canonical;
}

/** Writes a random entry at an index that matters. Mostly sound, sometimes corrupted. */
export function editEntry(shape: Shape, pick: number): void {
  const next = stream(pick);
  const table = TABLES[next(TABLES.length)] as number;
  const wide = shape.kind === "32-bit";
  const index = wide ? ([0, 1, 1023][next(3)] as number) : (INDICES[next(3)] as number);
  const at = table + index * (wide ? 4 : 8);
  if (next(12) === 0) {
    // One bit of what is there.
    const bit = next(wide ? 32 : 64);
    const half = at + (bit >= 32 ? 4 : 0);
    memory.write32(half, memory.read32(half) ^ (1 << (bit & 31)));
    return;
  }
  const target = TABLES[next(TABLES.length)] as number;
  let entry = BigInt(wide ? target % 2 ** 32 : target) | (next(20) === 0 ? 0n : 1n);
  entry |= next(6) === 0 ? BigInt(next(256) & 0xfe) & ~0x80n : 6n;
  if (next(3)) entry |= 0x20n;
  if (next(5) === 0) entry |= 0x100n;
  if (next(10) === 0) entry = (entry & 0xfff_ffff_c000_0fffn) | 0x80n;
  if (next(6) === 0) entry |= BigInt(next(16)) << 59n;
  if (next(8) === 0) entry |= 1n << 63n;
  if (next(40) === 0) entry |= 1n << BigInt(next(64));
  if (wide) memory.write32(at, Number(entry & 0xffffffffn));
  else memory.write64(at, entry);
}

export function unplugDimm(): void {
  if (memory.isPresent(DIMM)) memory.unplug(DIMM, SECTION);
}

export function plugDimm(): void {
  if (!memory.isPresent(DIMM)) memory.plug(DIMM, SECTION);
}

/** All tables' bytes, absent ones as all ones. */
export function snapshotTables(into: Uint8Array): void {
  for (const [i, table] of TABLES.entries()) {
    memory.readBytes(table, into.subarray(i * 4096, (i + 1) * 4096));
  }
}
