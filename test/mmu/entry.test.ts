/** What `describeEntry` says of entries, bit by bit from SDM 3A's tables of their formats. */
import { describe, expect, it } from "vitest";
import { describeEntry } from "../../src/mmu/entry.ts";
import { mmuFeatures } from "../../src/mmu/features.ts";
import { type PagingMode, pagingMode } from "../../src/mmu/paging-mode.ts";
import { LA57, LMA, NXE, PAE, PE, PG, PGE, PSE } from "./control-register-states.ts";

const XD = 1n << 63n;

function mode(cr4: number, efer: number, maxPhyAddr = 52): PagingMode {
  const registers = { cr0: (PG + PE) | 0, cr3: 0n, cr4, efer, ac: false, pkru: 0, pkrs: 0 };
  return pagingMode({ ...registers, pdptes: [] }, mmuFeatures({ maxPhyAddr }));
}

const FOUR = mode(PAE + PGE, LMA + NXE, 40);
const FIVE = mode(PAE + PGE + LA57, LMA + NXE);
const PAE_MODE = mode(PAE + PGE, NXE, 40);
const WITH_4M = mode(PSE + PGE, 0, 40);

describe("An entry's description", () => {
  it("is whole for a PTE with every bit set that may be", () => {
    const entry = 0xffff_0000_0000_0fffn | 0x80_1234_5000n;
    expect(describeEntry(entry & ~(0xfn << 48n), 1, FOUR)).toEqual({
      level: 1,
      name: "PTE",
      present: true,
      leaf: true,
      address: 0x80_1234_5000,
      writable: true,
      user: true,
      accessed: true,
      dirty: true,
      global: true,
      noExecute: true,
      patIndex: 7,
      protectionKey: 15,
      reservedSet: 0n,
      ignoredSet: (0x7fn << 52n) | 0xe00n,
      bits: ["P", "RW", "US", "PWT", "PCD", "A", "D", "PAT", "G", "XD"],
    });
  });

  it("is whole for a PML5E, whose D, G and key are ignored and whose PS is reserved", () => {
    const entry = (0x1ffn << 55n) | 0x1_2345_6000n | 0x1e7n;
    expect(describeEntry(entry, 5, FIVE)).toEqual({
      level: 5,
      name: "PML5E",
      present: true,
      leaf: false,
      address: 0x1_2345_6000,
      writable: true,
      user: true,
      accessed: true,
      dirty: false,
      global: false,
      noExecute: true,
      patIndex: 0,
      protectionKey: 0,
      reservedSet: 0x80n,
      ignoredSet: (0xffn << 55n) | 0x140n,
      bits: ["P", "RW", "US", "A", "PS", "XD"],
    });
  });

  const cases: [string, bigint, number, PagingMode, object][] = [
    [
      "a 2-MByte page: PAT in bit 12, bits 20:13 and above MAXPHYADDR reserved",
      (1n << 51n) | (1n << 40n) | 0x80_0020_0000n | 0x1f_f081n,
      2,
      FOUR,
      {
        leaf: true,
        address: 0x80_0020_0000,
        patIndex: 4,
        reservedSet: (1n << 51n) | (1n << 40n) | 0x1f_e000n,
        ignoredSet: 0n,
      },
    ],
    [
      "a 1-GByte page: bits 29:13 reserved",
      0x3fff_f081n,
      3,
      FOUR,
      { leaf: true, address: 0, patIndex: 4, reservedSet: 0x3fff_e000n },
    ],
    [
      "a 4-MByte page: address bits 39:32 in 20:13, bit 21 reserved",
      0xffff_fe83n,
      2,
      WITH_4M,
      { leaf: true, address: 0xff_ffc0_0000, reservedSet: 1n << 21n, ignoredSet: 0xe00n },
    ],
    [
      "a PDE without CR4.PSE, whose PS is ignored",
      0x5fc3n,
      2,
      mode(0, 0),
      { leaf: false, address: 0x5000, reservedSet: 0n, ignoredSet: 0xfc0n },
    ],
    [
      "a PDPTE of PAE paging, which reserves R/W, U/S and bits 8:5",
      XD | (1n << 40n) | 0x5fffn,
      3,
      PAE_MODE,
      { leaf: false, address: 0x5000, reservedSet: XD | (1n << 40n) | 0x1e6n, ignoredSet: 0xe00n },
    ],
    [
      "a PTE of PAE paging, which reserves bits 62:MAXPHYADDR",
      (0x7fff_ffn << 40n) | 0x5001n,
      1,
      PAE_MODE,
      { address: 0x5000, protectionKey: 0, reservedSet: 0x7fff_ffn << 40n, ignoredSet: 0n },
    ],
    [
      "a PTE without CR4.PGE, whose G is ignored",
      0x5101n,
      1,
      mode(PAE, LMA + NXE),
      { global: false, ignoredSet: 0x100n },
    ],
    [
      "a PTE without EFER.NXE, whose XD is reserved",
      XD | 0x5001n,
      1,
      mode(PAE, LMA),
      { noExecute: false, reservedSet: XD, ignoredSet: 0n },
    ],
  ];
  it.each(cases)("tells %s", (_, entry, level, paging, expected) => {
    expect(describeEntry(entry, level, paging)).toMatchObject(expected);
  });
});
