import { describe, expect, it } from "vitest";
import { NEVER } from "../../../src/machine/clock.ts";
import type { LocalApic } from "../../../src/machine/devices/local-apic.ts";
import { PicPair } from "../../../src/machine/devices/pic.ts";
import { apicRig, drain, one, read, write } from "./apic-rig.ts";

const [TPR, PPR, EOI, LDR, DFR, SVR, ESR] = [0x80, 0xa0, 0xb0, 0xd0, 0xe0, 0xf0, 0x280];
const [ICR_LO, ICR_HI, LVT_TIMER, LVT_LINT0, LVT_LINT1, LVT_ERROR] = [
  0x300, 0x310, 0x320, 0x350, 0x360, 0x370,
];
const [INITIAL, CURRENT, DIVIDE] = [0x380, 0x390, 0x3e0];
const ENABLED = 0x800n;

const ipi = (apic: LocalApic, lo: number, destination = 0) => {
  write(apic, ICR_HI, destination << 24);
  write(apic, ICR_LO, lo);
};

describe("Local APIC, registers", () => {
  it("has the reset values of the manual", () => {
    const { apic } = one();
    apic.reset();
    const at = [0x20, 0x30, TPR, PPR, LDR, DFR, SVR, ESR, LVT_TIMER, LVT_LINT0, LVT_ERROR, DIVIDE];
    expect(at.map((offset) => read(apic, offset))).toEqual([
      0, 0x00050014, 0, 0, 0, 0xffffffff, 0xff, 0, 0x10000, 0x10000, 0x10000, 0,
    ]);
  });

  it("keeps writable bits only", () => {
    const { apic } = one();
    const offsets = [0x20, TPR, LDR, DFR, SVR, LVT_TIMER, LVT_LINT0, LVT_ERROR, DIVIDE];
    for (const offset of offsets) write(apic, offset, 0xffffffff);
    expect(offsets.map((offset) => read(apic, offset))).toEqual([
      0xff000000, 0xff, 0xff000000, 0xffffffff, 0x3ff, 0x700ff, 0x1a7ff, 0x100ff, 0xb,
    ]);
  });

  it("reads parts of a register, and nothing between registers", () => {
    const { apic } = one();
    expect([apic.readWindow(0x30, 1), apic.readWindow(0x32, 2), apic.readWindow(0x34, 4)]).toEqual([
      0x14, 0x05, 0,
    ]);
  });

  it("notes an access to no register in the ESR, which a write makes visible", () => {
    const { apic } = one();
    write(apic, LVT_ERROR, 0x55);
    read(apic, 0x00);
    expect([read(apic, ESR), apic.acknowledge()]).toEqual([0, 0x55]);
    write(apic, ESR, 0);
    expect(read(apic, ESR)).toBe(0x80);
    write(apic, ESR, 0);
    expect(read(apic, ESR)).toBe(0);
  });

  it("masks the vector table while software-disabled, and keeps it masked", () => {
    const { apic } = one();
    write(apic, LVT_TIMER, 0x40);
    write(apic, SVR, 0xff);
    write(apic, LVT_TIMER, 0x41);
    expect(read(apic, LVT_TIMER)).toBe(0x10041);
  });
});

describe("Local APIC, priorities", () => {
  it("delivers the highest class above PPR, and nests by class", () => {
    const { apic } = one();
    for (const vector of [0x31, 0x35, 0x52]) ipi(apic, 0x40000 | vector);
    expect(apic.acknowledge()).toBe(0x52);
    expect([read(apic, PPR), apic.interruptPending]).toEqual([0x50, false]);
    ipi(apic, 0x40000 | 0x61);
    expect(apic.acknowledge()).toBe(0x61);
    write(apic, EOI, 0);
    write(apic, EOI, 0);
    expect([apic.acknowledge(), apic.interruptPending]).toEqual([0x35, false]);
    write(apic, EOI, 0);
    expect(apic.acknowledge()).toBe(0x31);
  });

  it("holds back what is not above the task priority, and gives the spurious vector then", () => {
    const { apic } = one();
    ipi(apic, 0x40000 | 0x43);
    apic.taskPriority = 0x40;
    expect([apic.interruptPending, apic.acknowledge(), read(apic, PPR)]).toEqual([
      false,
      0xff,
      0x40,
    ]);
    write(apic, TPR, 0x3f);
    expect(apic.interruptPending).toBe(true);
  });

  it("shows requests and service at their registers", () => {
    const { apic } = one();
    ipi(apic, 0x40000 | 0x45);
    expect(read(apic, 0x220)).toBe(0x20);
    apic.acknowledge();
    expect([read(apic, 0x220), read(apic, 0x120), read(apic, 0x1a0)]).toEqual([0, 0x20, 0]);
  });
});

