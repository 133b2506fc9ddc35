/** Mutations of the reference walk and of what both walks share: rights, formats, error codes. */
import type { Patch } from "./mutant.ts";

export const REFERENCE_PATCHES: readonly Patch[] = [
  // walk.ts
  {
    file: "walk.ts",
    find: "if (!(step.entry & ENTRY.P)) return",
    replace: "if (!(step.entry & ENTRY.P) && !step.reservedSet) return",
    why: "reserved bits are looked at before P",
  },
  {
    file: "walk.ts",
    find: "if (step.reservedSet) return",
    replace: "if (step.reservedSet && step.leaf) return",
    why: "reserved bits count only in entries that map a page",
  },
  {
    file: "walk.ts",
    find: "if (step.reservedSet) return",
    replace: "if (step.reservedSet && !step.leaf) return",
    why: "reserved bits count only in entries that reference a table",
  },
  {
    file: "walk.ts",
    find: "fault: fault(PF_ERROR.P | PF_ERROR.RSVD)",
    replace: "fault: fault(PF_ERROR.RSVD)",
    why: "RSVD comes without P",
  },
  {
    file: "walk.ts",
    find: "const kept = rights & Number(entry & 6n);",
    replace: "const kept = Number(entry & 6n);",
    why: "only the leaf's R/W and U/S count",
  },
  {
    file: "walk.ts",
    find: "const kept = rights & Number(entry & 6n);",
    replace: "const kept = rights & Number(entry & 2n) | (rights | Number(entry & 4n)) & 4;",
    why: "U/S is ORed over the levels",
  },
  {
    file: "walk.ts",
    find: "return kept | (rights & RIGHT.NO_EXECUTE) | denied;",
    replace: "return kept | denied;",
    why: "only the leaf's XD counts",
  },
  {
    file: "walk.ts",
    find: "const wanted = ENTRY_LO.A | (step.leaf && write ? ENTRY_LO.D : 0);",
    replace: "const wanted = ENTRY_LO.A | (write ? ENTRY_LO.D : 0);",
    why: "D is set at every level",
  },
  {
    file: "walk.ts",
    find: "const wanted = ENTRY_LO.A | (step.leaf && write ? ENTRY_LO.D : 0);",
    replace: "const wanted = (step.leaf ? ENTRY_LO.A : 0) | (step.leaf && write ? ENTRY_LO.D : 0);",
    why: "A is set in the leaf only",
  },
  {
    file: "walk.ts",
    find: "const wanted = ENTRY_LO.A | (step.leaf && write ? ENTRY_LO.D : 0);",
    replace: "const wanted = ENTRY_LO.A | (step.leaf ? ENTRY_LO.D : 0);",
    why: "D is set by reads",
  },
  {
    file: "walk.ts",
    find: "const wanted = ENTRY_LO.A | (step.leaf && write ? ENTRY_LO.D : 0);",
    replace:
      "if (step.level === 4) continue;\n    const wanted = ENTRY_LO.A | (step.leaf && write ? ENTRY_LO.D : 0);",
    why: "A of a PML4E is not set",
  },
  {
    file: "walk.ts",
    find: "if ((low & wanted) !== wanted) memory",
    replace: "if ((low & wanted) === 0) memory",
    why: "D is not set where A is set already",
  },
  {
    file: "walk.ts",
    find: "if (cause >= 0) return { ...found, fault: fault(cause), steps };",
    replace:
      "if (cause >= 0) { setAccessedDirty(memory, steps, false); return { ...found, fault: fault(cause), steps }; }",
    why: "A is set although the access is refused",
  },
  {
    file: "walk.ts",
    find: "physical: step.address + Number(linear & BigInt(pageBytes - 1)),",
    replace: "physical: step.address + Number(linear & 4095n),",
    why: "a large page's offset has 12 bits",
  },
  {
    file: "walk.ts",
    find: "protectionKey: mode.levels >= 4 ? protectionKeyOf(entry) : 0,",
    replace: "protectionKey: mode.levels >= 4 ? protectionKeyOf(entry) & 7 : 0,",
    why: "protection keys have three bits",
  },
  // rights.ts
  {
    file: "rights.ts",
    find: "if (registers.cr4 & CR4.SMEP) mask |= RIGHT.USER;",
    replace: "",
    why: "SMEP is not checked",
  },
  {
    file: "rights.ts",
    find: "(!registers.ac || access & IMPLICIT)",
    replace: "!registers.ac",
    why: "EFLAGS.AC helps implicit accesses",
  },
  {
    file: "rights.ts",
    find: "(!registers.ac || access & IMPLICIT)",
    replace: "true",
    why: "EFLAGS.AC does not lift SMAP",
  },
  {
    file: "rights.ts",
    find: "if (kind === WRITE && (user || wp)) {",
    replace: "if (kind === WRITE && user) {",
    why: "CR0.WP does not stop supervisor writes",
  },
  {
    file: "rights.ts",
    find: "if (kind === WRITE && (user || wp)) {",
    replace: "if (kind === WRITE && wp) {",
    why: "user writes ignore R/W while CR0.WP = 0",
  },
  {
    file: "rights.ts",
    find: "if (kind === FETCH) mask |= RIGHT.NO_EXECUTE;",
    replace: "if (kind === FETCH && user) mask |= RIGHT.NO_EXECUTE;",
    why: "XD does not stop supervisor fetches",
  },
  {
    file: "rights.ts",
    find: "const keyed = mode.levels >= 4 && kind !== FETCH;",
    replace: "const keyed = mode.levels >= 4;",
    why: "protection keys stop fetches",
  },
  {
    file: "rights.ts",
    find: "const keyed = mode.levels >= 4 && kind !== FETCH;",
    replace: "const keyed = kind !== FETCH;",
    why: "protection keys work in PAE and 32-bit paging",
    where: "PAE",
  },
  {
    file: "rights.ts",
    find: "const writes = kind === WRITE && (user || wp);",
    replace: "const writes = kind === WRITE;",
    why: "WD stops supervisor writes while CR0.WP = 0",
  },
  {
    file: "rights.ts",
    find: "const writes = kind === WRITE && (user || wp);",
    replace: "const writes = kind === WRITE && user;",
    why: "WD does not stop supervisor writes",
  },
  {
    file: "rights.ts",
    find: "(writes ? register | (register >>> 1) : register)",
    replace: "(writes ? register >>> 1 : register)",
    why: "AD does not stop writes",
  },
  {
    file: "rights.ts",
    find: "rights & RIGHT.USER ? test.deniedUserKeys : test.deniedSupervisorKeys",
    replace: "rights & RIGHT.USER ? test.deniedSupervisorKeys : test.deniedUserKeys",
    why: "PKRU and IA32_PKRS are swapped",
  },
  {
    file: "rights.ts",
    find: "return keyDenies ? PF_ERROR.P | PF_ERROR.PK : PF_ERROR.P;",
    replace: "return (rights & test.mask) === test.want ? PF_ERROR.P | PF_ERROR.PK : PF_ERROR.P;",
    why: "PK is hidden by other violations",
  },
  {
    file: "rights.ts",
    find: "return mode.executeDisable || (registers.cr4 & CR4.SMEP) !== 0;",
    replace: "return mode.executeDisable;",
    why: "I/D is not reported for SMEP alone",
  },
  {
    file: "rights.ts",
    find: "return mode.executeDisable || (registers.cr4 & CR4.SMEP) !== 0;",
    replace: "return true;",
    why: "I/D is reported with neither NXE nor SMEP",
  },
  // fault.ts
  {
    file: "fault.ts",
    find: "(access & USER ? PF_ERROR.US : 0)",
    replace: "(access & USER && cause ? PF_ERROR.US : 0)",
    why: "U/S is not reported for entries that are not present",
  },
  // paging-mode.ts
  {
    file: "paging-mode.ts",
    find: "bits(pae ? 62 : 51, maxPhyAddr) | (nxe ? 0n : XD)",
    replace: "bits(pae ? 62 : 51, maxPhyAddr)",
    why: "XD is not reserved while NXE = 0",
  },
  {
    file: "paging-mode.ts",
    find: "bits(pae ? 62 : 51, maxPhyAddr) | (nxe ? 0n : XD)",
    replace: "bits(pae ? 62 : 51, maxPhyAddr + 1) | (nxe ? 0n : XD)",
    why: "the address bit at MAXPHYADDR is not reserved",
  },
  {
    file: "paging-mode.ts",
    find: "bits(pae ? 62 : 51, maxPhyAddr) | (nxe ? 0n : XD)",
    replace: "bits(51, maxPhyAddr) | (nxe ? 0n : XD)",
    why: "bits 62:52 are not reserved in PAE paging",
    where: "PAE",
  },
  {
    file: "paging-mode.ts",
    find: "const large = base | bits(shift - 1, 13);",
    replace: "const large = base | bits(shift - 1, 14);",
    why: "bit 13 of a large page is not reserved",
  },
  {
    file: "paging-mode.ts",
    find: "const large = base | bits(shift - 1, 13);",
    replace: "const large = base | bits(shift - 1, 12);",
    why: "bit 12 of a large page, PAT, is reserved",
  },
  {
    file: "paging-mode.ts",
    find: "const smallOnly = level === 1 || mayBeLarge || pae ? base : base | PS;",
    replace: "const smallOnly = base;",
    why: "PS of a PML4E is not reserved",
  },
  {
    file: "paging-mode.ts",
    find: "(level === 3 && gbPages && !pae)",
    replace: "(level === 3 && !pae)",
    why: "1-GByte pages work where they are not supported",
    where: "no 1-GByte pages",
  },
  {
    file: "paging-mode.ts",
    find: "address: bits(wide ? maxPhyAddr - 1 : 31, 12),",
    replace: "address: bits(wide ? maxPhyAddr - 2 : 31, 12),",
    why: "the address's highest bit is lost",
  },
  {
    file: "paging-mode.ts",
    find: "bits(21, width - 19)",
    replace: "bits(20, width - 19)",
    why: "bit 21 of a 4-MByte page is not reserved",
    where: "32-bit",
  },
  {
    file: "paging-mode.ts",
    find: "const width = pse36 ? Math.min(maxPhyAddr, 40) : 32;",
    replace: "const width = Math.min(maxPhyAddr, 40);",
    why: "PSE-36 works where it is not supported",
    where: "32-bit",
  },
  {
    file: "paging-mode.ts",
    find: "const mayBeLarge = level === 2 && pse;",
    replace: "const mayBeLarge = level === 2;",
    why: "4-MByte pages work while CR4.PSE = 0",
    where: "32-bit",
  },
  // entry.ts
  {
    file: "entry.ts",
    find: "const upper = (entry >> 13n) & ((1n << width) - 1n);",
    replace: "const upper = (entry >> 12n) & ((1n << width) - 1n);",
    why: "PSE-36 takes PAT for an address bit",
    where: "32-bit",
  },
  {
    file: "entry.ts",
    find: "return Number((entry >> 59n) & 15n);",
    replace: "return Number((entry >> 58n) & 15n);",
    why: "the protection key is one bit too low",
  },
];
