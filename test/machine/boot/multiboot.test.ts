import { describe, expect, it } from "vitest";
import { bytesSource } from "../../../src/base/byte-source.ts";
import { bootMultiboot } from "../../../src/machine/boot/multiboot.ts";
import { ramLayout } from "../../../src/machine/memory-layout.ts";
import { elf, MIB, machineMemory, multibootHeader, request, textAt } from "./images.ts";

const FLAT = 0xffffffff;
const CODE = Uint8Array.of(0xfa, 0xf4);
const image = (flags = 3) => Uint8Array.of(...multibootHeader(flags), ...CODE);
const kernel = (bits: 32 | 64, machine: number) =>
  elf(bits, machine, 0x10000c, [{ physical: 0x100000, bytes: image(), memoryBytes: 0x3000 }]);

describe("Multiboot, state at entry", () => {
  it("is flat 32-bit protected mode with the magic in EAX and the information in EBX", () => {
    const memory = machineMemory();
    const entry = bootMultiboot(memory, request(kernel(32, 3)));
    const data = { selector: 0x10, base: 0n, limit: FLAT, rights: 0xc093 };
    expect(entry).toEqual({
      registers: { rax: 0x2badb002n, rbx: 0x9000n },
      rip: 0x10000cn,
      rflags: 2n,
      cr0: 0x11,
      cr3: 0n,
      cr4: 0,
      efer: 0,
      segments: {
        es: data,
        cs: { selector: 0x08, base: 0n, limit: FLAT, rights: 0xc09b },
        ss: data,
        ds: data,
        fs: data,
        gs: data,
        ldtr: { selector: 0, base: 0n, limit: 0xffff, rights: 0x82 },
        tr: { selector: 0, base: 0n, limit: 0xffff, rights: 0x8b },
      },
      gdtr: { base: 0x1000n, limit: 23 },
      idtr: { base: 0n, limit: 0 },
    });
    expect([memory.read64(0x1008), memory.read64(0x1010)]).toEqual([
      0x00cf9b000000ffffn,
      0x00cf93000000ffffn,
    ]);
    expect([memory.read8(0x10000c), memory.read8(0x10000d)]).toEqual([0xfa, 0xf4]);
  });

  it("takes ELF32 with 64-bit code and ELF64 alike", () => {
    for (const bits of [32, 64] as const) {
      expect(bootMultiboot(machineMemory(), request(kernel(bits, 62))).rip).toBe(0x10000cn);
    }
  });

  it("clears what a segment has beyond the file", () => {
    const memory = machineMemory();
    memory.fill(0x100000, 0x4000, 0xcc);
    bootMultiboot(memory, request(kernel(32, 3)));
    expect([memory.read8(0x10000e), memory.read8(0x102fff), memory.read8(0x103000)]).toEqual([
      0, 0, 0xcc,
    ]);
  });

  it("places an image by the header's addresses", () => {
    const bytes = new Uint8Array(0x200).fill(0x90);
    bytes.set(multibootHeader(0x10003, [0x200040, 0x200000, 0x200100, 0x200180, 0x200060]), 0x40);
    const memory = machineMemory();
    memory.fill(0x200000, 0x200, 0xcc);
    expect(bootMultiboot(memory, request(bytes)).rip).toBe(0x200060n);
    const at = [0x200000, 0x2000ff, 0x200100, 0x20017f, 0x200180];
    expect(at.map((physical) => memory.read8(physical))).toEqual([0x90, 0x90, 0, 0, 0xcc]);
  });
});

