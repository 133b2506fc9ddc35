import { describe, expect, it } from "vitest";
import { PhysicalMemory } from "../../src/memory/index.ts";
import { KIND_MASK, USER, WRITE } from "../../src/mmu/access.ts";
import { CR0, CR4, EFER, type PagingRegisters } from "../../src/mmu/control-bits.ts";
import { ENTRY } from "../../src/mmu/entry.ts";
import { mmuFeatures } from "../../src/mmu/features.ts";
import { STATE } from "../../src/mmu/mmu-state.ts";
import { pagingMode } from "../../src/mmu/paging-mode.ts";
import { RightsTests } from "../../src/mmu/rights-tests.ts";
import { UpperCaches } from "../../src/mmu/upper-caches.ts";
import { walk } from "../../src/mmu/walk.ts";
import { BAIL } from "../../src/mmu/walk-emitter.ts";
import { type GeneratedWalk, generatedWalk } from "../../src/mmu/walk-module.ts";

const MIB = 1024 * 1024;
const RAM_BYTES = 2 * MIB;
const COUNT = 64;
const BATCHES = 200;

/** xorshift32. */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

const LONG = { cr4: CR4.PAE | CR4.PGE | CR4.PKE | CR4.SMAP, efer: EFER.LME | EFER.LMA | EFER.NXE };
const MODES: Readonly<Record<string, { cr4: number; efer: number }>> = {
  "4-level": LONG,
  "5-level": { cr4: LONG.cr4 | CR4.LA57, efer: LONG.efer },
  "5-level, NXE clear": { cr4: LONG.cr4 | CR4.LA57, efer: EFER.LME | EFER.LMA },
  PAE: { cr4: CR4.PAE, efer: EFER.NXE },
  "32-bit": { cr4: CR4.PSE, efer: 0 },
};

/**
 * Sixteen tables of random entries that reference one another, so that walks share them at
 * several levels. Most entries are lawful; the third section's worth of RAM is absent.
 */
function world(
  mode: { cr4: number; efer: number },
  withCaches: boolean,
  random: (n: number) => number,
) {
  const memory = new PhysicalMemory({ linearBytes: 160 * MIB });
  memory.mapRam(0, RAM_BYTES);
  const pdptes = [0, 1, 2, 3].map((i) => BigInt(0x10000 + i * 4096) | ENTRY.P);
  const registers: PagingRegisters = {
    cr0: CR0.PE | CR0.PG | CR0.WP,
    cr3: 0x10000n,
    ...mode,
    ac: false,
    pkru: 0x4,
    pkrs: 0,
    pdptes,
  };
  const paging = pagingMode(registers, mmuFeatures({ maxPhyAddr: 46 }));
  const { linear } = memory;
  const caches = new UpperCaches(linear);
  const stateBase = linear.reserve(STATE.bytes);
  const at = stateBase >>> 2;
  new RightsTests(linear.int32, stateBase).update(registers, paging);
  linear.int32[(stateBase + STATE.root) >>> 2] = 0x10000;
  linear.int32[(stateBase + STATE.upperTag + 4) >>> 2] = caches.tagHiOf(0);
  pdptes.forEach((entry, i) => {
    linear.int32[at + STATE.pdptes / 4 + 2 * i] = Number(entry);
  });
  const places = { stateBase, directoryBase: linear.directoryBase, areas: caches.areas };
  const generated = generatedWalk(linear, paging, places, withCaches);
  const fill = () => {
    for (let entry = 0x10000; entry < 0x20000; entry += paging.entryBytes) {
      const value = randomEntry(random, paging.entryBytes === 8);
      if (paging.entryBytes === 8) memory.write64(entry, value);
      else memory.write32(entry, Number(value));
    }
  };
  return { memory, registers, paging, generated, caches, stateBase, fill };
}

function randomEntry(random: (n: number) => number, wide: boolean): bigint {
  const table = BigInt(0x10000 + random(16) * 4096);
  let entry = table | ENTRY.P | ENTRY.RW | ENTRY.US | ENTRY.A;
  const spoil = (oneIn: number, mask: bigint) => {
    if (random(oneIn) === 0) entry ^= mask;
  };
  spoil(20, ENTRY.P);
  spoil(12, ENTRY.RW);
  spoil(12, ENTRY.US);
  spoil(4, ENTRY.A);
  spoil(2, ENTRY.D);
  if (random(8) === 0) entry = (entry & ~0x1fffffn) | ENTRY.PS | (entry & 0xfffn);
  spoil(20, ENTRY.PAT_LARGE);
  if (!wide) return entry;
  spoil(12, ENTRY.XD);
  spoil(30, 1n << 46n);
  spoil(40, 1n << 45n);
  spoil(8, 1n << 59n);
  return entry;
}

function randomAddress(random: (n: number) => number, linearBits: number): bigint {
  const word = (BigInt(random(0x100000000)) << 32n) | BigInt(random(0x100000000));
  if (linearBits === 32) return word & 0xffffffffn;
  if (random(16) === 0) return word;
  return BigInt.asUintN(64, BigInt.asIntN(linearBits, word));
}

const ACCESSES = [0, 1, 2, 4, 5, 6, 8, 9].filter((access) => (access & KIND_MASK) !== KIND_MASK);
/** What `walkBatch` writes for a fault. */
const FAULTED = 0xffffffffffffffffn;

/** What the reference walk says of one address. */
function expected(w: ReturnType<typeof world>, linear: bigint, access: number) {
  const found = walk(w.memory, w.paging, w.registers, linear, access, { setAccessedDirty: true });
  return { fault: found.fault, physical: found.fault ? FAULTED : BigInt(found.physical) };
}

