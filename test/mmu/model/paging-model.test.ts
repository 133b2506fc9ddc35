/** The model itself, anchored by cases worked out by hand from the manual. */
import { describe, expect, it } from "vitest";
import { isCanonical, type Outcome, translate } from "./paging-model.ts";
import type { ModelAccess, ModelProcessor } from "./processor.ts";
import { refusesPdpte } from "./reserved.ts";

const CPU: ModelProcessor = {
  paging: "4-level",
  cr3: 0x1000n,
  maxPhyAddr: 40,
  has1GBytePages: true,
  hasPse36: true,
  wp: true,
  pse: false,
  nxe: true,
  smep: true,
  smap: true,
  ac: false,
  pke: true,
  pks: true,
  pkru: 0n,
  pkrs: 0n,
};

const USER_READ: ModelAccess = { what: "read", who: "user" };
const USER_WRITE: ModelAccess = { what: "write", who: "user" };
const READ: ModelAccess = { what: "read", who: "supervisor" };
const WRITE: ModelAccess = { what: "write", who: "supervisor" };
const FETCH: ModelAccess = { what: "fetch", who: "supervisor" };

/** PML4E 1, PDPTE 2, PDE 3, PTE 4, offset 0x567. */
const LINEAR = 0x80_8060_4567n;

function run(
  entries: Readonly<Record<number, bigint>>,
  access: ModelAccess,
  changes: Partial<ModelProcessor> = {},
  linear = LINEAR,
): Outcome {
  return translate({ ...CPU, ...changes }, linear, access, (at) => entries[Number(at)] ?? 0n);
}

function withPte(pte: bigint): Record<number, bigint> {
  return { 4104: 0x2027n, 8208: 0x3027n, 12312: 0x4027n, 16416: pte };
}

function pageFault(errorCode: number): Outcome {
  return { kind: "page fault", errorCode };
}

describe("Paging model", () => {
  it("translates a 4-KByte page and sets A and D", () => {
    expect(run(withPte(0x9007n), USER_WRITE)).toEqual({
      kind: "translated",
      physical: 0x9567n,
      pageBytes: 0x1000n,
      writes: [{ address: 0x4020n, entry: 0x9067n }],
    });
  });

  it("lists A in every entry used", () => {
    const entries = { 4104: 0x2007n, 8208: 0x3007n, 12312: 0x8020_0087n };
    expect(run(entries, USER_READ)).toEqual({
      kind: "translated",
      physical: 0x8020_4567n,
      pageBytes: 0x20_0000n,
      writes: [
        { address: 0x1008n, entry: 0x2027n },
        { address: 0x2010n, entry: 0x3027n },
        { address: 0x3018n, entry: 0x8020_00a7n },
      ],
    });
  });

  it.each<[string, bigint, ModelAccess, number]>([
    ["not present, user read", 0x9006n, USER_READ, 0b00_0100],
    ["not present, supervisor fetch", 0x9006n, FETCH, 0b01_0000],
    ["user write to a read-only page", 0x9005n, USER_WRITE, 0b00_0111],
    ["supervisor write to a read-only page, CR0.WP = 1", 0x9001n, WRITE, 0b00_0011],
    ["user read of a supervisor page", 0x9003n, USER_READ, 0b00_0101],
    ["SMAP: supervisor read of a user page", 0x9007n, READ, 0b00_0001],
    ["SMEP: supervisor fetch from a user page", 0x9007n, FETCH, 0b01_0001],
    ["XD", 0x8000_0000_0000_9003n, FETCH, 0b01_0001],
    ["address bit 40 with MAXPHYADDR 40", 0x100_0000_9007n, USER_READ, 0b00_1101],
  ])("gives the error code of: %s", (_name, pte, access, errorCode) => {
    expect(run(withPte(pte), access)).toEqual(pageFault(errorCode));
  });

  it("reports PK beside other violations, and not for fetches", () => {
    const pte = 0x1000_0000_0000_9005n; // key 2, read-only
    const pkru = 0b10_0000n; // WD of key 2
    expect(run(withPte(pte), USER_WRITE, { pkru })).toEqual(pageFault(0b10_0111));
    expect(run(withPte(pte), USER_READ, { pkru })).toMatchObject({ kind: "translated" });
    expect(run(withPte(pte), FETCH, { pkru: 0b11_0000n })).toEqual(pageFault(0b01_0001));
  });

  it("lets WD stop a supervisor write only while CR0.WP = 1", () => {
    const pkrs = 0b10n;
    expect(run(withPte(0x9003n), WRITE, { pkrs })).toEqual(pageFault(0b10_0011));
    expect(run(withPte(0x9003n), WRITE, { pkrs, wp: false })).toMatchObject({ physical: 0x9567n });
  });

  it("puts PSE-36 address bits above bit 31", () => {
    // PDE 0x312: a 4-MByte page at 0x8_0040_0000, bits 39:32 in bits 20:13.
    const entries = { 7240: 0x0041_0087n };
    const legacy = { paging: "32-bit", pse: true, maxPhyAddr: 36, smap: false } as const;
    expect(run(entries, READ, legacy, 0xc4a0_0123n)).toMatchObject({ physical: 0x8_0060_0123n });
  });

  it("knows the canonical addresses of 4- and 5-level paging", () => {
    const five = { ...CPU, paging: "5-level" } as const;
    const addresses = [0x7fff_ffff_ffffn, 0x8000_0000_0000n, 0xffff_8000_0000_0000n];
    expect(addresses.map((linear) => isCanonical(linear, CPU))).toEqual([true, false, true]);
    expect(addresses.map((linear) => isCanonical(linear, five))).toEqual([true, true, true]);
    expect(isCanonical(0x0100_0000_0000_0000n, five)).toBe(false);
  });

  it("refuses PDPTE registers with reserved bits, when present", () => {
    const pae = { ...CPU, paging: "PAE" } as const;
    const values = [0x2001n, 0x2003n, 0x2002n, 0x2021n, 0x100_0000_2001n];
    expect(values.map((value) => refusesPdpte(value, pae))).toEqual([
      false,
      true,
      false,
      true,
      true,
    ]);
  });
});