describe("Multiboot, information", () => {
  it("has sizes, command line, modules, memory map and loader name, always", () => {
    const memory = machineMemory();
    const modules = [
      { source: bytesSource(Uint8Array.of(1, 2, 3), "a"), commandLine: "a one" },
      { source: bytesSource(Uint8Array.of(4), "b"), commandLine: "b" },
    ];
    const more = { commandLine: "x=1 y", imageName: "kernel.elf", modules };
    const info = Number(bootMultiboot(memory, request(kernel(32, 3), more)).registers.rbx);
    const word = (offset: number) => memory.read32(info + offset);
    expect([0, 4, 8, 12, 20].map(word)).toEqual([0x24f, 639, 63 * 1024, 0x8000ffff, 2]);
    expect(textAt(memory, word(16))).toBe("kernel.elf x=1 y");
    expect(textAt(memory, word(64))).toBe("pml5");
    const table = [0, 4, 8, 12, 16, 20, 24, 28].map((at) => memory.read32(word(24) + at));
    expect([table[0], table[1], table[4], table[5]]).toEqual([
      0x103000, 0x103003, 0x104000, 0x104001,
    ]);
    expect([table[2], table[6]].map((at) => textAt(memory, at as number))).toEqual(["a one", "b"]);
    expect([memory.read8(0x103002), memory.read8(0x104000)]).toEqual([3, 4]);
    const map = [0, 1, 2, 3].map((i) => {
      const at = word(48) + 24 * i;
      return [
        memory.read32(at),
        memory.read64(at + 4),
        memory.read64(at + 12),
        memory.read32(at + 20),
      ];
    });
    expect(word(44)).toBe(96);
    expect(map).toEqual([
      [20, 0n, 0x9fc00n, 1],
      [20, 0x9fc00n, 0x400n, 2],
      [20, 0xe0000n, 0x20000n, 2],
      [20, 0x100000n, 0x3f00000n, 1],
    ]);
  });

  it("counts in mem_upper what lies below the hole, and lists what lies above 4 GiB", () => {
    const memory = machineMemory();
    const ram = ramLayout(4096 * MIB);
    expect(ram).toEqual({ lowBytes: 3072 * MIB, highBytes: 1024 * MIB });
    const info = Number(bootMultiboot(memory, request(kernel(32, 3), { ram })).registers.rbx);
    expect(memory.read32(info + 8)).toBe(3071 * 1024);
    expect(memory.read64(memory.read32(info + 48) + 4 * 24 + 4)).toBe(0x100000000n);
  });
});

describe("Multiboot, refusals", () => {
  const refusal = (bytes: Uint8Array, more = {}) => {
    try {
      bootMultiboot(machineMemory(), request(bytes, more));
      return "accepted";
    } catch (error) {
      return (error as Error).message;
    }
  };
  const kludge = (...addresses: number[]) => multibootHeader(0x10000, addresses);

  it("names what is wrong with the header", () => {
    const badSum = multibootHeader(3);
    badSum[8] = 0;
    expect(refusal(badSum)).toBe("image: expected a multiboot header in the first 8 KiB, got none");
    expect(refusal(new Uint8Array(0))).toContain("got none");
    expect(refusal(multibootHeader(3).subarray(0, 11))).toContain("got none");
    expect(refusal(image(0x103))).toBe(
      "image: offset 0x4: multiboot flags: expected bits 0..2 and 16, got 259",
    );
    expect(refusal(multibootHeader(0x10000))).toBe(
      "image: offset 0xc: multiboot address fields: expected 20 bytes, got 0 (the file is truncated)",
    );
  });

  it("names which of the addresses is wrong", () => {
    expect(refusal(kludge(0x1000, 0x2000, 0, 0, 0))).toContain(
      "load_addr: expected at most header",
    );
    expect(refusal(kludge(0x2000, 0x1000, 0, 0, 0))).toContain("whose bytes are in the file");
    expect(refusal(kludge(0x2000, 0x2000, 0x1000, 0, 0))).toContain("load_end_addr: expected 0 or");
    expect(refusal(kludge(0x2000, 0x2000, 0x3000, 0, 0))).toContain("at most 32 bytes");
    expect(refusal(kludge(0x2000, 0x2000, 0, 0x2001, 0))).toContain("bss_end_addr");
    expect(refusal(kludge(0x2000, 0x2000, 0, 0xffffffff, 0))).toBe(
      "image: expected RAM at 0x2000..0xfffffffe, got none at 0x4000000",
    );
  });

  it("refuses what does not fit into RAM, before it writes", () => {
    const segment = (physical: number, memoryBytes: number) =>
      elf(32, 3, 0, [{ physical, bytes: image(), memoryBytes }]);
    expect(refusal(segment(0x100000, 0xffffffff))).toContain("at most 0x4000000 bytes together");
    expect(refusal(segment(0x3ffffff, 0x100))).toBe(
      "image: segment 0: expected RAM at 0x3ffffff..0x40000fe, got none at 0x4000000",
    );
    expect(refusal(segment(0x100000, 1))).toContain("expected p_filesz <= p_memsz, got 14 > 1");
    expect(refusal(elf(32, 3, 0, []))).toContain("got none");
    expect(refusal(image())).toContain("ELF magic");
  });

  it("refuses a module or command line without room", () => {
    const modules = [{ source: { name: "big", sizeBytes: 64 * MIB, read() {} }, commandLine: "" }];
    expect(refusal(kernel(32, 3), { modules })).toContain(
      "module big: expected 0x4000000 free bytes",
    );
    expect(refusal(kernel(32, 3), { commandLine: "x".repeat(5000) })).toContain(
      "at most 4095 bytes",
    );
  });

  it("survives a header at every offset and every truncation", () => {
    const whole = kernel(32, 3);
    for (let length = 0; length < whole.length; length++) {
      expect(refusal(whole.subarray(0, length))).toMatch(/^image: /);
    }
  });
});