describe("Local APIC, interprocessor interrupts", () => {
  it("addresses by physical identifier, and all by 0xff", () => {
    const { apics } = apicRig(3);
    const [first] = apics as [LocalApic];
    ipi(first, 0x4050, 2);
    expect(drain(apics)).toEqual([-1, -1, 0x50]);
    ipi(first, 0x4051, 0xff);
    expect(drain(apics)).toEqual([0x51, 0x51, 0x51]);
  });

  it("addresses by shorthand", () => {
    const { apics } = apicRig(3);
    const second = apics[1] as LocalApic;
    ipi(second, 0x44050);
    expect(drain(apics)).toEqual([-1, 0x50, -1]);
    ipi(second, 0x84051);
    expect(drain(apics)).toEqual([0x51, 0x51, 0x51]);
    ipi(second, 0xc4052);
    expect(drain(apics)).toEqual([0x52, -1, 0x52]);
  });

  it("addresses logically in the flat model by any common bit", () => {
    const { apics } = apicRig(3);
    for (const [i, apic] of apics.entries()) write(apic, LDR, (1 << i) << 24);
    ipi(apics[0] as LocalApic, 0x4850, 0b110);
    expect(drain(apics)).toEqual([-1, 0x50, 0x50]);
  });

  it("addresses logically in the cluster model by cluster and common bit, 15 being all", () => {
    const { apics } = apicRig(3);
    for (const apic of apics) write(apic, DFR, 0);
    for (const [i, ldr] of [0x11, 0x12, 0x21].entries())
      write(apics[i] as LocalApic, LDR, ldr << 24);
    const [first] = apics as [LocalApic];
    ipi(first, 0x4850, 0x13);
    expect(drain(apics)).toEqual([0x50, 0x50, -1]);
    ipi(first, 0x4851, 0xf1);
    expect(drain(apics)).toEqual([0x51, -1, 0x51]);
  });

  it("gives lowest priority to one CPU: the least busy, and equals in turn", () => {
    const { apics } = apicRig(3);
    const [first] = apics as [LocalApic];
    first.taskPriority = 0x20;
    const took = [0x50, 0x51, 0x52].map((vector) => {
      ipi(first, 0x4100 | vector, 0xff);
      return drain(apics).indexOf(vector);
    });
    expect(took).toEqual([1, 2, 1]);
  });

  it("passes NMI, SMI, INIT and start-up to processors, even software-disabled ones", () => {
    const { apics, log } = apicRig(2);
    const [first, second] = apics as [LocalApic, LocalApic];
    write(second, TPR, 0x30);
    write(second, SVR, 0xff);
    for (const lo of [0x4400, 0x4200, 0xc500, 0x8500, 0x4608]) ipi(first, lo, 1);
    expect(log).toEqual(["cpu1 nmi", "cpu1 smi", "cpu1 init", "cpu1 startup 8"]);
    expect([second.taskPriority, read(second, 0x20)]).toEqual([0, 0x01000000]);
    ipi(first, 0x4050, 1);
    expect(drain(apics)).toEqual([-1, -1]);
  });

  it("refuses to send a vector below 16 and notes it", () => {
    const { apic } = one();
    ipi(apic, 0x4000f);
    write(apic, ESR, 0);
    expect([apic.interruptPending, read(apic, ESR)]).toEqual([false, 0x20]);
  });

  it("notes an illegal vector that it receives", () => {
    const { apic, clock } = one();
    write(apic, LVT_TIMER, 0x05);
    write(apic, INITIAL, 1);
    clock.advanceTo(10);
    write(apic, ESR, 0);
    expect([apic.interruptPending, read(apic, ESR)]).toEqual([false, 0x40]);
  });
});

