import { describe, expect, it } from "vitest";
import { AT } from "../../support/guest.ts";
import { execute, flagNames } from "../../support/instruction.ts";

/** listing, RAX, RCX, flags before; RAX and status flags after. */
type Case = readonly [
  text: string,
  rax: bigint,
  rcx: bigint,
  flags: bigint,
  result: bigint,
  after: string,
];

const TOP = 0x8000_0000_0000_0000n;
const ONES = 0xffff_ffff_ffff_ffffn;

const CASES: readonly Case[] = [
  ["48 01 c8", 1n, 2n, 2n, 3n, "PF"],
  ["48 01 c8", ONES, 1n, 2n, 0n, "CF PF AF ZF"],
  ["48 01 c8", TOP - 1n, 1n, 2n, TOP, "PF AF SF OF"],
  ["48 01 c8", TOP, TOP, 2n, 0n, "CF PF ZF OF"],
  ["01 c8", 0x1_7fff_ffffn, 1n, 2n, 0x8000_0000n, "PF AF SF OF"],
  ["01 c8", 0xffff_ffffn, 1n, 2n, 0n, "CF PF AF ZF"],
  ["66 01 c8", 0x1234_ffffn, 2n, 2n, 0x1234_0001n, "CF AF"],
  ["00 c8", 0x17fn, 1n, 2n, 0x180n, "AF SF OF"],
  ["00 e8", 0x1n, 0x200n, 2n, 3n, "PF"],
  ["48 29 c8", 1n, 2n, 2n, ONES, "CF PF AF SF"],
  ["48 29 c8", TOP, 1n, 2n, TOP - 1n, "PF AF OF"],
  ["29 c8", 0xffff_ffff_0000_0005n, 5n, 2n, 0n, "PF ZF"],
  ["28 c8", 0x80n, 1n, 2n, 0x7fn, "AF OF"],
  ["48 39 c8", 5n, 9n, 2n, 5n, "CF PF AF SF"],
  ["48 11 c8", ONES, 0n, 3n, 0n, "CF PF AF ZF"],
  ["48 11 c8", ONES, ONES, 3n, ONES, "CF PF AF SF"],
  ["48 11 c8", TOP - 1n, 0n, 3n, TOP, "PF AF SF OF"],
  ["10 c8", 0x7fn, 0x80n, 3n, 0n, "CF PF AF ZF"],
  ["48 19 c8", 0n, 0n, 3n, ONES, "CF PF AF SF"],
  ["48 19 c8", 0n, ONES, 3n, 0n, "CF PF AF ZF"],
  ["18 c8", 0x80n, 0n, 3n, 0x7fn, "AF OF"],
  ["48 21 c8", 0xf0f0n, 0xff00n, 0x8d7n, 0xf000n, "PF"],
  ["48 31 c0", 7n, 0n, 0x8d7n, 0n, "PF ZF"],
  ["09 c8", 0x8000_0000n, 1n, 2n, 0x8000_0001n, "SF"],
  ["48 ff c0", ONES, 0n, 3n, 0n, "CF PF AF ZF"],
  ["ff c0", 0x7fff_ffffn, 0n, 2n, 0x8000_0000n, "PF AF SF OF"],
  ["fe c8", 0x180n, 0n, 3n, 0x17fn, "CF AF OF"],
  ["48 f7 d8", 1n, 0n, 2n, ONES, "CF PF AF SF"],
  ["48 f7 d8", TOP, 0n, 2n, TOP, "CF PF SF OF"],
  ["48 f7 d8", 0n, 0n, 3n, 0n, "PF ZF"],
  ["f6 d8", 0x80n, 0n, 2n, 0x80n, "CF SF OF"],
  ["48 f7 d0", 0n, 0n, 0x8d7n, ONES, "CF PF AF ZF SF OF"],
  ["48 83 c0 ff", 1n, 0n, 2n, 0n, "CF PF AF ZF"],
  ["48 0f c1 c0", 3n, 0n, 2n, 6n, "PF"],
  ["48 0f b1 c8", 5n, 9n, 2n, 9n, "PF ZF"],
];

describe("Arithmetic and logic on registers", () => {
  it.each(CASES)("%s: rax %s, rcx %s, flags %s", (text, rax, rcx, flags, result, after) => {
    const { registers } = execute(text, { rax, rcx, flags });
    expect([registers.rax, flagNames(registers.flags)]).toEqual([result, after]);
  });
});

describe("Arithmetic and logic on memory", () => {
  const data = BigInt(AT.data);

  it("adds to memory in the operand's width and leaves its neighbours", () => {
    const { memory } = execute("66 01 0b", { rbx: data, rcx: 1n }, [0xff, 0xff, 0x55]);
    expect([...memory.subarray(0, 4)]).toEqual([0, 0, 0x55, 0]);
  });

  it("CMPXCHG exchanges if rAX equals memory, else loads rAX", () => {
    const equal = execute("0f b1 0b", { rbx: data, rax: 7n, rcx: 9n }, [7]);
    expect([equal.memory[0], equal.registers.rax]).toEqual([9, 7n]);
    const other = execute("0f b1 0b", { rbx: data, rax: 6n, rcx: 9n }, [7]);
    expect([other.memory[0], other.registers.rax]).toEqual([7, 7n]);
  });

  it("XADD with memory leaves the sum there and the old value in the register", () => {
    const { memory, registers } = execute("0f c1 0b", { rbx: data, rcx: 9n }, [7]);
    expect([memory[0], registers.rcx]).toEqual([16, 7n]);
  });

  it("changes neither flags nor memory if the destination is read-only or absent", () => {
    const { registers, vector } = execute("48 01 0b", { rbx: 0x40_0000n, rcx: 1n, flags: 0x8d7n });
    expect([vector, registers.flags]).toEqual([14, 0x8d7n]);
  });
});
