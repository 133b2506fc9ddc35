/**
 * The rights of a translation, and the one place where they are judged.
 *
 * Rights gather over all levels of a walk: U/S and R/W are ANDed, XD is ORed. They are kept with a
 * cached translation; CR0.WP, SMEP, SMAP, EFLAGS.AC, the key registers and the privilege of the
 * access are not: they count at each access. So a judgement is one mask test on the gathered
 * rights, whose mask depends on the kind of access and those registers, and one look at the
 * protection key. (SDM 3A, "Access Rights", "Protection Keys".)
 */
import { FETCH, IMPLICIT, KIND_MASK, READ, USER, WRITE } from "./access.ts";
import { CR0, CR4, type PagingRegisters } from "./control-bits.ts";
import { PF_ERROR } from "./fault.ts";
import type { PagingMode } from "./paging-mode.ts";

/** Bits of a rights word. R/W and U/S sit where they do in an entry. */
export const RIGHT = { NO_EXECUTE: 1, WRITE: 2, USER: 4 } as const;

/** What a walk begins with: nothing denied yet. */
export const ALL_RIGHTS = RIGHT.WRITE | RIGHT.USER;

/** The test for one kind of access under one setting of the registers. */
export interface RightsTest {
  /** The access is allowed by the rights word r if (r & mask) === want. */
  readonly mask: number;
  readonly want: number;
  /** Bit k: key k denies the access to a user-mode page, and to a supervisor-mode page. */
  readonly deniedUserKeys: number;
  readonly deniedSupervisorKeys: number;
}

/** The test that `access` has to pass. */
export function rightsTest(
  registers: PagingRegisters,
  mode: PagingMode,
  access: number,
): RightsTest {
  const kind = access & KIND_MASK;
  const user = (access & USER) !== 0;
  const wp = (registers.cr0 & CR0.WP) !== 0;
  let mask = 0;
  let want = 0;
  if (user) {
    mask |= RIGHT.USER;
    want |= RIGHT.USER;
  } else if (kind === FETCH) {
    if (registers.cr4 & CR4.SMEP) mask |= RIGHT.USER;
  } else if (registers.cr4 & CR4.SMAP && (!registers.ac || access & IMPLICIT)) {
    mask |= RIGHT.USER;
  }
  if (kind === WRITE && (user || wp)) {
    mask |= RIGHT.WRITE;
    want |= RIGHT.WRITE;
  }
  if (kind === FETCH) mask |= RIGHT.NO_EXECUTE;
  const keyed = mode.levels >= 4 && kind !== FETCH;
  const writes = kind === WRITE && (user || wp);
  const { cr4, pkru, pkrs } = registers;
  return {
    mask,
    want,
    deniedUserKeys: keyed && cr4 & CR4.PKE ? deniedKeys(pkru, writes) : 0,
    deniedSupervisorKeys: keyed && cr4 & CR4.PKS ? deniedKeys(pkrs, writes) : 0,
  };
}

/** Bit k is set if AD of key k, or WD for a write that it stops, is set. */
function deniedKeys(register: number, writes: boolean): number {
  // AD is bit 2k, WD bit 2k + 1: both into bit 2k, and then the even bits together.
  let denied = (writes ? register | (register >>> 1) : register) & 0x5555_5555;
  denied = (denied | (denied >>> 1)) & 0x3333_3333;
  denied = (denied | (denied >>> 2)) & 0x0f0f_0f0f;
  denied = (denied | (denied >>> 4)) & 0x00ff_00ff;
  return (denied | (denied >>> 8)) & 0xffff;
}

/**
 * Judges gathered rights.
 * @param key the leaf's protection key, 0..15
 * @returns -1 if the access is allowed, else the cause for the error code: P, or P and PK (which
 *   is reported whether or not the access is denied on other grounds too)
 */
export function judge(test: RightsTest, rights: number, key: number): number {
  const keys = rights & RIGHT.USER ? test.deniedUserKeys : test.deniedSupervisorKeys;
  const keyDenies = (keys >>> key) & 1;
  if ((rights & test.mask) === test.want && keyDenies === 0) return -1;
  return keyDenies ? PF_ERROR.P | PF_ERROR.PK : PF_ERROR.P;
}

/** Whether a fault on a fetch sets I/D (SDM 3A, "Page-Fault Exceptions"). */
export function reportsFetch(registers: PagingRegisters, mode: PagingMode): boolean {
  return mode.executeDisable || (registers.cr4 & CR4.SMEP) !== 0;
}

/** The kinds in the order of their numbers, for loops over all tests. */
export const ACCESS_KINDS = [READ, WRITE, FETCH] as const;
