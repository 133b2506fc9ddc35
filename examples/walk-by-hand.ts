/**
 * Page tables written by hand, five levels of them, and what a processor makes of them: the walk
 * entry by entry, a page fault, and the same address after it was mended.
 */
import {
  CR0,
  CR4,
  describeEntry,
  describeFault,
  EFER,
  hex,
  MIB,
  Mmu,
  memoryTypeName,
  PhysicalMemory,
  READ,
  USER,
  WRITE,
} from "../src/index.ts";

const memory = new PhysicalMemory();
memory.mapRam(0, 4 * MIB);

/** Bits of an entry: P, R/W, U/S and, in a 4-KByte page, G. */
const [P, RW, US, G] = [1n, 2n, 4n, 1n << 8n];
const linear = 0x12_3456_789a_bcden;
const index = (level: number) => Number((linear >> BigInt(3 + 9 * level)) & 0x1ffn);

/** The table of level n lies at n * 4 KiB; the page at 1 MiB is read-only, to begin with. */
for (let level = 5; level >= 2; level--) {
  memory.write64(level * 4096 + 8 * index(level), BigInt((level - 1) * 4096) | P | RW | US);
}
const pte = 4096 + 8 * index(1);
memory.write64(pte, BigInt(MIB) | P | US | G);

const mmu = new Mmu(memory);
mmu.writeCr4(CR4.PAE | CR4.LA57 | CR4.PGE);
mmu.writeEfer(EFER.LME | EFER.NXE);
mmu.writeCr3(0x5000n);
mmu.writeCr0(CR0.PE | CR0.PG | CR0.WP);

for (const { level, name, index, entryAddress, entry } of mmu.explain(linear, READ | USER).steps) {
  const { bits, address } = describeEntry(entry, level, mmu.mode);
  console.log(`${name}[${index}] at ${hex(entryAddress)}: ${bits.join(" ")} -> ${hex(address)}`);
}

const refused = mmu.store(linear, 8, 0x1122334455667788n, USER);
console.log(`write: ${describeFault(refused)}, CR2 ${hex(mmu.faultLinear)}`);

memory.write64(pte, memory.read64(pte) | RW);
const stored = mmu.store(linear, 8, 0x1122334455667788n, USER);
console.log(`write: ${describeFault(stored)}, to ${hex(mmu.physical)}`);
console.log(`${memoryTypeName(mmu.memoryType)} memory, ${mmu.statistics().walks} walks`);

const dirty = describeEntry(memory.read64(pte), 1, mmu.mode).dirty;
const value = memory.read64(mmu.physical);
if (refused === 0 || stored !== 0) throw new Error("expected a fault, then none");
if (!dirty || value !== 0x1122334455667788n) throw new Error("expected the page written");
if (mmu.explain(linear, WRITE | USER).fault !== 0) throw new Error("the walk for display faults");
