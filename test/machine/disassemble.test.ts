import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../src/base/errors.ts";
import { disassemble } from "../../src/machine/disassemble.ts";

const textOf = async (bytes: readonly number[], address: bigint, mode: 16 | 32 | 64) =>
  (await disassemble(Uint8Array.from(bytes), address, mode)).map(({ text }) => text);

describe("disassemble", () => {
  it("shows Intel syntax with the address of each instruction", async () => {
    const code = Uint8Array.of(0x0f, 0x22, 0xd8, 0x48, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0);
    expect(await disassemble(code, 0xffffffff81000000n, 64)).toEqual([
      { address: 0xffffffff81000000n, bytes: code.slice(0, 3), text: "mov cr3, rax" },
      { address: 0xffffffff81000003n, bytes: code.slice(3), text: "mov rax, [0x10]" },
    ]);
  });

  it("reads the same bytes by the size of the code segment", async () => {
    const code = [0xb8, 0x34, 0x12, 0x00, 0x00];
    expect(await textOf(code, 0n, 32)).toEqual(["mov eax, 0x1234"]);
    expect(await textOf(code, 0n, 16)).toEqual(["mov ax, 0x1234", "add [bx+si], al"]);
  });

  it("marks what cannot be decoded and stops where it is told to", async () => {
    expect(await textOf([0x0f, 0x04], 0n, 64)).toEqual(["(bad)"]);
    expect(await disassemble(Uint8Array.of(0x90, 0x90, 0x90), 0n, 64, 2)).toHaveLength(2);
  });

  it("refuses a mode that does not exist", async () => {
    await expect(disassemble(Uint8Array.of(0x90), 0n, 8 as 16)).rejects.toThrow(ArgumentError);
  });
});
