/** Mutations of what stands before a walk, caught by the drivers that cache. */
import type { Patch } from "./mutant.ts";

const TRANSLATOR = "translator.ts";

export const UPPER_CACHE_PATCHES: readonly Patch[] = [
  {
    file: "upper-emitter.ts",
    find: ".mem(MEM.i64Load, base + UPPER.gathered)",
    replace: ".mem(MEM.i64Load, base + UPPER.gathered).i64(1n << 63n).op(OP.i64Or)",
    why: "paging-structure caches lose XD",
  },
  {
    file: "upper-emitter.ts",
    find: ".mem(MEM.i64Load, base + UPPER.gathered)",
    replace: ".mem(MEM.i64Load, base + UPPER.gathered).i64(6n).op(OP.i64Or)",
    why: "paging-structure caches lose U/S and R/W",
  },
  {
    file: TRANSLATOR,
    find: "hi, lo, true);\n    this.walker.dropPcid(pcid);",
    replace: "hi, lo, true);",
    why: "INVLPG spares the paging-structure caches",
  },
  {
    file: "upper-caches.ts",
    find: "this.#numbers[pcid] = 0;\n  }",
    replace: "}",
    why: "dropping a PCID leaves its paging-structure-cache entries",
  },
];

export const TLB_PATCHES: readonly Patch[] = [
  {
    file: TRANSLATOR,
    find: "} else if (known.dirty || (access & KIND_MASK) !== WRITE) {",
    replace: "} else {",
    why: "a write through a cached translation does not set D",
  },
  {
    file: TRANSLATOR,
    find: "if (keyDenies) return PF_ERROR.P | PF_ERROR.PK;",
    replace: "",
    why: "protection keys do not count on a TLB hit",
  },
  {
    file: TRANSLATOR,
    find: "const shift = entry.rights & RIGHT.USER ? 0 : 16;",
    replace: "const shift = entry.rights & RIGHT.USER ? 16 : 0;",
    why: "PKRU and IA32_PKRS are swapped on a TLB hit",
  },
  {
    file: TRANSLATOR,
    find: "(entry.rights & this.#test(access, TEST.mask)) === this.#test(access, TEST.want);",
    replace: "(entry.rights & this.#test(access, TEST.mask)) >= 0;",
    why: "rights do not count on a TLB hit",
  },
  {
    file: TRANSLATOR,
    find: "((access & (TEST_COUNT - 1)) << TEST.shift)",
    replace: "((access & 7) << TEST.shift)",
    why: "implicit accesses count as explicit ones on a TLB hit",
  },
  {
    file: TRANSLATOR,
    find: "this.physical = entry.physical + ((lo & (entry.pageBytes - 1)) >>> 0);",
    replace: "this.physical = entry.physical + (lo & 4095);",
    why: "a TLB hit in a large page loses the offset's upper bits",
  },
  {
    file: TRANSLATOR,
    find: "this.#dropPage(pcid, hi, lo, true);",
    replace: "",
    why: "INVLPG spares the TLB",
  },
  {
    file: "set-associative-tlb.ts",
    find: "(info >>> INFO.KEY_SHIFT) & 15",
    replace: "0",
    why: "the TLB does not keep the protection key",
  },
  {
    file: "set-associative-tlb.ts",
    find: "(info >>> INFO.RIGHTS_SHIFT) & 7",
    replace: "(info >>> INFO.RIGHTS_SHIFT) & 6",
    why: "the TLB does not keep XD",
  },
];

export const LAZY_TLB_PATCHES: readonly Patch[] = [
  {
    file: TRANSLATOR,
    find: "this.#test(access, TEST.fault) | cause",
    replace: "this.#test(access, TEST.fault)",
    why: "a fault on a TLB hit has no P",
  },
  {
    file: TRANSLATOR,
    find: "if (keyDenies) return PF_ERROR.P | PF_ERROR.PK;",
    replace: "if (keyDenies && allowed) return PF_ERROR.P | PF_ERROR.PK;",
    why: "PK is hidden by other violations on a TLB hit",
  },
  {
    file: "lazy-tlb.ts",
    find: "for (const [name, entry] of map) if (entry.pcid === pcid) map.delete(name);",
    replace: "map.size;",
    why: "INVLPG leaves the paging-structure-cache entries",
  },
];
