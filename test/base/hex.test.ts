import { describe, expect, it } from "vitest";
import { byteSize, hex, hex64, hexPair } from "../../src/base/hex.ts";

describe("Hexadecimal for people", () => {
  it("writes numbers and bigints with 0x, unpadded", () => {
    expect(hex(0)).toBe("0x0");
    expect(hex(0xf_ffff_ffff_f000)).toBe("0xffffffffff000");
    expect(hex(0xff11_0000_0000_0000n)).toBe("0xff11000000000000");
  });

  it("pads a 64-bit word to sixteen digits", () => {
    expect(hex64(0x1000n)).toBe("0000000000001000");
    expect(hex64(255)).toBe("00000000000000ff");
    expect(hex64(0xffff_ffff_8100_0000n)).toBe("ffffffff81000000");
  });

  it("writes signed halves as one word", () => {
    expect(hexPair(-1, -0x7f00_0000)).toBe("ffffffff81000000");
    expect(hexPair(0, 1)).toBe("0000000000000001");
  });
});

describe("Byte counts for people", () => {
  it.each([
    [0, "0"],
    [1, "1"],
    [1023, "1023"],
    [4096, "4K"],
    [4097, "4097"],
    [2 * 1024 ** 2, "2M"],
    [1536 * 1024 ** 2, "1536M"],
    [1024 ** 3, "1G"],
    [64 * 1024 ** 4, "64T"],
    [128n * 1024n ** 5n, "128P"],
    [1024n ** 6n, "1024P"],
  ])("writes %d as %s", (bytes, text) => {
    expect(byteSize(bytes)).toBe(text);
  });
});
