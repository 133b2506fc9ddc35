/**
 * A configuration of the access matrix: what stays fixed while entries, registers and accesses are
 * varied. Tables are set up once for each.
 */
import type { ModelProcessor, PagingKind } from "../model/processor.ts";

export interface MatrixConfig {
  readonly name: string;
  readonly paging: PagingKind;
  readonly maxPhyAddr: number;
  readonly has1GBytePages: boolean;
  readonly hasPse36: boolean;
  readonly pse: boolean;
  /** The protection key of the pages: 0..15. */
  readonly key: number;
  /** Every access of the configuration goes here. */
  readonly linear: bigint;
  /** Where the tables lie, top first. */
  readonly tables: readonly bigint[];
  /** Where the entries for `linear` lie, top first. */
  readonly entryAddresses: readonly bigint[];
  readonly entryBytes: 4 | 8;
  /** PAE paging: the PDPTE registers. */
  readonly pdptes: readonly bigint[];
}

/** Everything at and above this reads as all ones; the tables lie below. */
export const RAM_BYTES = 0x60000n;

const TABLE_FRAMES = [0x51000n, 0x42000n, 0x33000n, 0x24000n, 0x15000n];

/**
 * Distinct indices at every level, and offsets that show in every page size. Bit 12, where a large
 * page's entry has PAT, is 1 in some and 0 in others.
 */
const LOW_HALF = 0x00b5_63d5_5553_3abcn;
const HIGH_HALF_57 = 0xffa5_e3d5_2aaa_cabcn;
const HIGH_HALF_48 = 0xffff_e3d5_2aaa_cabcn;
const LOW_HALF_48 = 0x0000_63d5_5553_3abcn;
const LINEAR_32 = 0xc9a5_4abcn;

/** The lowest bit of the linear address that each level's index takes, top first. */
const INDEX_SHIFTS: Readonly<Record<PagingKind, readonly number[]>> = {
  "5-level": [48, 39, 30, 21, 12],
  "4-level": [39, 30, 21, 12],
  PAE: [30, 21, 12],
  "32-bit": [22, 12],
};

type Choice = Pick<MatrixConfig, "paging" | "maxPhyAddr" | "key"> &
  Partial<Pick<MatrixConfig, "has1GBytePages" | "hasPse36" | "pse" | "linear">>;

function configure(choice: Choice): MatrixConfig {
  const { paging, maxPhyAddr, key } = choice;
  const shifts = INDEX_SHIFTS[paging];
  const linear = choice.linear ?? LINEAR_32;
  const has1GBytePages = choice.has1GBytePages ?? true;
  const hasPse36 = choice.hasPse36 ?? true;
  const pse = choice.pse ?? false;
  const entryBytes = paging === "32-bit" ? 4 : 8;
  const tables = TABLE_FRAMES.slice(-shifts.length);
  const entryAddresses = tables.map((table, position) => {
    const top = position === 0 && paging === "PAE";
    const entries = top ? 4n : 4096n / BigInt(entryBytes);
    return table + ((linear >> BigInt(shifts[position] ?? 0)) % entries) * BigInt(entryBytes);
  });
  const pdptes = [0n, 0n, 0n, 0n];
  if (paging === "PAE") pdptes[Number(linear >> 30n)] = (tables[1] ?? 0n) + 1n;
  const extras = [
    has1GBytePages ? "" : ", no 1-GByte pages",
    paging === "32-bit" ? `, CR4.PSE = ${pse ? 1 : 0}` : "",
    hasPse36 ? "" : ", no PSE-36",
  ];
  return {
    name: `${paging}, MAXPHYADDR ${maxPhyAddr}${extras.join("")}`,
    paging,
    maxPhyAddr,
    has1GBytePages,
    hasPse36,
    pse,
    key,
    linear,
    tables,
    entryAddresses,
    entryBytes,
    pdptes,
  };
}

/** 4- and 5-level paging at the widths of the issue, and once without 1-GByte pages. */
export const LONG_CONFIGS: readonly MatrixConfig[] = [
  configure({ paging: "4-level", maxPhyAddr: 36, key: 5, linear: LOW_HALF_48 }),
  configure({ paging: "4-level", maxPhyAddr: 40, key: 0, linear: HIGH_HALF_48 }),
  configure({ paging: "4-level", maxPhyAddr: 52, key: 10, linear: HIGH_HALF_48 }),
  configure({ paging: "5-level", maxPhyAddr: 36, key: 12, linear: HIGH_HALF_57 }),
  configure({ paging: "5-level", maxPhyAddr: 40, key: 3, linear: LOW_HALF }),
  configure({ paging: "5-level", maxPhyAddr: 52, key: 14, linear: HIGH_HALF_57 }),
  configure({
    paging: "5-level",
    maxPhyAddr: 46,
    key: 1,
    linear: LOW_HALF,
    has1GBytePages: false,
  }),
];

export const LEGACY_CONFIGS: readonly MatrixConfig[] = [
  configure({ paging: "PAE", maxPhyAddr: 36, key: 0 }),
  configure({ paging: "PAE", maxPhyAddr: 40, key: 0 }),
  configure({ paging: "PAE", maxPhyAddr: 52, key: 0, pse: true }),
  configure({ paging: "32-bit", maxPhyAddr: 36, key: 0, pse: false }),
  configure({ paging: "32-bit", maxPhyAddr: 36, key: 0, pse: true }),
  configure({ paging: "32-bit", maxPhyAddr: 40, key: 0, pse: true }),
  configure({ paging: "32-bit", maxPhyAddr: 52, key: 0, pse: true }),
  configure({ paging: "32-bit", maxPhyAddr: 40, key: 0, pse: true, hasPse36: false }),
];

/** `oneOf`, or less where there are few cases to take a sample of. */
export function sampleOf(config: MatrixConfig, oneOf: number): number {
  return config.paging === "32-bit" ? Math.ceil(oneOf / 16) : oneOf;
}

/** The part of a processor that the configuration fixes. */
export function fixedPart(config: MatrixConfig) {
  const { paging, maxPhyAddr, has1GBytePages, hasPse36, pse, pdptes } = config;
  const cr3 = config.tables[0] ?? 0n;
  return { paging, maxPhyAddr, has1GBytePages, hasPse36, pse, pdptes, cr3 } satisfies Partial<
    Readonly<Record<keyof ModelProcessor, unknown>>
  >;
}
