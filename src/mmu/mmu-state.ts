/**
 * One processor's translation state in the linear memory, where the generated walk reaches it.
 *
 * | offset | bytes | what                                                                        |
 * |--------|-------|-----------------------------------------------------------------------------|
 * | 0      | 8     | result: physical address                                                    |
 * | 8      | 8     | result: the leaf entry, with the A and D bits that the walk set             |
 * | 16     | 4     | result: gathered rights (RIGHT)                                             |
 * | 20     | 4     | result: level of the leaf, or of the entry that faulted                     |
 * | 32     | 8     | physical address of the top table                                           |
 * | 40     | 8     | tag of the current PCID's paging-structure-cache entries, 0 in its low bits |
 * | 64     | 32    | the PDPTE registers of PAE paging                                           |
 * | 128    | 256   | rights tests by access: mask, want, denied keys, fault without its cause    |
 * | 384    | 512   | how many walks began at level s and ended at level e, at index 8 s + e      |
 * | 1024   | ...   | the paging-structure caches                                                 |
 */
import { KIND_MASK } from "./access.ts";
import type { PagingRegisters } from "./control-bits.ts";
import { pageFault } from "./fault.ts";
import type { PagingMode } from "./paging-mode.ts";
import { reportsFetch, rightsTest } from "./rights.ts";

export const STATE = {
  physical: 0,
  entry: 8,
  rights: 16,
  level: 20,
  root: 32,
  upperTag: 40,
  pdptes: 64,
  tests: 128,
  counts: 384,
  bytes: 1024,
} as const;

/** Fields of one rights test; the two words of denied keys share 32 bits, user-mode pages low. */
export const TEST = { mask: 0, want: 4, keys: 8, fault: 12, shift: 4 } as const;

/** Accesses differ by kind, USER and IMPLICIT as far as rights go. */
export const TEST_COUNT = 16;

/** Writes the rights test of every access; to be done when a register that counts changes. */
export function writeRightsTests(
  int32: Int32Array,
  stateBase: number,
  registers: PagingRegisters,
  mode: PagingMode,
): void {
  const reports = reportsFetch(registers, mode);
  for (let access = 0; access < TEST_COUNT; access++) {
    if ((access & KIND_MASK) === KIND_MASK) continue;
    const test = rightsTest(registers, mode, access);
    const at = (stateBase + STATE.tests + (access << TEST.shift)) >>> 2;
    int32[at] = test.mask;
    int32[at + 1] = test.want;
    int32[at + 2] = test.deniedUserKeys | (test.deniedSupervisorKeys << 16);
    int32[at + 3] = pageFault(access, 0, reports);
  }
}
