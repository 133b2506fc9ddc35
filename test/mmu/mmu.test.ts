/** The Mmu as a library: what it says of a translation, and which arguments it refuses. */
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/base/errors.ts";
import { READ } from "../../src/mmu/access.ts";
import { memoryTypeName } from "../../src/mmu/memory-type.ts";
import { type AccessBytes, Mmu } from "../../src/mmu/mmu.ts";
import {
  fiveLevel,
  GP,
  LINEAR,
  outcome,
  PRW,
  pf,
  TABLE,
  TLBS,
  translate,
} from "./chain-machine.ts";
import { mmuIn, ROOT, smallMemory } from "./control-register-states.ts";

/** PWT, PCD and, in a PTE, PAT. */
const PWT = 8n;
const PCD = 16n;
const PAT = 128n;

describe.each(TLBS)("A translation, with %s", (_name, makeTlb) => {
  it("has the leaf's ignored bits, on the walk and on what is cached", () => {
    // Bits 58:52 are 0x55, bits 11:9 are 5: together 0x55 << 3 | 5.
    const machine = fiveLevel(makeTlb(), 0x20000n + PRW + (0x55n << 52n) + (5n << 9n));
    for (let round = 0; round < 2; round++) {
      expect(translate(machine, LINEAR, READ)).toBe(0);
      expect(machine.mmu.translation.ignored).toBe(0x2ad);
    }
  });

  it("has the memory type that PAT and MTRRs give", () => {
    const machine = fiveLevel(makeTlb(), 0x20000n + PRW + PAT + PCD + PWT);
    const { mmu } = machine;
    const type = () => {
      expect(outcome(machine, LINEAR)).toBe(0x20000);
      return memoryTypeName(mmu.memoryType);
    };
    expect(type()).toBe("UC"); // entry 7 after reset
    expect(mmu.writePat(0x0106_0606_0606_0606n)).toBe(0); // entry 7 is WC
    expect(type()).toBe("WC");
    expect(mmu.writePat(0x0206_0606_0606_0606n)).toBe(GP); // type 2 is reserved
    expect(mmu.pat).toBe(0x0106_0606_0606_0606n);
    expect(mmu.writePat(0x0606_0606_0606_0606n)).toBe(0);
    expect(type()).toBe("WB");
    mmu.mtrrs = { defaultType: 0x804, variable: [] }; // enabled, WT
    expect(type()).toBe("WT");
  });

  it("does not depend on bits 63:32 of a linear address in 32-bit paging", () => {
    const { mmu, memory } = mmuIn("32-bit paging", {}, { tlb: makeTlb() });
    memory.write32(ROOT + 4, TABLE.pd + 3);
    memory.write32(TABLE.pd, 0x20003);
    const linear = 0x40_0000n;
    const beyond = 0x1_0000_0000n + linear;
    expect(mmu.load(beyond, 4)).toBe(0);
    expect(mmu.physical).toBe(0x20000);
    memory.write32(TABLE.pd, 0x21003);
    mmu.invlpg(linear);
    expect(mmu.load(beyond, 4)).toBe(0);
    expect(mmu.physical).toBe(0x21000);
    memory.write32(TABLE.pd, 0x22003);
    mmu.invlpg(beyond);
    expect(mmu.load(linear, 4)).toBe(0);
    expect(mmu.physical).toBe(0x22000);
    expect(mmu.load(beyond + 0x1000n, 4)).toBe(pf());
    expect(mmu.faultLinear).toBe(linear + 0x1000n);
  });
});

describe("Mmu", () => {
  it("takes the memory type from the MTRRs alone without paging", () => {
    const { mmu } = mmuIn("protected mode");
    expect(mmu.writePat(0n)).toBe(0); // UC throughout
    expect(mmu.load(0x1000n, 4)).toBe(0);
    expect(memoryTypeName(mmu.memoryType)).toBe("WB");
    mmu.mtrrs = { defaultType: 0, variable: [] }; // disabled: UC
    expect(memoryTypeName(mmu.memoryType)).toBe("UC");
  });

  it.each([3, 15, -1, 4.5, Number.NaN])("refuses fast tables of %s index bits", (fastIndexBits) => {
    const memory = smallMemory();
    expect(() => new Mmu(memory, { fastIndexBits })).toThrow(ArgumentError);
    expect(() => new Mmu(memory, { fastIndexBits })).toThrow("fastIndexBits: expected 4..14");
  });

  it("refuses an access of 3 bytes", () => {
    const { mmu } = mmuIn("protected mode");
    const three = 3 as AccessBytes;
    expect(() => mmu.load(0n, three)).toThrow("bytes: expected 1, 2, 4 or 8, got 3");
    expect(() => mmu.store(0n, three, 1n)).toThrow("bytes: expected 1, 2, 4 or 8, got 3");
  });
});