describe("Local APIC, timer", () => {
  it("counts down once at the divided rate and fires at 0", () => {
    const { apic, clock } = one();
    write(apic, LVT_TIMER, 0x40);
    write(apic, DIVIDE, 0x3);
    write(apic, INITIAL, 10);
    clock.advanceTo(33);
    expect(read(apic, CURRENT)).toBe(8);
    clock.advanceTo(159);
    expect([read(apic, CURRENT), apic.interruptPending]).toEqual([1, false]);
    clock.advanceTo(160);
    expect([read(apic, CURRENT), apic.acknowledge(), clock.nextAt]).toEqual([0, 0x40, NEVER]);
  });

  it("divides by 2, 4 .. 128 and 1", () => {
    const divisors = [0, 1, 2, 3, 8, 9, 10, 11].map((bits) => {
      const { apic, clock } = one();
      write(apic, LVT_TIMER, 0x40);
      write(apic, DIVIDE, bits);
      write(apic, INITIAL, 1);
      return clock.nextAt;
    });
    expect(divisors).toEqual([2, 4, 8, 16, 32, 64, 128, 1]);
  });

  it("repeats in periodic mode", () => {
    const { apic, clock } = one();
    write(apic, DIVIDE, 0xb);
    write(apic, LVT_TIMER, 0x20040);
    write(apic, INITIAL, 5000);
    clock.advanceTo(5000);
    expect(drain([apic])).toEqual([0x40]);
    clock.advanceTo(7500);
    expect([drain([apic]), read(apic, CURRENT)]).toEqual([[-1], 2500]);
    clock.advanceTo(10000);
    expect(drain([apic])).toEqual([0x40]);
    write(apic, INITIAL, 0);
    expect([clock.nextAt, read(apic, CURRENT)]).toEqual([NEVER, 0]);
  });

  it("interrupts once a microsecond at most, however short the period", () => {
    const { apic, clock } = one();
    write(apic, DIVIDE, 0xb);
    write(apic, LVT_TIMER, 0x20040);
    write(apic, INITIAL, 3);
    clock.advanceTo(3);
    expect([drain([apic]), clock.nextAt]).toEqual([[0x40], 1005]);
    clock.advanceTo(100);
    expect(read(apic, CURRENT)).toBe(2);
  });

  it("goes on counting while masked, without events", () => {
    const { apic, clock } = one();
    write(apic, DIVIDE, 0xb);
    write(apic, LVT_TIMER, 0x30040);
    write(apic, INITIAL, 100);
    expect(clock.nextAt).toBe(NEVER);
    clock.advanceTo(1030);
    expect(read(apic, CURRENT)).toBe(70);
    write(apic, LVT_TIMER, 0x20040);
    expect(clock.nextAt).toBe(1100);
  });

  it("keeps its count over a change between one-shot and periodic", () => {
    const { apic, clock } = one();
    write(apic, DIVIDE, 0xb);
    write(apic, LVT_TIMER, 0x20040);
    write(apic, INITIAL, 5000);
    clock.advanceTo(6000);
    drain([apic]);
    write(apic, LVT_TIMER, 0x40);
    expect(read(apic, CURRENT)).toBe(4000);
    clock.advanceTo(30000);
    expect([drain([apic]), read(apic, CURRENT)]).toEqual([[0x40], 0]);
    write(apic, LVT_TIMER, 0x20040);
    expect([read(apic, CURRENT), clock.nextAt]).toEqual([0, NEVER]);
  });

  it("fires at the TSC deadline, which reads 0 afterwards", () => {
    const { apic, clock } = one();
    apic.tscDeadline = 50n;
    expect(apic.tscDeadline).toBe(0n);
    write(apic, LVT_TIMER, 0x40040);
    apic.tscDeadline = 500n;
    write(apic, INITIAL, 7);
    expect([apic.tscDeadline, read(apic, INITIAL), read(apic, CURRENT)]).toEqual([500n, 0, 0]);
    clock.advanceTo(499);
    expect(apic.interruptPending).toBe(false);
    clock.advanceTo(500);
    expect([apic.acknowledge(), apic.tscDeadline]).toEqual([0x40, 0n]);
  });

  it("fires at once for a deadline that has passed, and not when disarmed by 0 or a mode change", () => {
    const { apic, clock } = one();
    clock.advanceTo(1000);
    write(apic, LVT_TIMER, 0x40040);
    apic.tscDeadline = 10n;
    clock.advanceTo(1000);
    expect(drain([apic])).toEqual([0x40]);
    apic.tscDeadline = 2000n;
    apic.tscDeadline = 0n;
    expect(clock.nextAt).toBe(NEVER);
    apic.tscDeadline = 2000n;
    write(apic, LVT_TIMER, 0x40);
    expect(clock.nextAt).toBe(NEVER);
  });

  it("takes a far deadline without overflow", () => {
    const { apic, clock } = one();
    write(apic, LVT_TIMER, 0x40040);
    apic.tscDeadline = (1n << 64n) - 1n;
    expect([apic.tscDeadline, clock.nextAt]).toEqual([(1n << 64n) - 1n, NEVER]);
  });
});

