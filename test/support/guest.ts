/** A processor with memory, entered in 64-bit mode, for tests of instructions and exceptions. */

import { Cpu, type CpuOptions } from "../../src/cpu/cpu.ts";
import { FEATURE_BITS } from "../../src/cpu/features.ts";
import { CONTROL, CS, LDTR, SS, TR } from "../../src/cpu/layout.ts";
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { CR0, CR4, EFER } from "../../src/mmu/control-bits.ts";
import { assemble, type Listing } from "./listing.ts";

const MIB = 1 << 20;
/** Where things lie in a guest's memory. */
export const AT = {
  pml4: 0x1000,
  pdpt: 0x2000,
  pd: 0x3000,
  /** Page table of the first 2 MiB: 4-KiB pages. */
  pt: 0x4000,
  gdt: 0x5000,
  idt: 0x6000,
  tss: 0x7000,
  stack: 0x9000,
  innerStack: 0xa000,
  istStack: 0xb000,
  code: 0x10000,
  data: 0x20000,
} as const;

export const SELECTOR = {
  code64: 0x08,
  data: 0x10,
  user32: 0x1b,
  userData: 0x23,
  user64: 0x2b,
  tss: 0x30,
};

const PRESENT_WRITE_USER = 7n;

export class Guest {
  readonly memory: PhysicalMemory;
  readonly cpu: Cpu;
  /** Bytes written to port E9. */
  readonly output: number[] = [];
  listing: Listing = { bytes: new Uint8Array(0), labels: new Map() };

  constructor(options: CpuOptions = {}) {
    this.memory = new PhysicalMemory({ linearBytes: 256 * MIB });
    this.memory.mapRam(0, 4 * MIB);
    this.cpu = new Cpu(this.memory, {
      recordBytes: MIB,
      features: new Set(FEATURE_BITS.keys()),
      ports: {
        read: () => 0xff,
        write: (port, _bytes, value) => {
          if (port === 0xe9) this.output.push(value);
        },
      },
      ...options,
    });
  }

  /** Places code at AT.code (or `at`) and makes RIP point to it. */
  code(text: string, at: number = AT.code): Listing {
    this.listing = assemble(at, text);
    this.memory.writeBytes(at, this.listing.bytes);
    this.cpu.state.rip = BigInt(at);
    return this.listing;
  }

  /** 4-level paging, the first 2 MiB mapped to themselves in 4-KiB pages for user and supervisor. */
  longMode(): this {
    const { memory, cpu } = this;
    memory.write64(AT.pml4, BigInt(AT.pdpt) | PRESENT_WRITE_USER);
    memory.write64(AT.pdpt, BigInt(AT.pd) | PRESENT_WRITE_USER);
    memory.write64(AT.pd, BigInt(AT.pt) | PRESENT_WRITE_USER);
    for (let page = 0; page < 512; page++) {
      memory.write64(AT.pt + page * 8, (BigInt(page) << 12n) | PRESENT_WRITE_USER);
    }
    this.#writeTables();
    const { mmu, state } = cpu;
    const done = [
      mmu.writeCr4(CR4.PAE | CR4.PGE | CR4.OSFXSR),
      mmu.writeCr3(BigInt(AT.pml4)),
      mmu.writeEfer(EFER.LME | EFER.NXE | EFER.SCE),
      mmu.writeCr0(CR0.PG | CR0.PE | CR0.WP | CR0.NE | CR0.ET),
    ];
    if (done.some((fault) => fault !== 0)) throw new Error("guest: mode switch refused");
    for (const index of [0, SS, 3, 4, 5]) {
      state.setSegment(index, {
        selector: SELECTOR.data,
        base: 0n,
        limit: 0xffff_ffff,
        rights: 0xc093,
      });
    }
    state.setSegment(CS, {
      selector: SELECTOR.code64,
      base: 0n,
      limit: 0xffff_ffff,
      rights: 0xa09b,
    });
    state.setSegment(LDTR, { selector: 0, base: 0n, limit: 0, rights: 0 });
    state.setSegment(TR, {
      selector: SELECTOR.tss,
      base: BigInt(AT.tss),
      limit: 0x67,
      rights: 0x8b,
    });
    state.set64(CONTROL.gdtBase, BigInt(AT.gdt));
    state.set32(CONTROL.gdtLimit, 0x3f);
    state.set64(CONTROL.idtBase, BigInt(AT.idt));
    state.set32(CONTROL.idtLimit, 0xfff);
    state.setGpr(4, BigInt(AT.stack));
    cpu.cpl = 0;
    cpu.modeChanged();
    return this;
  }

  /** A 64-bit gate; type 14 interrupt, 15 trap. */
  gate(
    vector: number,
    target: number,
    options: { dpl?: number; ist?: number; type?: number } = {},
  ) {
    const { dpl = 0, ist = 0, type = 14 } = options;
    const offset = BigInt(target);
    const low =
      (offset & 0xffffn) |
      (BigInt(SELECTOR.code64) << 16n) |
      (BigInt(ist) << 32n) |
      (BigInt(0x80 | (dpl << 5) | type) << 40n) |
      ((offset & 0xffff_0000n) << 32n);
    this.memory.write64(AT.idt + vector * 16, low);
    this.memory.write64(AT.idt + vector * 16 + 8, offset >> 32n);
  }

  /** Sets bits of the entry that maps a page of the first 2 MiB. */
  mapPage(linear: number, entry: bigint): void {
    this.memory.write64(AT.pt + (linear >> 12) * 8, entry);
    this.cpu.mmu.invlpg(BigInt(linear));
  }

  #writeTables(): void {
    const { memory } = this;
    const descriptors = [
      0n,
      0x00af_9b00_0000_ffffn,
      0x00cf_9300_0000_ffffn,
      0x00cf_fb00_0000_ffffn,
      0x00cf_f300_0000_ffffn,
      0x00af_fb00_0000_ffffn,
      0x0000_8b00_0000_0067n | (BigInt(AT.tss) << 16n),
      0n,
    ];
    descriptors.forEach((word, i) => {
      memory.write64(AT.gdt + i * 8, word);
    });
    memory.write64(AT.tss + 4, BigInt(AT.innerStack));
    memory.write64(AT.tss + 36, BigInt(AT.istStack));
  }

  /** Runs until HLT (or the limit) and tells why it stopped. */
  run(limit = 100_000): string {
    return this.cpu.run(limit);
  }
}
