/** Bits of the control registers, by the manual's names (SDM 3A, "Control Registers"). */

export const CR0 = {
  PE: 1 << 0,
  MP: 1 << 1,
  EM: 1 << 2,
  TS: 1 << 3,
  ET: 1 << 4,
  NE: 1 << 5,
  WP: 1 << 16,
  AM: 1 << 18,
  NW: 1 << 29,
  CD: 1 << 30,
  PG: 1 << 31,
} as const;

export const CR4 = {
  VME: 1 << 0,
  PVI: 1 << 1,
  TSD: 1 << 2,
  DE: 1 << 3,
  PSE: 1 << 4,
  PAE: 1 << 5,
  MCE: 1 << 6,
  PGE: 1 << 7,
  PCE: 1 << 8,
  OSFXSR: 1 << 9,
  OSXMMEXCPT: 1 << 10,
  UMIP: 1 << 11,
  LA57: 1 << 12,
  FSGSBASE: 1 << 16,
  PCIDE: 1 << 17,
  OSXSAVE: 1 << 18,
  SMEP: 1 << 20,
  SMAP: 1 << 21,
  PKE: 1 << 22,
  PKS: 1 << 24,
} as const;

export const EFER = {
  SCE: 1 << 0,
  LME: 1 << 8,
  LMA: 1 << 10,
  NXE: 1 << 11,
} as const;

/** The registers that decide how a linear address is translated. */
export interface PagingRegisters {
  /** Low 32 bits; the upper ones are always 0. Likewise cr4 and efer. */
  readonly cr0: number;
  readonly cr3: bigint;
  readonly cr4: number;
  readonly efer: number;
  /** EFLAGS.AC. */
  readonly ac: boolean;
  readonly pkru: number;
  /** IA32_PKRS. */
  readonly pkrs: number;
  /** The four PDPTE registers of PAE paging, as loaded at the last write to CR0, CR3 or CR4. */
  readonly pdptes: readonly bigint[];
}

/** A processor after reset, as far as paging goes (SDM 3A, "Processor State After Reset"). */
export const RESET_REGISTERS: PagingRegisters = Object.freeze({
  cr0: CR0.ET | CR0.NW | CR0.CD,
  cr3: 0n,
  cr4: 0,
  efer: 0,
  ac: false,
  pkru: 0,
  pkrs: 0,
  pdptes: Object.freeze([0n, 0n, 0n, 0n]),
});
