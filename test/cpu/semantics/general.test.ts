/** Shifts, bits, multiplication and division: cases whose results follow from the manual by hand. */
import { describe, expect, it } from "vitest";
import { AT } from "../../support/guest.ts";
import { execute, flagNames } from "../../support/instruction.ts";

const TOP = 0x8000_0000_0000_0000n;
const ONES = 0xffff_ffff_ffff_ffffn;
const data = BigInt(AT.data);

/** listing, RAX, RCX, flags before; RAX and status flags after. */
type Case = readonly [string, bigint, bigint, bigint, bigint, string];

const SHIFTS: readonly Case[] = [
  // shl rax, 1: the sign goes to CF, OF tells that it changed
  ["48 d1 e0", TOP, 0n, 2n, 0n, "CF PF ZF OF"],
  ["48 d1 e0", 1n, 0n, 3n, 2n, ""],
  // shr eax, 31 clears the upper half
  ["c1 e8 1f", 0xffff_ffff_8000_0000n, 0n, 2n, 1n, ""],
  // sar rax, 63
  ["48 c1 f8 3f", TOP, 0n, 2n, ONES, "PF SF"],
  // a count of 0 (64 modulo 64) leaves the flags, but a 32-bit register loses its upper half
  ["48 d3 e0", 5n, 64n, 0x8d7n, 5n, "CF PF AF ZF SF OF"],
  ["d3 e0", 0xffff_ffff_0000_0005n, 32n, 0x8d7n, 5n, "CF PF AF ZF SF OF"],
  // rol al, 1 and ror al, 1 change CF and OF only
  ["d0 c0", 0x180n, 0n, 0xc0n, 0x101n, "CF ZF SF OF"],
  ["d0 c8", 0x101n, 0n, 0xc0n, 0x180n, "CF ZF SF OF"],
  // rcl al, 1 and rcr rax, 1 take CF in
  ["d0 d0", 0x80n, 0n, 3n, 1n, "CF OF"],
  ["48 d1 d8", 1n, 0n, 3n, TOP, "CF OF"],
  // rcl al, cl by 9 is no rotation at all
  ["d2 d0", 0x55n, 9n, 3n, 0x55n, "CF"],
  // shld eax, ecx, 8 and shrd rax, rcx, 4
  ["0f a4 c8 08", 0x1234_5678n, 0xabcd_ef01n, 2n, 0x3456_78abn, ""],
  ["48 0f ac c8 04", 0x10n, 0x5n, 2n, 0x5000_0000_0000_0001n, ""],
];

const BITS: readonly Case[] = [
  // bt rax, 63: CF alone changes
  ["48 0f ba e0 3f", TOP, 0n, 0x40n, TOP, "CF ZF"],
  ["48 0f bb c8", 0n, 65n, 3n, 2n, ""],
  // bsf rax, rcx of 0 leaves RAX; tzcnt and lzcnt give the width with CF
  ["48 0f bc c1", 7n, 0n, 2n, 7n, "ZF"],
  ["48 0f bd c1", 7n, 0x100n, 2n, 8n, ""],
  ["f3 0f bc c1", 7n, 0n, 2n, 32n, "CF"],
  ["f3 48 0f bd c1", 7n, 1n, 2n, 63n, ""],
  ["f3 48 0f b8 c1", 0n, ONES, 0x8d7n, 64n, ""],
  // crc32 eax, cl of 61H from 0: the CRC-32C table's entry
  ["f2 0f 38 f0 c1", 0n, 0x61n, 2n, 0x93ad_1061n, ""],
  // adcx eax, ecx; adox eax, ecx
  ["66 0f 38 f6 c1", 0xffff_ffffn, 0n, 3n, 0n, "CF"],
  ["f3 0f 38 f6 c1", 0xffff_ffffn, 1n, 2n, 0n, "OF"],
  // pdep rax, rax, rcx and pext rax, rax, rcx
  ["c4 e2 fb f5 c1", 0b101n, 0xf0f0n, 2n, 0x50n, ""],
  ["c4 e2 fa f5 c1", 0x50n, 0xf0f0n, 2n, 0b101n, ""],
];

describe.each([
  ["Shifts and rotates", SHIFTS],
  ["Bit instructions", BITS],
])("%s", (_, cases) => {
  it.each(cases)("%s: rax %s, rcx %s, flags %s", (text, rax, rcx, flags, result, after) => {
    const { registers } = execute(text, { rax, rcx, flags });
    expect([registers.rax, flagNames(registers.flags)]).toEqual([result, after]);
  });
});

describe("Bit instructions on memory", () => {
  it("BTS reaches memory before the operand by a negative bit offset", () => {
    const { memory } = execute("48 0f ab 0b", { rbx: data + 8n, rcx: -64n & ONES });
    expect([...memory.subarray(0, 9)]).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe("MUL and IMUL", () => {
  it("give the whole product of 64-bit factors", () => {
    const product = ONES * ONES;
    const { registers } = execute("48 f7 e1", { rax: ONES, rcx: ONES });
    expect([registers.rdx, registers.rax]).toEqual([product >> 64n, product & ONES]);
    expect(flagNames(registers.flags)).toBe("CF OF");
    const signed = execute("48 f7 e9", { rax: ONES, rcx: ONES }).registers;
    expect([signed.rdx, signed.rax, flagNames(signed.flags)]).toEqual([0n, 1n, ""]);
  });

  it("of bytes leave the product in AX", () => {
    expect(execute("f6 e1", { rax: 0x1_00ffn, rcx: 0xffn }).registers.rax).toBe(0x1_fe01n);
  });
});

describe("DIV and IDIV", () => {
  it("divide 128 bits exactly", () => {
    const divisor = 0xffff_ffff_ffff_fff1n;
    const dividend = (0x1234n << 64n) | 0x5678_9abc_def0_1234n;
    const { registers } = execute("48 f7 f1", {
      rdx: dividend >> 64n,
      rax: dividend & ONES,
      rcx: divisor,
    });
    expect([registers.rax, registers.rdx]).toEqual([dividend / divisor, dividend % divisor]);
  });

  it("give a remainder with the sign of the dividend", () => {
    const { registers } = execute("48 f7 f9", { rdx: ONES, rax: -7n & ONES, rcx: 2n });
    expect([registers.rax, registers.rdx]).toEqual([-3n & ONES, ONES]);
  });

  it.each([
    ["f6 f1", 0x100n, 0n, 1n],
    ["f7 f1", 0n, 0n, 0n],
    ["48 f7 f1", 0n, 1n, 1n],
    ["f7 f9", 0x8000_0000n, ONES, 0xffff_ffffn],
    ["48 f7 f9", TOP, ONES, ONES],
    ["48 f7 f9", 0n, TOP, ONES],
  ])("%s: rax %s, rdx %s, rcx %s is #DE and changes nothing", (text, rax, rdx, rcx) => {
    const { vector, registers } = execute(text, { rax, rdx, rcx, flags: 0x8d7n });
    expect([vector, registers.rax, registers.rdx, registers.flags]).toEqual([0, rax, rdx, 0x8d7n]);
  });
});
