/** Mutations of the generated walk's emitter and of the state that the generated code reads. */
import type { Patch } from "./mutant.ts";

const EMITTER = "walk-emitter.ts";

export const GENERATED_PATCHES: readonly Patch[] = [
  {
    file: EMITTER,
    find: "const checked = ENTRY.P | reserved | (mayBeLarge ? ENTRY.PS : 0n);",
    replace: "const checked = ENTRY.P | (mayBeLarge ? ENTRY.PS : 0n);",
    why: "reserved bits are not checked",
  },
  {
    file: EMITTER,
    find: "const checked = ENTRY.P | reserved | (mayBeLarge ? ENTRY.PS : 0n);",
    replace:
      "const checked = ENTRY.P | (level > 2 ? 0n : reserved) | (mayBeLarge ? ENTRY.PS : 0n);",
    why: "reserved bits are not checked above the PDE",
  },
  {
    file: EMITTER,
    find: "c.i32(PF_ERROR.P | PF_ERROR.RSVD)\n      .op(OP.i32Mul)",
    replace: "c.op(OP.drop).i32(PF_ERROR.P | PF_ERROR.RSVD)",
    why: "P is not checked before the reserved bits",
  },
  {
    file: EMITTER,
    find: "c.i32(PF_ERROR.P | PF_ERROR.RSVD)\n",
    replace: "c.i32(PF_ERROR.RSVD)\n",
    why: "RSVD comes without P",
  },
  {
    file: EMITTER,
    find: "this.#toLeaf(level, largeAddress);",
    replace: "this.#toLeaf(level, this.#mode.address);",
    why: "PAT of a large page is taken for an address bit",
  },
  {
    file: EMITTER,
    find: "i64(large | reservedLarge)",
    replace: "i64(large)",
    why: "a large page's own reserved bits are not checked",
  },
  {
    file: EMITTER,
    find: "this.#gather();\n      this.#toLeaf(level, largeAddress);",
    replace: "this.#toLeaf(level, largeAddress);",
    why: "the rights of a large page's entry do not count",
  },
  {
    file: EMITTER,
    find: "if (!this.#isRegister(level)) this.#gather();",
    replace: "if (level === 1) this.#gather();",
    why: "only the leaf's rights count",
  },
  {
    file: EMITTER,
    find: "op(OP.i64ShrU, OP.i32WrapI64, OP.i32Eqz, OP.i32Or);",
    replace: "op(OP.i64ShrU, OP.i32WrapI64, OP.drop);",
    why: "XD is not gathered",
  },
  {
    file: EMITTER,
    find: "c.get(this.#all).i64(63n)",
    replace: "c.get(this.entry).i64(ENTRY.XD).op(OP.i64Xor).i64(63n)",
    why: "XD of upper levels is forgotten",
  },
  {
    file: EMITTER,
    find: "c.get(this.#all).op(OP.i32WrapI64).i32(ENTRY_LO.D).op(OP.i32Or);",
    replace: "c.i32(-1);",
    why: "A of upper levels is set only if the leaf lacks it",
  },
  {
    file: EMITTER,
    find: "const offset = (1n << BigInt(this.#format(level).shift)) - 1n;",
    replace: "const offset = 4095n;",
    why: "a large page's offset has 12 bits",
  },
  {
    file: EMITTER,
    find: "c.get(this.entry).i64(this.#mode.address).op(OP.i64And).set(this.#table);",
    replace: "c.get(this.entry).i64(0x7fffffffff000n).op(OP.i64And).set(this.#table);",
    why: "bit 51 of a table's address is lost",
  },
  {
    file: EMITTER,
    find: "c.get(this.entry).i64(this.#mode.address).op(OP.i64And).set(this.#table);",
    replace: "c.get(this.entry).i64(0xffffffff000n).op(OP.i64And).set(this.#table);",
    why: "a table's address has 44 bits",
  },
  {
    file: EMITTER,
    find: "if (this.#mode.levels >= 4) this.#judgeKey(pageFault);",
    replace: "if (this.#mode.levels >= 5) this.#judgeKey(pageFault);",
    why: "protection keys work in 5-level paging only",
  },
  {
    file: EMITTER,
    find: "c.get(this.#keys).get(this.entry).i64(59n)",
    replace: "c.get(this.#keys).get(this.entry).i64(60n)",
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
    find: "c.get(this.#access).i32(WRITE).op(OP.i32And)",
    replace: "c.i32(0)",
    why: "D is never set",
  },
  {
    file: EMITTER,
    find: "c.get(this.#access).i32(WRITE).op(OP.i32And)",
    replace: "c.i32(1)",
    why: "D is set by reads",
  },
  {
    file: EMITTER,
    find: "i32(ENTRY_LO.D).op(OP.i32Or);",
    replace: "i32(-1).op(OP.i32Or);",
    why: "A of upper levels is not looked at",
  },
  {
    file: EMITTER,
    find: "get(end).i32(level).op(OP.i32Eq, OP.select);",
    replace: "get(end).i32(1).op(OP.i32Eq, OP.select);",
    why: "D of a large page is not set",
  },
  {
    file: EMITTER,
    find: "c.get(this.#need).i32(ENTRY_LO.A).get(end).i32(level).op(OP.i32Eq, OP.select);",
    replace: "c.get(this.#need);",
    why: "D is set in every entry",
  },
  {
    file: EMITTER,
    find: "for (let level = this.#mode.levels; level >= 1; level--) {\n      if (!this.#isRegister(level)) this.#setBits",
    replace:
      "for (let level = this.#mode.levels - 1; level >= 1; level--) {\n      if (!this.#isRegister(level)) this.#setBits",
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
    find: 'if (this.#mode.kind === "32-bit" && level === 2) {',
    replace: 'if (this.#mode.kind === "none") {',
    why: "PSE-36 address bits are ignored",
    where: "32-bit",
  },
  {
    file: EMITTER,
    find: 'return this.#mode.kind === "pae" && level === 3;',
    replace: "return false;",
    why: "PDPTEs are read from memory",
    where: "PAE",
  },
  {
    file: "rights-tests.ts",
    find: "test.deniedUserKeys | (test.deniedSupervisorKeys << 16)",
    replace: "test.deniedUserKeys",
    why: "IA32_PKRS does not count",
  },
  {
    file: "rights-tests.ts",
    find: "= pageFault(access, 0, reports);",
    replace: "= pageFault(access, 0, false);",
    why: "I/D is not reported",
  },
];
