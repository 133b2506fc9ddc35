import { describe, expect, it } from "vitest";
import type { LocalApic } from "../../../src/machine/devices/local-apic.ts";
import { apicRig, drain, one, read, write } from "./apic-rig.ts";

const [TPR, SVR, LVT_TIMER] = [0x80, 0xf0, 0x320];
const EXTENDED = 0x400n;

const x2 = (apic: LocalApic) => apic.writeBase(apic.base | EXTENDED);

describe("Local APIC, IA32_APIC_BASE", () => {
  it("shows base, boot and enable bits, and follows a new base", () => {
    const { apics } = apicRig(2);
    expect(apics.map((apic) => apic.base)).toEqual([0xfee00900n, 0xfee00800n]);
    expect(apics[0]?.writeBase(0x3fff_fee0_1900n)).toBe(true);
    expect(apics[0]?.windowBase).toBe(0x3ffffee01000);
  });

  it("faults on reserved bits and forbidden changes of mode, changing nothing", () => {
    const { apic } = one();
    const faults = [1n, 0x200n, 1n << 46n, 1n << 63n].map((bit) =>
      apic.writeBase(0xfee00900n | bit),
    );
    expect(faults).toEqual([false, false, false, false]);
    expect(apic.writeBase(0xfee00500n)).toBe(false);
    expect(apic.writeBase(0xfee00100n)).toBe(true);
    expect(apic.writeBase(0xfee00d00n)).toBe(false);
    expect(apic.writeBase(0xfee00900n)).toBe(true);
    expect(apic.writeBase(0xfee00d00n)).toBe(true);
    expect(apic.writeBase(0xfee00900n)).toBe(false);
    expect([apic.base, apic.mode, apic.windowBase]).toEqual([0xfee00d00n, "x2APIC", -1]);
  });

  it("comes back in its power-up state after being disabled", () => {
    const { apic } = one();
    write(apic, LVT_TIMER, 0x40);
    apic.writeBase(0xfee00100n);
    expect([apic.mode, apic.windowBase]).toEqual(["disabled", -1]);
    apic.writeBase(0xfee00900n);
    expect([read(apic, SVR), read(apic, LVT_TIMER)]).toEqual([0xff, 0x10000]);
  });
});

describe("x2APIC", () => {
  const rig = (count: number) => {
    const made = apicRig(count);
    for (const apic of made.apics) x2(apic);
    return made;
  };

  it("answers MSRs in its mode only", () => {
    const { apic } = one();
    expect([apic.readMsr(0x803), apic.writeMsr(0x808, 0n)]).toEqual([undefined, false]);
    x2(apic);
    expect([apic.readMsr(0x803), apic.writeMsr(0x808, 0x10n), apic.readMsr(0x808)]).toEqual([
      0x00050014n,
      true,
      0x10n,
    ]);
  });

  it("keeps state over the switch, and derives the logical identifier", () => {
    const { apics } = apicRig(18);
    const last = apics[17] as LocalApic;
    write(last, TPR, 0x30);
    x2(last);
    expect([0x802, 0x808, 0x80d, 0x80f].map((msr) => last.readMsr(msr))).toEqual([
      17n,
      0x30n,
      0x00010002n,
      0x1ffn,
    ]);
  });

  it("faults on registers that it lacks, on the wrong direction and on reserved bits", () => {
    const apic = rig(1).apics[0] as LocalApic;
    const reads = [0x800, 0x809, 0x80b, 0x80c, 0x80e, 0x82f, 0x831, 0x83a, 0x83f, 0x840, 0x8ff];
    expect(reads.map((msr) => apic.readMsr(msr))).toEqual(reads.map(() => undefined));
    const writes: [number, bigint][] = [
      [0x802, 0n],
      [0x803, 0n],
      [0x80a, 0n],
      [0x80d, 0n],
      [0x80e, 0n],
      [0x810, 0n],
      [0x839, 0n],
      [0x808, 0x100n],
      [0x808, 1n << 32n],
      [0x80b, 1n],
      [0x80f, 0x400n],
      [0x828, 1n],
      [0x830, 0x1000n],
      [0x831, 0n],
      [0x832, 0x100n],
      [0x83e, 4n],
      [0x83f, 0x100n],
    ];
    expect(writes.map(([msr, value]) => apic.writeMsr(msr, value))).toEqual(
      writes.map(() => false),
    );
  });

  it("sends with one 64-bit write, physically, logically and to all", () => {
    const { apics } = rig(18);
    const [first] = apics as [LocalApic];
    const took = () => drain(apics).flatMap((vector, i) => (vector < 0 ? [] : [i]));
    first.writeMsr(0x830, (17n << 32n) | 0x50n);
    expect(took()).toEqual([17]);
    first.writeMsr(0x830, (0x0001_0003n << 32n) | 0x850n);
    expect(took()).toEqual([16, 17]);
    first.writeMsr(0x830, (0xffffffffn << 32n) | 0x50n);
    expect(took()).toHaveLength(18);
    expect(first.readMsr(0x830)).toBe((0xffffffffn << 32n) | 0x50n);
  });

  it("sends to itself through SELF IPI, and ends through the EOI register", () => {
    const apic = rig(1).apics[0] as LocalApic;
    expect(apic.writeMsr(0x83f, 0x61n)).toBe(true);
    expect(apic.acknowledge()).toBe(0x61);
    expect(apic.readMsr(0x813)).toBe(2n);
    expect(apic.writeMsr(0x80b, 0n)).toBe(true);
    expect(apic.readMsr(0x813)).toBe(0n);
    apic.writeMsr(0x83f, 0x0fn);
    apic.writeMsr(0x828, 0n);
    expect(apic.readMsr(0x828)).toBe(0x20n);
  });
});
