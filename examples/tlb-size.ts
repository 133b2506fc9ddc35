/**
 * How large must a TLB be? The same random accesses over 4,096 pages, with TLBs of growing size.
 * One processor, 4-level paging, 4-KByte pages; the tables are built by hand, entry by entry.
 */
import { CR0, CR4, EFER, MIB, Mmu, PhysicalMemory, READ, SetAssociativeTlb } from "../src/index.ts";

const PAGES = 4096;
const ACCESSES = 200_000;
const TABLE = 0x003n; // P and RW
const PAGE = 0x063n; // P, RW, A and D

const memory = new PhysicalMemory();
memory.mapRam(0, 64 * MIB);

/** PML4 at 0x1000, PDPT at 0x2000, PD at 0x3000, page tables from 0x10000 on; pages from 16 MiB. */
memory.write64(0x1000, 0x2000n | TABLE);
memory.write64(0x2000, 0x3000n | TABLE);
for (let i = 0; i < PAGES / 512; i++)
  memory.write64(0x3000 + 8 * i, BigInt(0x10000 + 4096 * i) | TABLE);
for (let i = 0; i < PAGES; i++) memory.write64(0x10000 + 8 * i, BigInt(16 * MIB + 4096 * i) | PAGE);

/** The share of accesses that a TLB with `sets` sets of 4 ways has to walk for. */
function missRate(sets: number): number {
  const small = { sets, ways: 4 };
  const mmu = new Mmu(memory, { tlb: new SetAssociativeTlb({ small, large: small, huge: small }) });
  mmu.writeCr4(CR4.PAE);
  mmu.writeEfer(EFER.LME);
  mmu.writeCr3(0x1000n);
  mmu.writeCr0(CR0.PE | CR0.PG);
  let random = 1;
  for (let i = 0; i < ACCESSES; i++) {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    const fault = mmu.translate(0, (random >>> 20) << 12, READ);
    if (fault !== 0) throw new Error(`unexpected fault ${fault.toString(16)}`);
  }
  const { tlbMisses } = mmu.statistics();
  mmu.dispose();
  return tlbMisses / ACCESSES;
}

console.log("entries  misses");
let last = 1;
for (let sets = 64; sets <= 1024; sets *= 2) {
  const rate = missRate(sets);
  console.log(`${String(sets * 4).padStart(7)}  ${(100 * rate).toFixed(1).padStart(5)} %`);
  if (rate > last) throw new Error("a larger TLB missed more often");
  last = rate;
}
