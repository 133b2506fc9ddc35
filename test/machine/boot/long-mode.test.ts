import { describe, expect, it } from "vitest";
import { bytesSource } from "../../../src/base/byte-source.ts";
import { bootImage } from "../../../src/machine/boot/boot.ts";
import { bootFlat } from "../../../src/machine/boot/flat.ts";
import { bzImage, elf, MIB, machineMemory, request, textAt } from "./images.ts";

const CODE = Uint8Array.of(0xf4);
const kernel = elf(64, 62, 0x1000b53, [{ physical: 16 * MIB, bytes: CODE, memoryBytes: 4 * MIB }]);

/** The physical address that the tables at `cr3` give `linear`, or -1. */
function translate(read: (at: number) => bigint, cr3: number, levels: number, linear: number) {
  let table = cr3;
  for (let level = levels; level > 0; level--) {
    const index = Math.floor(linear / 2 ** (12 + 9 * (level - 1))) % 512;
    const entry = read(table + 8 * index);
    if (!(entry & 1n)) return -1;
    const base = Number(entry & 0xffffffffff000n);
    if (level < 4 && entry & 0x80n) return base + (linear % 2 ** (12 + 9 * (level - 1)));
    table = base;
  }
  return table + (linear % 4096);
}

describe("ELF64 entry", () => {
  it("is 64-bit mode at e_entry with Linux's selectors and boot_params in RSI", () => {
    const memory = machineMemory();
    const entry = bootImage(memory, request(kernel, { rsdp: 0xe0000, commandLine: "a=b" }));
    expect(entry).toMatchObject({
      rip: 0x1000b53n,
      rflags: 2n,
      cr0: 0x80000011 | 0,
      cr4: 0x20,
      efer: 0x500,
      segments: {
        cs: { selector: 0x10, base: 0n, limit: 0xffffffff, rights: 0xa09b },
        ss: { selector: 0x18, base: 0n, limit: 0xffffffff, rights: 0xc093 },
      },
    });
    const params = Number(entry.registers.rsi);
    expect(memory.read64(params + 0x70)).toBe(0xe0000n);
    expect([memory.read8(params + 0x1e8), memory.read8(params + 0x210)]).toEqual([4, 0xff]);
    expect(textAt(memory, memory.read32(params + 0x228))).toBe("a=b");
    const usable = [0, 8, 16].map((at) => memory.read64(params + 0x2d0 + 60 + at) & 0xffffffffn);
    expect(usable).toEqual([0x100000n, 0x3f00000n, 1n]);
    const gdt = Number(entry.gdtr.base);
    expect([memory.read64(gdt + 0x10), memory.read64(gdt + 0x18)]).toEqual([
      0x00af9b000000ffffn,
      0x00cf93000000ffffn,
    ]);
  });

  it("maps the first 4 GiB and nothing else, at both depths", () => {
    for (const levels of [4, 5] as const) {
      const memory = machineMemory();
      const entry = bootImage(memory, request(kernel, { levels }));
      expect(entry.cr4).toBe(levels === 5 ? 0x1020 : 0x20);
      const at = (linear: number) =>
        translate((address) => memory.read64(address), Number(entry.cr3), levels, linear);
      const inside = [0, 0x1000b53, 0x7fffffff, 0xfee00000, 0xffffffff];
      expect(inside.map(at)).toEqual(inside);
      expect([0x100000000, 0x8000000000].map(at)).toEqual([-1, -1]);
    }
  });

  it("puts the first module as initrd at the top of RAM", () => {
    const memory = machineMemory();
    const modules = [
      { source: bytesSource(new Uint8Array(5000).fill(7), "initrd"), commandLine: "" },
    ];
    const params = Number(bootImage(memory, request(kernel, { modules })).registers.rsi);
    expect([memory.read32(params + 0x218), memory.read32(params + 0x21c)]).toEqual([
      0x3ffe000, 5000,
    ]);
    expect([memory.read8(0x3ffe000 + 4999), memory.read8(0x3ffe000 + 5000)]).toEqual([7, 0]);
  });

  it("finds room for its own tables beside a kernel in low memory", () => {
    const low = elf(64, 62, 0x8000, [{ physical: 0x1000, bytes: new Uint8Array(0x9000).fill(1) }]);
    const memory = machineMemory();
    const entry = bootImage(memory, request(low));
    expect(Number(entry.cr3)).toBe(0xa000);
    expect(memory.read8(0x9fff)).toBe(1);
  });

  it("refuses other machines, and more than it can place", () => {
    const other = elf(64, 183, 0, [{ physical: 0x100000, bytes: CODE }]);
    expect(() => bootImage(machineMemory(), request(other))).toThrow(
      "image: expected ELF64 for x86-64, got 64-bit, machine 183",
    );
    const many = elf(
      64,
      62,
      0,
      Array.from({ length: 257 }, () => ({ physical: MIB, bytes: CODE })),
    );
    expect(() => bootImage(machineMemory(), request(many))).toThrow("at most 256 PT_LOAD segments");
    const far = elf(64, 62, 0, [{ physical: 2 ** 52, bytes: CODE }]);
    expect(() => bootImage(machineMemory(), request(far))).toThrow("expected RAM at");
  });
});

