import { describe, expect, it } from "vitest";
import type { DecodeStatus } from "../../../src/cpu/decode/decoded.ts";
import {
  DECODE_INVALID,
  DECODE_MORE,
  DECODE_OK,
  DECODE_TOO_LONG,
  DecodedInstruction,
} from "../../../src/cpu/decode/decoded.ts";
import type { DecodeMode } from "../../../src/cpu/decode/decoder.ts";
import { Decoder } from "../../../src/cpu/decode/decoder.ts";
import { mnemonicOf } from "../../../src/cpu/decode/row.ts";
import { instructionRows } from "../../../src/cpu/decode/rows.ts";
import { RandomBytes } from "./encodings.ts";

const decoder = new Decoder("all");

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

function statusOf(hex: string, mode: DecodeMode, by: Decoder = decoder): DecodeStatus {
  const bytes = bytesOf(hex);
  return by.decode(bytes, 0, bytes.length, mode, new DecodedInstruction());
}

function decoded(hex: string, mode: DecodeMode, by: Decoder = decoder): DecodedInstruction {
  const bytes = bytesOf(hex);
  const into = new DecodedInstruction();
  expect(by.decode(bytes, 0, bytes.length, mode, into)).toBe(DECODE_OK);
  expect(into.length).toBe(bytes.length);
  return into;
}

function nameOf(hex: string, mode: DecodeMode, by: Decoder = decoder): string {
  const into = decoded(hex, mode, by);
  const row = instructionRows[into.row];
  return row === undefined ? "" : mnemonicOf(row, into);
}

/** Every field of an instruction, from what differs from one without any operand. */
function record(encoding: string, fields: Partial<DecodedInstruction>): DecodedInstruction {
  const row = instructionRows.findIndex((candidate) => candidate.encoding === encoding);
  return Object.assign(new DecodedInstruction(), { row }, fields);
}

describe("Decoder, records", () => {
  it("fills every field of a 64-bit MOV with SIB, displacement and REX", () => {
    expect(decoded("64 4e 8b 94 65 f0 ff ff ff", 64)).toEqual(
      record("8b /r", {
        length: 9,
        operandBytes: 8,
        addressBytes: 8,
        segment: 4,
        segmentOverridden: 1,
        rex: 0x4e,
        mod: 2,
        reg: 10,
        memory: 1,
        base: 5,
        index: 12,
        scale: 1,
        dispHi: -1,
        dispLo: -16,
      }),
    );
  });

  it("clears what the instruction before left behind", () => {
    const into = decoded("c8 34 12 05", 32);
    expect(into).toEqual(
      record("c8", { length: 4, operandBytes: 4, addressBytes: 4, immLo: 0x1234, imm2: 5 }),
    );
    decoder.decode(bytesOf("f8"), 0, 1, 16, into);
    expect(into).toEqual(record("f8", { length: 1, operandBytes: 2, addressBytes: 2 }));
  });

  it("takes BP-based 16-bit addresses from the stack segment", () => {
    expect(decoded("00 42 80", 16)).toMatchObject({ base: 5, index: 6, segment: 2, dispLo: -128 });
    expect(decoded("00 06 00 80", 16)).toMatchObject({ base: -1, segment: 3, dispLo: -32768 });
    expect(decoded("3e 00 42 80", 16)).toMatchObject({ segment: 3, segmentOverridden: 1 });
  });

  it("has RIP-relative addresses by ModRM alone, not by SIB", () => {
    expect(decoded("8b 05 04 00 00 00", 64)).toMatchObject({ ripRelative: 1, base: -1, dispLo: 4 });
    expect(decoded("8b 04 25 04 00 00 00", 64)).toMatchObject({ ripRelative: 0, base: -1 });
    expect(decoded("8b 05 04 00 00 00", 32)).toMatchObject({ ripRelative: 0, base: -1 });
  });

  it("reads a moffs as a memory operand of the address size", () => {
    const far = { memory: 1, base: -1, dispHi: 0x01234567, dispLo: 0x89abcdef | 0 };
    expect(decoded("a1 ef cd ab 89 67 45 23 01", 64)).toMatchObject(far);
    expect(decoded("67 a1 ef cd ab 89", 64)).toMatchObject({ dispHi: 0, dispLo: 0x89abcdef | 0 });
  });

  it("reads far pointers as offset and selector", () => {
    const into = decoded("66 ea 78 56 34 92 08 00", 16);
    expect(into).toMatchObject({ immHi: 0, immLo: 0x92345678 | 0, imm2: 8, operandBytes: 4 });
  });

  it("extends immediates as the operand says", () => {
    expect(decoded("48 81 c0 ff ff ff ff", 64)).toMatchObject({ immHi: -1, immLo: -1 });
    expect(decoded("48 b8 01 00 00 00 02 00 00 00", 64)).toMatchObject({ immHi: 2, immLo: 1 });
    expect(decoded("cd ff", 32)).toMatchObject({ immHi: 0, immLo: 255 });
    expect(decoded("6a ff", 32)).toMatchObject({ immHi: -1, immLo: -1 });
  });
});

