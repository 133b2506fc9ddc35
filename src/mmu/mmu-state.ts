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
