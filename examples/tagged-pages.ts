/**
 * An MMU of one's own: pages whose leaf carries tag 1 in the ignored bits 58:52 bypass the TLB, as
 * a machine with non-temporal translations might do. The seam is the TLB model: what it does not
 * keep is walked for again, and everything else stays as the manual has it.
 */
import {
  CR0,
  CR4,
  EFER,
  MIB,
  Mmu,
  PhysicalMemory,
  READ,
  SetAssociativeTlb,
  type TlbEntry,
} from "../src/index.ts";

const TAG_SHIFT = 52n;
const BYPASS = 1;

class BypassingTlb extends SetAssociativeTlb {
  bypassed = 0;

  /** `ignored` holds bits 58:52 of the leaf in its bits 9:3. */
  override insert(entry: Readonly<TlbEntry>): void {
    if (entry.ignored >>> 3 === BYPASS) this.bypassed += 1;
    else super.insert(entry);
  }
}

const memory = new PhysicalMemory();
memory.mapRam(0, 4 * MIB);
memory.write64(0x1000, 0x2003n);
memory.write64(0x2000, 0x3003n);
memory.write64(0x3000, 0x4003n);
memory.write64(0x4000, 0x100003n); // page 0 is plain,
memory.write64(0x4008, 0x101003n | (BigInt(BYPASS) << TAG_SHIFT)); // page 1 is tagged

const tlb = new BypassingTlb();
const mmu = new Mmu(memory, { tlb });
mmu.writeCr4(CR4.PAE);
mmu.writeEfer(EFER.LME);
mmu.writeCr3(0x1000n);
mmu.writeCr0(CR0.PE | CR0.PG);

for (let round = 0; round < 10; round++) {
  for (const page of [0x0000, 0x1000]) {
    if (mmu.translate(0, page, READ) !== 0) throw new Error("unexpected fault");
  }
}

const { walks, tlbHits } = mmu.statistics();
console.log(`${walks} walks, ${tlbHits.get(4096)} TLB hits, ${tlb.bypassed} bypassed`);
if (walks !== 11 || tlb.bypassed !== 10) throw new Error("expected 1 + 10 walks, 10 bypassed");
