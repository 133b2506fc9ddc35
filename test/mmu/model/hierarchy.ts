/**
 * Which structures a translation goes through (SDM 3A, "Hierarchical Paging Structures: an
 * Overview", and the figures of linear-address translation).
 */
import type { FormatName } from "./formats.ts";
import type { PagingKind } from "./processor.ts";

export interface StructureLevel {
  readonly name: string;
  /** The bits of the linear address that select the entry. */
  readonly selectHi: number;
  readonly selectLo: number;
  readonly entryBytes: bigint;
  /** The format of an entry that references another structure. */
  readonly table?: FormatName;
  /** The format of an entry that maps a page, and the page's size. */
  readonly page?: FormatName;
  readonly pageBytes?: bigint;
}

const KIB = 2n ** 10n;
const MIB = 2n ** 20n;
const GIB = 2n ** 30n;

const IA32E_LOWER: readonly StructureLevel[] = [
  {
    name: "PDPTE",
    selectHi: 38,
    selectLo: 30,
    entryBytes: 8n,
    table: "PDPTE or PDE of a table",
    page: "PDPTE of a 1-GByte page",
    pageBytes: GIB,
  },
  {
    name: "PDE",
    selectHi: 29,
    selectLo: 21,
    entryBytes: 8n,
    table: "PDPTE or PDE of a table",
    page: "PDE of a 2-MByte page",
    pageBytes: 2n * MIB,
  },
  { name: "PTE", selectHi: 20, selectLo: 12, entryBytes: 8n, page: "PTE", pageBytes: 4n * KIB },
];

const PML4: StructureLevel = {
  name: "PML4E",
  selectHi: 47,
  selectLo: 39,
  entryBytes: 8n,
  table: "PML5E or PML4E",
};
const PML5: StructureLevel = { ...PML4, name: "PML5E", selectHi: 56, selectLo: 48 };

/** From the first structure in memory down. PAE paging starts below the PDPTE registers. */
export const HIERARCHY: Readonly<Record<PagingKind, readonly StructureLevel[]>> = {
  "5-level": [PML5, PML4, ...IA32E_LOWER],
  "4-level": [PML4, ...IA32E_LOWER],
  PAE: [
    {
      name: "PDE",
      selectHi: 29,
      selectLo: 21,
      entryBytes: 8n,
      table: "PAE PDE of a table",
      page: "PAE PDE of a 2-MByte page",
      pageBytes: 2n * MIB,
    },
    {
      name: "PTE",
      selectHi: 20,
      selectLo: 12,
      entryBytes: 8n,
      page: "PAE PTE",
      pageBytes: 4n * KIB,
    },
  ],
  "32-bit": [
    {
      name: "PDE",
      selectHi: 31,
      selectLo: 22,
      entryBytes: 4n,
      table: "32-bit PDE of a table",
      page: "32-bit PDE of a 4-MByte page",
      pageBytes: 4n * MIB,
    },
    {
      name: "PTE",
      selectHi: 21,
      selectLo: 12,
      entryBytes: 4n,
      page: "32-bit PTE",
      pageBytes: 4n * KIB,
    },
  ],
};