function image(memory: PhysicalMemory): Uint8Array {
  const bytes = new Uint8Array(0x10000);
  memory.readBytes(0x10000, bytes);
  return bytes;
}

describe.each(Object.entries(MODES))("Generated walk, %s", (name, mode) => {
  const hosts = (w: ReturnType<typeof world>) => ({
    addresses: w.memory.linear.reserve(COUNT * 8),
    out: w.memory.linear.reserve(COUNT * 8),
  });

  it(`one by one, does what the reference walk does, A and D bits included`, () => {
    const random = generator(0x5eed01);
    console.log(`${name}: seed 0x5eed01, ${BATCHES} single walks`);
    const w = world(mode, false, random);
    const view = new DataView(w.memory.linear.buffer);
    for (let batch = 0; batch < BATCHES; batch++) {
      w.fill();
      const access = ACCESSES[random(ACCESSES.length)] as number;
      const linear = randomAddress(random, w.paging.linearBits);
      const before = image(w.memory);
      const wanted = expected(w, linear, access);
      const tables = image(w.memory);
      w.memory.writeBytes(0x10000, before);
      const hi = Number(BigInt.asIntN(32, linear >> 32n));
      const fault = w.generated.walk(hi, Number(BigInt.asIntN(32, linear)), access);
      if (fault === BAIL) continue;
      const physical = fault ? FAULTED : view.getBigUint64(w.stateBase + STATE.physical, true);
      expect({ fault, physical }, `batch ${batch}, ${linear}, access ${access}`).toEqual(wanted);
      expect(Buffer.compare(image(w.memory), tables)).toBe(0);
    }
  });

  it(`in a batch without caches, gives the same addresses and tables`, () => {
    const random = generator(0x5eed02);
    console.log(`${name}: seed 0x5eed02, ${(BATCHES / 8) * COUNT} walks in batches`);
    const w = world(mode, false, random);
    const { addresses, out } = hosts(w);
    const view = new DataView(w.memory.linear.buffer);
    for (let batch = 0; batch < BATCHES / 8; batch++) {
      w.fill();
      const access = ACCESSES[random(ACCESSES.length)] as number;
      const list = Array.from({ length: COUNT }, () => randomAddress(random, w.paging.linearBits));
      for (const [i, linear] of list.entries()) view.setBigUint64(addresses + 8 * i, linear, true);
      const before = image(w.memory);
      const done = batchOf(w.generated, addresses, out, access);
      const tables = image(w.memory);
      w.memory.writeBytes(0x10000, before);
      const wanted = list.slice(0, done).map((linear) => expected(w, linear, access).physical);
      const got = wanted.map((_, i) => view.getBigUint64(out + 8 * i, true));
      expect(got, `batch ${batch}, access ${access}`).toEqual(wanted);
      expect(Buffer.compare(image(w.memory), tables)).toBe(0);
    }
  });
});

/** @returns how many walks were done before one needed the reference walk */
function batchOf(generated: GeneratedWalk, addresses: number, out: number, access: number): number {
  const faults = generated.walkBatch(addresses, out, COUNT, access);
  return faults < 0 ? -faults - 1 : COUNT;
}

describe("Generated walk, paging-structure caches", () => {
  it("reads one entry where it read five, once the PDE is cached", () => {
    const w = world(MODES["5-level"] as typeof LONG, true, generator(1));
    const table = (page: number) =>
      BigInt(page) | ENTRY.P | ENTRY.RW | ENTRY.US | ENTRY.A | ENTRY.D;
    for (const page of [0x10000, 0x11000, 0x12000, 0x13000, 0x14000]) {
      w.memory.write64(page, table(page + 4096));
    }
    const counts = w.stateBase + STATE.counts;
    const counted = (start: number, end: number) =>
      w.memory.linear.int32[(counts + (start * 8 + end) * 8) >>> 2];
    expect(w.generated.walk(0, 0, USER | WRITE)).toBe(0);
    expect(w.generated.walk(0, 8, USER | WRITE)).toBe(0);
    expect([counted(5, 1), counted(1, 1)]).toEqual([1, 1]);
    const levels = [...w.caches.entries(w.paging)].map(({ level, table: at }) => [level, at]);
    expect(levels).toEqual([
      [2, 0x14000],
      [3, 0x13000],
      [4, 0x12000],
      [5, 0x11000],
    ]);
  });

  it("keeps nothing that an entry without A led to", () => {
    const w = world(MODES["4-level"] as typeof LONG, true, generator(1));
    for (const page of [0x10000, 0x11000, 0x12000, 0x13000]) {
      w.memory.write64(page, BigInt(page + 4096) | ENTRY.P | ENTRY.US);
    }
    expect(w.generated.walk(0, 0, USER)).toBe(0);
    expect([...w.caches.entries(w.paging)]).toEqual([]);
  });

  it("keeps no table whose page is watched", () => {
    const w = world(MODES["4-level"] as typeof LONG, true, generator(1));
    for (const page of [0x10000, 0x11000, 0x12000, 0x13000]) {
      w.memory.write64(page, BigInt(page + 4096) | ENTRY.P | ENTRY.US | ENTRY.A);
    }
    w.memory.watch(0x12000, () => {});
    expect(w.generated.walk(0, 0, USER)).toBe(0);
    const tables = [...w.caches.entries(w.paging)].map(({ table }) => table);
    expect(tables).toEqual([0x13000, 0x11000]);
  });
});
