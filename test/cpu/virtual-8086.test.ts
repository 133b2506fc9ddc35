import { describe, expect, it } from "vitest";
import { FLAG } from "../../src/cpu/builder/flags.ts";
import { CELL, CONTROL, CS, SS, TR } from "../../src/cpu/layout.ts";
import { loadRealSegment } from "../../src/cpu/segments.ts";
import { CR0, CR4 } from "../../src/mmu/control-bits.ts";
import { AT, Guest } from "../support/guest.ts";

const MAP = 0x68;

/** A processor in virtual-8086 mode at 1000:0000 with IOPL 0, stack 0000:9000, CR4.VME as said. */
function inVirtualMode(code: string, vme: boolean): Guest {
  const guest = new Guest();
  const { cpu, memory } = guest;
  const { state } = cpu;
  cpu.mmu.writeCr4(vme ? CR4.VME : 0);
  cpu.mmu.writeCr0(CR0.PE | CR0.ET);
  guest.code(code, AT.code);
  memory.write16(AT.tss + 0x66, MAP + 32);
  state.setSegment(TR, { selector: 0x30, base: BigInt(AT.tss), limit: 0x200, rights: 0x8b });
  // Vector 0x21 leads to 1000:0100.
  memory.write32(0x21 * 4, 0x1000_0100);
  state.flags = FLAG.VM | FLAG.IF | 2;
  cpu.cpl = 3;
  for (const index of [0, SS, 3, 4, 5]) loadRealSegment(cpu, index, 0);
  loadRealSegment(cpu, CS, 0x1000);
  state.rip = 0n;
  state.setGpr(4, 0x9000n);
  cpu.modeChanged();
  return guest;
}

/** Executes one instruction. @returns the fault's vector, or undefined */
function step({ cpu }: Guest): number | undefined {
  cpu.engine.step();
  const fault = cpu.state.get32(CELL.fault);
  return fault === 0 ? undefined : (fault >>> 16) & 0xff;
}

describe("Virtual-8086 mode with IOPL 0", () => {
  it("leaves INT n, PUSHF, POPF, CLI and STI to the monitor by #GP(0)", () => {
    for (const code of ["cd 21", "9c", "9d", "fa", "fb"]) {
      expect(step(inVirtualMode(code, false))).toBe(13);
    }
  });

  it("with VME sends INT n to the program's own table where the redirection bit is 0", () => {
    const guest = inVirtualMode("cd 21", true);
    guest.cpu.state.setOther(FLAG.VIF, true);
    expect(step(guest)).toBeUndefined();
    const { state } = guest.cpu;
    expect([state.selector(CS), state.rip]).toEqual([0x1000, 0x100n]);
    expect(state.gpr(4)).toBe(0x8ffan);
    // IP, CS, and FLAGS with IOPL 3 and VIF in the place of IF.
    expect([0, 2, 4].map((i) => guest.memory.read16(0x8ffa + i))).toEqual([2, 0x1000, 0x3202]);
    expect(state.has(FLAG.VIF)).toBe(false);
    expect(state.has(FLAG.IF)).toBe(true);
  });

  it("with VME leaves INT n to the monitor where the redirection bit is 1", () => {
    const guest = inVirtualMode("cd 21", true);
    guest.memory.write8(AT.tss + MAP + 4, 2);
    expect(step(guest)).toBe(13);
  });

  it("with VME lets CLI, STI, PUSHF and POPF of 16 bits work on VIF", () => {
    const guest = inVirtualMode("fb 9c fa 9d", true);
    const { state } = guest.cpu;
    expect(step(guest)).toBeUndefined();
    expect(state.has(FLAG.VIF)).toBe(true);
    expect(step(guest)).toBeUndefined();
    expect(guest.memory.read16(0x8ffe)).toBe(0x3202);
    expect(step(guest)).toBeUndefined();
    expect(state.has(FLAG.VIF)).toBe(false);
    expect(step(guest)).toBeUndefined();
    expect(state.has(FLAG.VIF)).toBe(true);
    expect((state.flags & FLAG.IOPL) >> 12).toBe(0);
  });

  it("with VME and VIP raises #GP(0) when interrupts would be enabled", () => {
    const guest = inVirtualMode("fb", true);
    guest.cpu.state.setOther(FLAG.VIP, true);
    expect(step(guest)).toBe(13);
  });

  it("has #UD for instructions of protected mode only", () => {
    for (const code of ["0f 00 c0", "0f 02 c1", "63 c1"]) {
      expect(step(inVirtualMode(code, true))).toBe(6);
    }
    expect(inVirtualMode("90", true).cpu.state.get32(CONTROL.activity)).toBe(0);
  });
});
