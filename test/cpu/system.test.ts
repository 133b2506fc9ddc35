import { describe, expect, it } from "vitest";
import { Cpu } from "../../src/cpu/cpu.ts";
import { implementedFeatures } from "../../src/cpu/implemented.ts";
import { cpuid } from "../../src/cpu/system/cpuid.ts";
import { readMsr, writeMsr } from "../../src/cpu/system/msr.ts";
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";

const MIB = 1 << 20;

function cpuWith(...without: string[]): Cpu {
  const memory = new PhysicalMemory({ linearBytes: 128 * MIB, addressBits: 40 });
  const features = new Set(implementedFeatures());
  for (const name of without) features.delete(name);
  return new Cpu(memory, { features, physicalAddressBits: 40, recordBytes: MIB });
}

describe("CPUID", () => {
  const cpu = cpuWith();

  it("is GenuineIntel, without performance counters", () => {
    expect(cpuid(cpu, 0, 0)).toMatchObject({ ebx: 0x756e6547, edx: 0x49656e69, ecx: 0x6c65746e });
    expect(cpuid(cpu, 0xa, 0)).toEqual({ eax: 0, ebx: 0, ecx: 0, edx: 0 });
    expect((cpuid(cpu, 1, 0).ecx >>> 15) & 1).toBe(0);
  });

  it("tells the widths of addresses, and hides LA57 and what else is taken away", () => {
    expect(cpuid(cpu, 0x8000_0008, 0).eax).toBe((57 << 8) | 40);
    expect((cpuid(cpu, 7, 0).ecx >>> 16) & 1).toBe(1);
    const four = cpuWith("la57", "smep");
    expect(cpuid(four, 0x8000_0008, 0).eax).toBe((48 << 8) | 40);
    expect((cpuid(four, 7, 0).ecx >>> 16) & 1).toBe(0);
    expect((cpuid(four, 7, 0).ebx >>> 7) & 1).toBe(0);
  });

  it("gives the last basic leaf for one beyond it, and nothing for unknown subleaves", () => {
    expect(cpuid(cpu, 0x4000_0000, 0)).toEqual(cpuid(cpu, 0x15, 0));
    expect(cpuid(cpu, 7, 1)).toEqual({ eax: 0, ebx: 0, ecx: 0, edx: 0 });
  });
});

describe("Model-specific registers", () => {
  const lawful: readonly (readonly [string, number, bigint])[] = [
    ["IA32_SYSENTER_ESP", 0x175, 0xffff_8000_0000_0000n],
    ["IA32_LSTAR of 57 bits", 0xc000_0082, 0xff00_0000_0000_0000n],
    ["IA32_GS_BASE of 57 bits", 0xc000_0101, 0x00ff_ffff_ffff_ffffn],
    ["IA32_MTRR_PHYSBASE0", 0x200, 0xff_ffff_f006n],
    ["IA32_MTRR_PHYSMASK0", 0x201, 0xff_ffff_f800n],
    ["IA32_MTRR_FIX64K_00000", 0x250, 0x0605_0401_0006_0504n],
    ["IA32_MTRR_DEF_TYPE", 0x2ff, 0xc06n],
    ["IA32_PAT", 0x277, 0x0001_0405_0607_0006n],
    ["IA32_TSC_AUX", 0xc000_0103, 0xffff_ffffn],
    ["IA32_PKRS", 0x6e1, 0xffff_ffffn],
    ["IA32_FMASK", 0xc000_0084, 0x4_7700n],
  ];
  it.each(lawful)("%s keeps what is written", (_name, number, value) => {
    const cpu = cpuWith();
    expect(writeMsr(cpu, number, value)).toBe(true);
    expect(readMsr(cpu, number)).toBe(value);
  });

  const refused: readonly (readonly [string, number, bigint])[] = [
    ["IA32_SYSENTER_EIP not canonical", 0x176, 1n << 60n],
    ["IA32_KERNEL_GS_BASE not canonical", 0xc000_0102, 0x0100_0000_0000_0000n],
    ["IA32_MTRR_PHYSBASE0 of type 2", 0x200, 2n],
    ["IA32_MTRR_PHYSBASE0 beyond MAXPHYADDR", 0x200, 1n << 40n],
    ["IA32_MTRR_PHYSMASK0, bit 10", 0x201, 0x400n],
    ["IA32_MTRR_DEF_TYPE, bit 8", 0x2ff, 0x100n],
    ["IA32_MTRRCAP, read-only", 0xfe, 0x508n],
    ["IA32_PAT of type 3", 0x277, 3n],
    ["IA32_TSC_AUX of 33 bits", 0xc000_0103, 1n << 32n],
    ["IA32_EFER, bit 9", 0xc000_0080, 0x200n],
    ["IA32_PERF_CAPABILITIES, absent", 0x345, 0n],
  ];
  it.each(refused)("%s is #GP(0) and changes nothing", (_name, number, value) => {
    const cpu = cpuWith();
    const before = readMsr(cpu, number);
    expect(writeMsr(cpu, number, value)).toBe(false);
    expect(readMsr(cpu, number)).toBe(before);
  });

  it("checks canonical addresses against 48 bits where LA57 is not supported", () => {
    const cpu = cpuWith("la57");
    expect(writeMsr(cpu, 0xc000_0082, 0xff00_0000_0000_0000n)).toBe(false);
    expect(writeMsr(cpu, 0xc000_0082, 0xffff_8000_0000_0000n)).toBe(true);
  });

  it("has no register of a feature that is not announced", () => {
    expect(readMsr(cpuWith("pks"), 0x6e1)).toBeUndefined();
    expect(readMsr(cpuWith("mtrr"), 0x2ff)).toBeUndefined();
  });

  it("moves the counter by IA32_TSC_ADJUST, and the other way round", () => {
    const cpu = cpuWith();
    const before = readMsr(cpu, 0x10) as bigint;
    expect(writeMsr(cpu, 0x3b, 1000n)).toBe(true);
    expect(readMsr(cpu, 0x10)).toBe(before + 1000n);
    expect(writeMsr(cpu, 0x10, before)).toBe(true);
    expect(readMsr(cpu, 0x3b)).toBe(0n);
  });
});