describe("Linux bzImage", () => {
  const bytes = new Uint8Array(0x1000).fill(0x90);

  it("goes to pref_address and is entered at + 0x200, with its setup header in boot_params", () => {
    const memory = machineMemory();
    const modules = [{ source: bytesSource(Uint8Array.of(1), "initrd"), commandLine: "" }];
    const entry = bootImage(memory, request(bzImage(bytes), { modules, levels: 5 }));
    expect([entry.rip, entry.cr4]).toEqual([0x1000200n, 0x1020]);
    expect([memory.read8(0x1000000), memory.read8(0x1000fff)]).toEqual([0x90, 0x90]);
    const params = Number(entry.registers.rsi);
    expect([memory.read32(params + 0x202), memory.read32(params + 0x260)]).toEqual([
      0x53726448,
      2 * MIB,
    ]);
    expect([memory.read8(params + 0x210), memory.read32(params + 0x218)]).toEqual([
      0xff, 0x3fff000,
    ]);
  });

  it("refuses an old protocol, a kernel without 64-bit entry, and too little RAM", () => {
    const boot = (fields: object, more = {}) =>
      bootImage(machineMemory(), request(bzImage(bytes, fields), more));
    expect(() => boot({ version: 0x204 })).toThrow("boot protocol: expected 2.12 (0x20c) or newer");
    expect(() => boot({ flags: 0 })).toThrow("xloadflags: expected bit 0, a 64-bit entry, got 0");
    expect(() => boot({ preferred: 2 ** 40 })).toThrow("pref_address");
    expect(() => boot({ initBytes: 0x7fffffff })).toThrow("image: init_size: expected RAM");
    expect(() => boot({}, { commandLine: "x".repeat(3000) })).toThrow("at most 2047 bytes");
    const modules = [{ source: bytesSource(new Uint8Array(47 * MIB), "big"), commandLine: "" }];
    expect(() => boot({}, { modules })).toThrow("initrd big: expected 0x2f00000 free bytes");
  });

  it("refuses every truncation with one line", () => {
    const whole = bzImage(bytes);
    for (const length of [0, 100, 0x1ff, 0x205, 0x263, 0x264, 0x400, 0x500]) {
      const boot = () => bootImage(machineMemory(), request(whole.subarray(0, length)));
      expect(boot).toThrow(/^image: [^\n]*$/);
    }
  });
});

describe("Flat image", () => {
  const image = bytesSource(CODE, "flat");

  it("starts in real mode at CS:IP", () => {
    const entry = bootFlat(machineMemory(), { image, address: 0x7c05, mode: "real" });
    expect(entry).toMatchObject({
      rip: 5n,
      cr0: 0x10,
      segments: { cs: { selector: 0x7c0, base: 0x7c00n, limit: 0xffff, rights: 0x9b } },
      idtr: { base: 0n, limit: 0x3ff },
    });
  });

  it("starts in protected and in 64-bit mode", () => {
    const start = (mode: "protected" | "long") =>
      bootFlat(machineMemory(), { image, address: 0x200000, mode, levels: 5 });
    expect(start("protected")).toMatchObject({ rip: 0x200000n, cr0: 0x11, efer: 0 });
    expect(start("long")).toMatchObject({ rip: 0x200000n, cr4: 0x1020, efer: 0x500 });
  });

  it("refuses an address out of its mode's reach or without RAM", () => {
    const boot = (address: number, mode: "real" | "long") => () =>
      bootFlat(machineMemory(), { image, address, mode });
    expect(boot(MIB, "real")).toThrow("address: expected 0..0xfffff in real mode, got 0x100000");
    expect(boot(64 * MIB, "long")).toThrow("flat: expected RAM at 0x4000000..0x4000000");
  });
});

describe("Unknown images", () => {
  it("are named as such", () => {
    expect(() => bootImage(machineMemory(), request(new Uint8Array(100)))).toThrow(
      "image: expected a Linux bzImage, a multiboot kernel or an ELF64 file, got none of them",
    );
  });
});
