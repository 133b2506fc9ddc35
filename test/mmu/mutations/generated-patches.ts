/** Mutations of the generated walk's emitter and of the state that the generated code reads. */
import type { Patch } from "./mutant.ts";

const EMITTER = "walk-emitter.ts";

export const GENERATED_PATCHES: readonly Patch[] = [
  {
    file: EMITTER,
    find: "const quick = ENTRY.P | format.reserved | (format.mayBeLarge ? ENTRY.PS : 0n);",
    replace: "const quick = ENTRY.P | (format.mayBeLarge ? ENTRY.PS : 0n);",
    why: "reserved bits are not checked",
  },
  {
    file: EMITTER,
    find: "const quick = ENTRY.P | format.reserved | (format.mayBeLarge ? ENTRY.PS : 0n);",
    replace:
      "const quick = ENTRY.P | (level > 2 ? 0n : format.reserved) | (format.mayBeLarge ? ENTRY.PS : 0n);",
    why: "reserved bits are not checked above the PDE",
  },
  {
    file: EMITTER,
    find: "op(OP.i32And, OP.i32Eqz);\n    c.brIf(fault);",
    replace: "op(OP.i32And, OP.i32Eqz, OP.drop);",
    why: "P is not checked before the reserved bits",
  },
  {
    file: EMITTER,
    find: "c.i32(PF_ERROR.P | PF_ERROR.RSVD).set(this.#cause);",
    replace: "c.i32(PF_ERROR.RSVD).set(this.#cause);",
    why: "RSVD comes without P",
  },
  {
    file: EMITTER,
    find: "this.#setPage(format, format.largeAddress);",
    replace: "this.#setPage(format, this.#mode.address);",
    why: "PAT of a large page is taken for an address bit",
  },
  {
    file: EMITTER,
    find: "c.get(this.#entry).i64(format.reservedLarge)",
    replace: "c.get(this.#entry).i64(format.reserved)",
    why: "a large page's own reserved bits are not checked",
  },
  {
    file: EMITTER,
    find: "this.#gather();\n    this.#setPage(format, format.largeAddress);",
    replace: "this.#setPage(format, format.largeAddress);",
    why: "the rights of a large page's entry do not count",
  },
  {
    file: EMITTER,
    find: "if (!register) this.#gather();",
    replace: "if (level === 1) this.#gather();",
    why: "only the leaf's rights count",
  },
  {
    file: EMITTER,
    find: "if (this.#mode.executeDisable) {",
    replace: "if (this.#mode.levels === 0) {",
    why: "XD is not gathered",
  },
  {
    file: EMITTER,
    find: "low().i32(RIGHT.NO_EXECUTE).op(OP.i32Or).get(this.#rights).op(OP.i32And);",
    replace: "low().get(this.#rights).op(OP.i32And).i32(6).op(OP.i32And);",
    why: "XD of upper levels is forgotten",
  },
  {
    file: EMITTER,
    find: "low().get(this.#accessed).op(OP.i32And).set(this.#accessed);",
    replace: "low().set(this.#accessed);",
    why: "A of upper levels is set only if the leaf lacks it",
  },
  {
    file: EMITTER,
    find: "const offset = (1n << BigInt(format.shift)) - 1n;",
    replace: "const offset = 4095n;",
    why: "a large page's offset has 12 bits",
  },
  {
    file: EMITTER,
    find: "c.get(this.#entry).i64(this.#mode.address).op(OP.i64And).set(this.#table);",
    replace: "c.get(this.#entry).i64(0x7fffffffff000n).op(OP.i64And).set(this.#table);",
    why: "bit 51 of a table's address is lost",
  },
  {
    file: EMITTER,
    find: "c.get(this.#entry).i64(this.#mode.address).op(OP.i64And).set(this.#table);",
    replace: "c.get(this.#entry).i64(0xffffffff000n).op(OP.i64And).set(this.#table);",
    why: "a table's address has 44 bits",
  },
  {
    file: EMITTER,
    find: "if (this.#mode.levels >= 4) this.#judgeKey();",
    replace: "if (this.#mode.levels >= 5) this.#judgeKey();",
    why: "protection keys work in 5-level paging only",
  },
  {
    file: EMITTER,
    find: "c.get(this.#host).get(this.#entry).i64(59n)",
    replace: "c.get(this.#host).get(this.#entry).i64(60n)",
    why: "the protection key is one bit too high",
  },
  {
    file: EMITTER,
    find: "op(OP.i32And).i32(RIGHT.USER).op(OP.i32Xor);",
    replace: "op(OP.i32And);",
    why: "PKRU and IA32_PKRS are swapped",
  },
  {
    file: EMITTER,
    find: "c.i32(PF_ERROR.P | PF_ERROR.PK).set(this.#cause);",
    replace: "c.i32(PF_ERROR.P).set(this.#cause);",
    why: "PK is not reported",
  },
  {
    file: EMITTER,
    find: "c.i32(ENTRY_LO.A | ENTRY_LO.D).i32(ENTRY_LO.A);",
    replace: "c.i32(ENTRY_LO.A).i32(ENTRY_LO.A);",
    why: "D is never set",
  },
  {
    file: EMITTER,
    find: "c.i32(ENTRY_LO.A | ENTRY_LO.D).i32(ENTRY_LO.A);",
    replace: "c.i32(ENTRY_LO.A | ENTRY_LO.D).i32(ENTRY_LO.A | ENTRY_LO.D);",
    why: "D is set by reads",
  },
  {
    file: EMITTER,
    find: "c.get(this.#accessed).i32(ENTRY_LO.A).op(OP.i32And, OP.i32Eqz, OP.i32Or).if();",
    replace: "c.if();",
    why: "A of upper levels is not looked at",
  },
  {
    file: EMITTER,
    find: "const mayBeLeaf = level === 1 || this.#format(level).mayBeLarge;",
    replace: "const mayBeLeaf = level === 1;",
    why: "D of a large page is not set",
  },
  {
    file: EMITTER,
    find: "c.get(need).i32(ENTRY_LO.A).get(this.#scratch).op(OP.select);",
    replace: "c.get(need);",
    why: "D is set in every entry that could map a page",
  },
  {
    file: EMITTER,
    find: "for (let level = this.#mode.levels; level >= 1; level--) {\n      if (this.#mode.kind",
    replace:
      "for (let level = this.#mode.levels - 1; level >= 1; level--) {\n      if (this.#mode.kind",
    why: "A of the top level is not set",
  },
  {
    file: EMITTER,
    find: ".i32(TEST_COUNT - 1)",
    replace: ".i32(7)",
    why: "implicit accesses are judged as explicit ones",
  },
  {
    file: EMITTER,
    find: 'if (this.#mode.kind === "32-bit" && format.level === 2) {',
    replace: 'if (this.#mode.kind === "none") {',
    why: "PSE-36 address bits are ignored",
    where: "32-bit",
  },
  {
    file: EMITTER,
    find: 'const register = this.#mode.kind === "pae" && level === 3;\n    this.#read',
    replace: "const register = false;\n    this.#read",
    why: "PDPTEs are read from memory",
    where: "PAE",
  },
  {
    file: "mmu-state.ts",
    find: "test.deniedUserKeys | (test.deniedSupervisorKeys << 16)",
    replace: "test.deniedUserKeys",
    why: "IA32_PKRS does not count",
  },
  {
    file: "mmu-state.ts",
    find: "int32[at + 3] = pageFault(access, 0, reports);",
    replace: "int32[at + 3] = pageFault(access, 0, false);",
    why: "I/D is not reported",
  },
];
