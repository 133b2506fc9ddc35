/**
 * Which writes to CR0, CR3, CR4 and IA32_EFER are refused with #GP(0), and that they change nothing
 * (SDM 2B, "MOV - Move to/from Control Registers"; SDM 3A, "Control Registers" and "Extended
 * Feature Enable Register"; SDM 2D, "WRMSR").
 */
import { describe, expect, it } from "vitest";
import type { MmuFeatures } from "../../src/mmu/features.ts";
import type { Mmu } from "../../src/mmu/mmu.ts";
import {
  bit,
  CD,
  ET,
  LA57,
  LMA,
  LME,
  mmuIn,
  NW,
  NXE,
  PAE,
  PCIDE,
  PE,
  PG,
  PGE,
  PKE,
  PKS,
  PSE,
  ROOT,
  registersOfMmu,
  SCE,
  SMAP,
  SMEP,
  STATES,
  type StateName,
  WP,
} from "./control-register-states.ts";

const GP = 13 * 65536;

type Write = (mmu: Mmu) => number;

/** A write in a state; `before` gets the processor from the state to where the write is tried. */
interface Row {
  readonly name: string;
  readonly state: StateName;
  readonly write: Write;
  readonly before?: Write;
}

const row = (name: string, state: StateName, write: Write, before?: Write): Row =>
  before === undefined ? { name, state, write } : { name, state, write, before };

/** Writes of a low half and the number of one more bit, which may lie above it. */
type HalfWrite = (value: number, more?: number) => Write;

const cr0: HalfWrite = (value, more) => (mmu) => mmu.writeCr0(...halves(value, more));
const cr4: HalfWrite = (value, more) => (mmu) => mmu.writeCr4(...halves(value, more));
const efer: HalfWrite = (value, more) => (mmu) => mmu.writeEfer(...halves(value, more));
const cr3 = (value: bigint): Write => {
  return (mmu) => mmu.writeCr3(value);
};

function inOrder(...writes: readonly Write[]): Write {
  return (mmu) => writes.map((write) => write(mmu)).find((fault) => fault !== 0) ?? 0;
}

function halves(value: number, more: number | undefined): [lo: number, hi: number] {
  if (more === undefined) return [value | 0, 0];
  return more < 32 ? [(value + bit(more)) | 0, 0] : [value | 0, bit(more - 32) | 0];
}