describe("Decoder, prefixes", () => {
  it("ignores a REX that is not the last prefix", () => {
    expect(decoded("48 66 89 c8", 64)).toMatchObject({ rex: 0, operandBytes: 2 });
  });

  it("lets the last of F2 and F3 choose the instruction", () => {
    expect(nameOf("f2 f3 0f 10 c1", 64)).toBe("movss");
    expect(nameOf("f3 f2 0f 10 c1", 64)).toBe("movsd");
    expect(nameOf("66 f2 0f 10 c1", 64)).toBe("movsd");
  });

  it("allows LOCK only on a memory destination of a lockable instruction", () => {
    expect(statusOf("f0 01 08", 64)).toBe(DECODE_OK);
    expect(statusOf("f0 01 c8", 64)).toBe(DECODE_INVALID);
    expect(statusOf("f0 03 08", 64)).toBe(DECODE_INVALID);
    expect(statusOf("f0 39 08", 64)).toBe(DECODE_INVALID);
    expect(statusOf("f0 90", 64)).toBe(DECODE_INVALID);
  });

  it("keeps FS and GS in 64-bit mode when ES, CS, SS or DS follow", () => {
    expect(decoded("64 3e 8b 00", 64)).toMatchObject({ segment: 4, segmentOverridden: 1 });
    expect(decoded("2e 8b 45 00", 64)).toMatchObject({ segment: 2, segmentOverridden: 0 });
    expect(decoded("64 3e 8b 00", 32)).toMatchObject({ segment: 3, segmentOverridden: 1 });
  });

  it("ignores 66 on near branches in 64-bit mode", () => {
    expect(decoded("66 e8 00 00 00 80", 64)).toMatchObject({ operandBytes: 8, immHi: -1 });
    expect(decoded("66 e8 00 80", 32)).toMatchObject({ operandBytes: 2, immLo: -32768 });
  });

  it("ignores ModRM.mod in MOV from and to control registers", () => {
    expect(decoded("0f 22 1c", 64)).toMatchObject({ mod: 3, reg: 3, rm: 4, memory: 0 });
    expect(statusOf("0f 22 c8", 64)).toBe(DECODE_INVALID);
    expect(decoded("44 0f 22 c0", 64)).toMatchObject({ reg: 8, operandBytes: 8 });
  });

  it("takes VEX for LES and LDS outside 64-bit mode only in register form", () => {
    expect(nameOf("c4 00", 32)).toBe("les");
    expect(nameOf("c4 e2 70 f2 c2", 32)).toBe("andn");
    expect(decoded("c4 e2 f0 f2 c2", 32)).toMatchObject({ operandBytes: 4, vvvv: 1 });
    expect(statusOf("66 c4 e2 70 f2 c2", 32)).toBe(DECODE_INVALID);
    expect(statusOf("c4 e2 74 f2 c2", 64)).toBe(DECODE_INVALID);
  });
});

describe("Decoder, ends", () => {
  it("refuses instructions longer than 15 bytes and takes those of 15", () => {
    expect(decoded(`${"66 ".repeat(14)}90`, 64).length).toBe(15);
    expect(statusOf(`${"66 ".repeat(15)}90`, 64)).toBe(DECODE_TOO_LONG);
    expect(statusOf(`${"2e ".repeat(10)}81 04 25 00 00 00 00 00 00 00 00`, 32)).toBe(
      DECODE_TOO_LONG,
    );
  });

  it("asks for more bytes at every cut of an instruction, and reads none past the cut", () => {
    const seed = 7;
    const random = new RandomBytes(seed);
    const into = new DecodedInstruction();
    let count = 0;
    for (let round = 0; round < 20_000; round++) {
      const bytes = Uint8Array.from({ length: 20 }, () => random.next());
      const mode = ([16, 32, 64] as const)[round % 3] as DecodeMode;
      if (decoder.decode(bytes, 2, 15, mode, into) !== DECODE_OK) continue;
      const { length } = into;
      for (let available = 0; available < length; available++) {
        expect(decoder.decode(bytes, 2, available, mode, into)).toBe(DECODE_MORE);
      }
      expect(decoder.decode(bytes, 2, length, mode, into)).toBe(DECODE_OK);
      count++;
    }
    console.log(`decoder at page ends: seed ${seed}, ${count} instructions`);
    expect(count).toBeGreaterThan(10_000);
  });
});

describe("Decoder, features", () => {
  const plain = new Decoder(new Set(["sse", "sse2", "mmx"]));

  it("decodes TZCNT and LZCNT as BSF and BSR where they are not announced", () => {
    expect([nameOf("f3 0f bc c1", 64), nameOf("f3 0f bd c1", 64)]).toEqual(["tzcnt", "lzcnt"]);
    expect([nameOf("f3 0f bc c1", 64, plain), nameOf("f3 0f bd c1", 64, plain)]).toEqual([
      "bsf",
      "bsr",
    ]);
  });

  it("refuses instructions of features that are not announced", () => {
    for (const hex of ["f30fb8c1", "0f38f000", "0fae20", "0f01ca", "660f3880c1", "c4e270f2c2"]) {
      expect(statusOf(hex, 64, plain)).toBe(DECODE_INVALID);
    }
  });

  it("has instructions that exist in one kind of mode only", () => {
    for (const hex of ["06", "27", "60", "82c000", "ce", "d400", "d6", "9a000000000000"]) {
      expect([statusOf(hex, 32), statusOf(hex, 64)]).toEqual([DECODE_OK, DECODE_INVALID]);
    }
    for (const hex of ["0f05", "0f07", "0f01f8", "f30faec0"]) {
      expect([statusOf(hex, 32), statusOf(hex, 64)]).toEqual([DECODE_INVALID, DECODE_OK]);
    }
    expect([nameOf("63c8", 32), nameOf("63c8", 64)]).toEqual(["arpl", "movsxd"]);
  });

  it("finds no instruction in VMX, SMX, 3DNow!, AVX and EVEX", () => {
    for (const hex of ["0f01c1", "0f7801", "0f37", "0f0f00bf", "c5f858c1", "62f17c4858c1"]) {
      expect(statusOf(hex, 64)).toBe(DECODE_INVALID);
    }
  });
});