describe("Local APIC, local pins", () => {
  it("takes the 8259 pair's vector through LINT0 in ExtINT mode, needing no EOI of its own", () => {
    const pics = new PicPair();
    const { apics } = apicRig(1, pics);
    const apic = apics[0] as LocalApic;
    pics.master.output = () => apic.externalChanged();
    for (const word of [0x11]) pics.master.write(0, 1, word);
    for (const word of [0x20, 4, 1]) pics.master.write(1, 1, word);
    pics.setLine(1, true);
    expect(apic.interruptPending).toBe(false);
    apic.virtualWire();
    expect([read(apic, LVT_LINT0), read(apic, LVT_LINT1)]).toEqual([0x8700, 0x400]);
    expect([apic.interruptPending, apic.acknowledge(), apic.interruptPending]).toEqual([
      true,
      0x21,
      false,
    ]);
    expect(read(apic, PPR)).toBe(0);
  });

  it("lets INTR straight through while it is disabled in IA32_APIC_BASE", () => {
    const external = { asserted: true, acknowledge: () => 0x77 };
    const { apics } = apicRig(1, external);
    const apic = apics[0] as LocalApic;
    apic.externalChanged();
    expect(apic.interruptPending).toBe(false);
    apic.writeBase(apic.base & ~ENABLED);
    expect([apic.interruptPending, apic.acknowledge()]).toEqual([true, 0x77]);
  });

  it("raises an NMI on the rising edge of LINT1", () => {
    const { apic, log } = one();
    apic.virtualWire();
    apic.setLint(1, true);
    apic.setLint(1, true);
    apic.setLint(1, false);
    apic.setLint(1, true);
    expect(log).toEqual(["cpu0 nmi", "cpu0 nmi"]);
  });

  it("keeps remote IRR of a level pin until EOI, then requests again", () => {
    const { apic } = one();
    write(apic, LVT_LINT0, 0x8040);
    apic.setLint(0, true);
    expect([read(apic, LVT_LINT0), apic.acknowledge()]).toEqual([0xc040, 0x40]);
    write(apic, EOI, 0);
    expect(apic.acknowledge()).toBe(0x40);
    apic.setLint(0, false);
    write(apic, EOI, 0);
    expect([read(apic, LVT_LINT0), apic.interruptPending]).toEqual([0x8040, false]);
  });
});