function positions(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function itRefuses(rows: readonly Row[], features: Partial<MmuFeatures> = {}): void {
  // What is refused changes nothing, so rows that begin alike can share a processor.
  const known = new Map<StateName | Write, Mmu>();
  it.each(rows)("refuses $name, in $state", ({ state, write, before }) => {
    const mmu = known.get(before ?? state) ?? mmuIn(state, features).mmu;
    if (before !== undefined && !known.has(before)) expect(before(mmu)).toBe(0);
    known.set(before ?? state, mmu);
    const registers = registersOfMmu(mmu);
    expect(write(mmu)).toBe(GP);
    expect(registersOfMmu(mmu)).toEqual(registers);
  });
}

function itAccepts(rows: readonly Row[], features: Partial<MmuFeatures> = {}): void {
  it.each(rows)("accepts $name, in $state", ({ state, write, before }) => {
    const { mmu } = mmuIn(state, features);
    expect(before?.(mmu) ?? 0).toBe(0);
    expect(write(mmu)).toBe(0);
  });
}

const pcideOn = cr4(PAE + PCIDE);

const EVERY_STATE = Object.keys(STATES) as StateName[];
const LONG_STATES = ["4-level paging", "5-level paging"] as const;

describe("MOV to CR0", () => {
  itRefuses([
    row("PG = 1 with PE = 0", "protected mode", cr0(PG + ET)),
    row("PG = 1 with PE = 0", "4-level paging", cr0(PG + ET)),
    ...EVERY_STATE.map((s) => row("NW = 1 with CD = 0", s, cr0(STATES[s].cr0 + NW))),
    row("PG = 1 with LME = 1 and PAE = 0", "protected mode", cr0(PG + PE + ET), efer(LME)),
    ...LONG_STATES.map((s) =>
      row("PG = 0 with PCIDE = 1", s, cr0(PE + ET), cr4(STATES[s].cr4 + PCIDE)),
    ),
    ...positions(32, 63).map((p) => row(`bit ${p}`, "4-level paging", cr0(PG + PE + ET, p))),
  ]);

  itAccepts([
    row("CD = 1", "4-level paging", cr0(PG + PE + ET + CD)),
    row("CD = NW = 1", "4-level paging", cr0(PG + PE + ET + CD + NW)),
    row("WP = 1", "32-bit paging", cr0(PG + PE + ET + WP)),
    row("PG = 0 with PCIDE = 0", "4-level paging", cr0(PE + ET)),
    row(
      "PG = 1 with LME = PAE = 1",
      "protected mode",
      cr0(PG + PE + ET),
      inOrder(efer(LME), cr4(PAE)),
    ),
  ]);

  it("keeps ET at 1 and reserved bits of the lower half at 0", () => {
    const { mmu } = mmuIn("4-level paging");
    const reserved = [...positions(6, 15), 17, ...positions(19, 28)];
    const all = reserved.reduce((sum, position) => sum + bit(position), 0);
    expect(mmu.writeCr0(PG + PE + WP + all)).toBe(0);
    expect(mmu.cr0 >>> 0).toBe(PG + PE + ET + WP);
  });

  it("activates IA-32e mode with PG while LME = 1, and leaves it with PG", () => {
    const { mmu } = mmuIn("5-level paging");
    expect(mmu.efer).toBe(LME + LMA);
    expect(mmu.writeCr0(PE + ET)).toBe(0);
    expect(mmu.efer).toBe(LME);
  });
});

describe("MOV to CR3", () => {
  for (const maxPhyAddr of [36, 40, 52]) {
    itRefuses(
      positions(maxPhyAddr, 63).flatMap((p) =>
        LONG_STATES.map((s) => row(`bit ${p}`, s, cr3(2n ** BigInt(p) + BigInt(ROOT)))),
      ),
      { maxPhyAddr },
    );
    itRefuses(
      positions(maxPhyAddr, 62).map((p) =>
        row(
          `bit ${p} with PCIDE = 1`,
          "4-level paging",
          cr3(2n ** BigInt(p) + BigInt(ROOT)),
          pcideOn,
        ),
      ),
      { maxPhyAddr },
    );
    itAccepts(
      [
        row("the highest address bit", "4-level paging", cr3(2n ** BigInt(maxPhyAddr - 1))),
        row("bits 11:0", "4-level paging", cr3(BigInt(ROOT) + 0xfffn)),
      ],
      { maxPhyAddr },
    );
  }

  it("takes bit 63 with PCIDE = 1 for no flush, and does not keep it", () => {
    const { mmu } = mmuIn("4-level paging");
    expect(mmu.writeCr4(PAE + PCIDE)).toBe(0);
    expect(mmu.writeCr3(2n ** 63n + BigInt(ROOT) + 5n)).toBe(0);
    expect(mmu.cr3).toBe(BigInt(ROOT) + 5n);
  });
});

/** Bits of CR4 that no feature of this machine defines: VMXE, SMXE, CET, KL and the rest. */
const UNDEFINED_CR4 = [13, 14, 15, 19, 23, ...positions(25, 63)];

const CR4_FEATURES: readonly (readonly [string, number, Partial<MmuFeatures>])[] = [
  ["PSE", PSE, { pse: false }],
  ["PGE", PGE, { pge: false }],
  ["PCIDE", PCIDE, { pcid: false }],
  ["SMEP", SMEP, { smep: false }],
  ["SMAP", SMAP, { smap: false }],
  ["PKE", PKE, { pku: false }],
  ["PKS", PKS, { pks: false }],
];

describe("MOV to CR4", () => {
  itRefuses([
    ...UNDEFINED_CR4.map((p) => row(`reserved bit ${p}`, "4-level paging", cr4(PAE, p))),
    ...UNDEFINED_CR4.map((p) => row(`reserved bit ${p}`, "protected mode", cr4(0, p))),
    row("PAE = 0 in IA-32e mode", "4-level paging", cr4(0)),
    row("PAE = 0 in IA-32e mode", "5-level paging", cr4(LA57)),
    row("LA57 0 to 1 in IA-32e mode", "4-level paging", cr4(PAE + LA57)),
    row("LA57 1 to 0 in IA-32e mode", "5-level paging", cr4(PAE)),
    row("PCIDE = 1 outside IA-32e mode", "protected mode", cr4(PCIDE)),
    row("PCIDE = 1 outside IA-32e mode", "PAE paging", cr4(PAE + PCIDE)),
    row("PCIDE = 1 with LME = 1 and PG = 0", "protected mode", cr4(PAE + PCIDE), efer(LME)),
    ...positions(0, 11).map((p) =>
      row(
        `PCIDE 0 to 1 with bit ${p} of CR3 set`,
        "4-level paging",
        cr4(PAE + PCIDE),
        cr3(BigInt(ROOT) + 2n ** BigInt(p)),
      ),
    ),
  ]);

  for (const [name, value, features] of CR4_FEATURES) {
    itRefuses(
      [row(`${name} where it is not supported`, "4-level paging", cr4(PAE + value))],
      features,
    );
    itAccepts([row(`${name} where it is supported`, "4-level paging", cr4(PAE + value))]);
  }
  itRefuses([row("LA57 where it is not supported", "protected mode", cr4(PAE + LA57))], {
    la57: false,
  });

  itAccepts([
    row("LA57 outside IA-32e mode", "protected mode", cr4(LA57)),
    row("LA57 outside IA-32e mode", "PAE paging", cr4(PAE + LA57)),
    row("PAE = 0 outside IA-32e mode", "PAE paging", cr4(0)),
    row("bits that are none of paging's business", "4-level paging", cr4(PAE + 0x50f4f)),
    row(
      "PCIDE staying 1 with a PCID in CR3",
      "4-level paging",
      cr4(PAE + PCIDE + PGE),
      inOrder(cr4(PAE + PCIDE), cr3(BigInt(ROOT) + 7n)),
    ),
    row("PCIDE 1 to 0", "4-level paging", cr4(PAE), cr4(PAE + PCIDE)),
  ]);
});

describe("WRMSR to IA32_EFER", () => {
  const reserved = [...positions(1, 7), 9, ...positions(12, 63)];
  itRefuses([
    ...reserved.map((p) => row(`reserved bit ${p}`, "protected mode", efer(0, p))),
    row("LME 0 to 1 with paging on", "PAE paging", efer(LME)),
    row("LME 0 to 1 with paging on", "32-bit paging", efer(LME)),
    row("LME 1 to 0 with paging on", "4-level paging", efer(LMA)),
    row("LME 1 to 0 with paging on", "5-level paging", efer(0)),
  ]);
  itRefuses([row("NXE where it is not supported", "protected mode", efer(NXE))], { nx: false });
  itRefuses([row("LME where it is not supported", "protected mode", efer(LME))], {
    longMode: false,
  });

  itAccepts([
    row("NXE and SCE with paging on", "4-level paging", efer(LME + LMA + NXE + SCE)),
    row("LME with paging off", "protected mode", efer(LME)),
  ]);

  it("leaves LMA to MOV to CR0", () => {
    const { mmu } = mmuIn("4-level paging");
    expect(mmu.writeEfer(LME + NXE)).toBe(0);
    expect(mmu.efer).toBe(LME + LMA + NXE);
    const { mmu: off } = mmuIn("protected mode");
    expect(off.writeEfer(LME + LMA)).toBe(0);
    expect(off.efer).toBe(LME);
  });
});

describe("PDPTE registers", () => {
  const M = 40;
  const reservedBits = [1, 2, 5, 6, 7, 8, ...positions(M, 63)];
  const loads: readonly (readonly [string, Write])[] = [
    ["MOV to CR3", cr3(BigInt(ROOT))],
    ["MOV to CR0 that changes CD", cr0(PG + PE + ET + CD)],
    ["MOV to CR0 that changes NW", cr0(PG + PE + ET + CD + NW)],
    ["MOV to CR4 that changes PGE", cr4(PAE + PGE)],
    ["MOV to CR4 that changes PSE", cr4(PAE + PSE)],
    ["MOV to CR4 that changes SMEP", cr4(PAE + SMEP)],
  ];

  it.each(loads)("are checked by %s: reserved bits of a present one are refused", (_name, load) => {
    const { mmu, memory } = mmuIn("PAE paging", { maxPhyAddr: M });
    const registers = registersOfMmu(mmu);
    for (const position of reservedBits) {
      for (const index of [0, 1, 2, 3]) {
        const at = ROOT + 8 * index;
        const lawful = memory.read64(at);
        memory.write64(at, lawful + 2n ** BigInt(position));
        expect(load(mmu), `bit ${position} of PDPTE ${index}`).toBe(GP);
        expect(registersOfMmu(mmu)).toEqual(registers);
        memory.write64(at, lawful);
      }
    }
    expect(load(mmu)).toBe(0);
  });

  it("are checked when paging is turned on", () => {
    const { mmu, memory } = mmuIn("protected mode", { maxPhyAddr: M });
    expect(mmu.writeCr4(PAE)).toBe(0);
    memory.write64(ROOT + 16, 0x5003n);
    expect(mmu.writeCr0(PG + PE + ET)).toBe(GP);
    expect(registersOfMmu(mmu).cr0).toBe(PE + ET);
    memory.write64(ROOT + 16, 0x5002n);
    expect(mmu.writeCr0(PG + PE + ET)).toBe(0);
  });

  it("are checked when PAE is turned on under paging", () => {
    const { mmu, memory } = mmuIn("32-bit paging", { maxPhyAddr: M });
    memory.write64(ROOT + 8, 0x5021n);
    expect(mmu.writeCr4(PAE)).toBe(GP);
    expect(mmu.cr4).toBe(0);
  });

  it("may have any bit set while not present", () => {
    const { mmu, memory } = mmuIn("PAE paging", { maxPhyAddr: M });
    memory.write64(ROOT + 8, 2n ** 64n - 2n);
    expect(mmu.writeCr3(BigInt(ROOT))).toBe(0);
  });

  it("are not checked in IA-32e mode", () => {
    const { mmu, memory } = mmuIn("4-level paging", { maxPhyAddr: M });
    memory.write64(ROOT + 8, 2n ** 64n - 1n);
    expect(mmu.writeCr3(BigInt(ROOT))).toBe(0);
  });

  it("stay as loaded until the next load, whatever is written to memory", () => {
    const { mmu, memory } = mmuIn("PAE paging", { maxPhyAddr: M });
    const linear = 0x4060_3123n; // PDPTE 1, PDE 3, PTE 3
    memory.write64(0x6000 + 8 * 3, 0xa003n);
    memory.write64(0xa000 + 8 * 3, 0xb003n);
    memory.write64(0x9000 + 8 * 3, 0xc003n);
    memory.write64(0xc000 + 8 * 3, 0xd003n);
    const physical = () => {
      mmu.flushAll();
      return [mmu.translate(0, Number(linear), 0), mmu.physical];
    };
    expect(physical()).toEqual([0, 0xb123]);
    memory.write64(ROOT + 8, 0x9001n);
    expect(physical()).toEqual([0, 0xb123]);
    expect(mmu.writeCr4(PAE + SMAP)).toBe(0);
    expect(physical()).toEqual([0, 0xb123]);
    expect(mmu.writeCr0(PG + PE + ET + CD)).toBe(0);
    expect(physical()).toEqual([0, 0xd123]);
  });
});
