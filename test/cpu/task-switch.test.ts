import { describe, expect, it } from "vitest";
import { FLAG } from "../../src/cpu/builder/flags.ts";
import { CELL, CONTROL, CS, LDTR, SS, TR } from "../../src/cpu/layout.ts";
import { CR0 } from "../../src/mmu/control-bits.ts";
import { AT, Guest } from "../support/guest.ts";

const TSS_A = 0x30000;
const TSS_B = 0x31000;
const SELECTOR = { code: 0x08, data: 0x10, a: 0x18, b: 0x20, gate: 0x28 } as const;
const FIELD = { link: 0, cr3: 0x1c, eip: 0x20, eflags: 0x24, eax: 0x28, esp: 0x38, es: 0x48 };

const tss = (base: number, type: number) =>
  0x67n |
  (BigInt(base & 0xffff) << 16n) |
  (BigInt(base >> 16) << 32n) |
  (BigInt(0x80 | type) << 40n);

/** 32-bit protected mode without paging in task A; task B would begin at AT.code + 0x100. */
function twoTasks(code: string): Guest {
  const guest = new Guest();
  const { cpu, memory } = guest;
  const { state } = cpu;
  const gdt = [
    0n,
    0x00cf_9b00_0000_ffffn,
    0x00cf_9300_0000_ffffn,
    tss(TSS_A, 11),
    tss(TSS_B, 9),
    (BigInt(SELECTOR.b) << 16n) | (0x85n << 40n),
  ];
  gdt.forEach((word, i) => {
    memory.write64(AT.gdt + 8 * i, word);
  });
  memory.write32(TSS_B + FIELD.eip, AT.code + 0x100);
  memory.write32(TSS_B + FIELD.eflags, 2 | FLAG.CF);
  memory.write32(TSS_B + FIELD.eax, 0xbbbb);
  memory.write32(TSS_B + FIELD.esp, AT.innerStack);
  for (let i = 0; i < 6; i++) {
    memory.write16(TSS_B + FIELD.es + 4 * i, i === CS ? SELECTOR.code : SELECTOR.data);
  }
  cpu.mmu.writeCr0(CR0.PE | CR0.ET);
  for (const i of [0, CS, SS, 3, 4, 5]) {
    const selector = i === CS ? SELECTOR.code : SELECTOR.data;
    const rights = i === CS ? 0xc09b : 0xc093;
    state.setSegment(i, { selector, base: 0n, limit: 0xffff_ffff, rights });
  }
  state.setSegment(LDTR, { selector: 0, base: 0n, limit: 0, rights: 0 });
  state.setSegment(TR, { selector: SELECTOR.a, base: BigInt(TSS_A), limit: 0x67, rights: 0x8b });
  state.set64(CONTROL.gdtBase, BigInt(AT.gdt));
  state.set32(CONTROL.gdtLimit, gdt.length * 8 - 1);
  state.set64(CONTROL.idtBase, BigInt(AT.idt));
  state.set32(CONTROL.idtLimit, 0x7ff);
  guest.code(code);
  state.setGpr(0, 0xaaaan);
  state.setGpr(4, BigInt(AT.stack));
  cpu.cpl = 0;
  cpu.modeChanged();
  return guest;
}

const typeOf = (guest: Guest, selector: number) => guest.memory.read8(AT.gdt + selector + 5) & 15;

function expectInB(guest: Guest): void {
  const { state } = guest.cpu;
  expect(state.rip).toBe(BigInt(AT.code + 0x100));
  expect(state.gpr(0)).toBe(0xbbbbn);
  expect(state.selector(TR)).toBe(SELECTOR.b);
  expect(guest.cpu.mmu.cr0 & CR0.TS).toBe(CR0.TS);
  expect(typeOf(guest, SELECTOR.b)).toBe(11);
}

function step({ cpu }: Guest): number {
  cpu.engine.step();
  const fault = cpu.state.get32(CELL.fault);
  return fault === 0 ? -1 : fault & 0xff_ffff;
}

const BUSY = 11;
const AVAILABLE = 9;

describe("Task switches, 32-bit TSS", () => {
  it("JMP saves the old task, frees it, and loads the new one", () => {
    const guest = twoTasks("ea 00 00 00 00 20 00 ; jmp 0x20:0");
    expect(step(guest)).toBe(-1);
    expectInB(guest);
    expect(typeOf(guest, SELECTOR.a)).toBe(AVAILABLE);
    expect(guest.cpu.state.flags).toBe(2 | FLAG.CF);
    expect(guest.memory.read32(TSS_A + FIELD.eip)).toBe(AT.code + 7);
    expect(guest.memory.read32(TSS_A + FIELD.eax)).toBe(0xaaaa);
    expect(guest.memory.read32(TSS_A + FIELD.esp)).toBe(AT.stack);
    expect(guest.memory.read16(TSS_A + FIELD.es + 4 * CS)).toBe(SELECTOR.code);
  });

  it("CALL leaves the old task busy, links back and sets NT; IRET returns and frees the new one", () => {
    const guest = twoTasks("9a 00 00 00 00 20 00 ; call 0x20:0");
    guest.memory.write8(AT.code + 0x100, 0xcf);
    expect(step(guest)).toBe(-1);
    expectInB(guest);
    expect(typeOf(guest, SELECTOR.a)).toBe(BUSY);
    expect(guest.memory.read16(TSS_B + FIELD.link)).toBe(SELECTOR.a);
    expect(guest.cpu.state.has(FLAG.NT)).toBe(true);
    expect(step(guest)).toBe(-1);
    const { state } = guest.cpu;
    expect([state.rip, state.gpr(0), state.selector(TR)]).toEqual([
      BigInt(AT.code + 7),
      0xaaaan,
      SELECTOR.a,
    ]);
    expect([typeOf(guest, SELECTOR.a), typeOf(guest, SELECTOR.b)]).toEqual([BUSY, AVAILABLE]);
    expect(guest.memory.read32(TSS_B + FIELD.eflags) & FLAG.NT).toBe(0);
    expect(guest.memory.read32(TSS_B + FIELD.eip)).toBe(AT.code + 0x101);
  });

  it("goes through a task gate", () => {
    const guest = twoTasks("ea 00 00 00 00 28 00 ; jmp 0x28:0");
    expect(step(guest)).toBe(-1);
    expectInB(guest);
  });

  it("an exception through a task gate pushes its error code on the new stack", () => {
    const guest = twoTasks("8e d8 ; mov ds, ax: selector 0xaaaa is beyond the table");
    guest.memory.write64(AT.idt + 13 * 8, (BigInt(SELECTOR.b) << 16n) | (0x85n << 40n));
    guest.cpu.run(1);
    expectInB(guest);
    expect(guest.memory.read32(AT.innerStack - 4)).toBe(0xaaa8);
    expect(guest.cpu.state.gpr(4)).toBe(BigInt(AT.innerStack - 4));
    expect(guest.memory.read32(TSS_A + FIELD.eip)).toBe(AT.code);
  });

  it("refuses a busy task by #GP, an absent one by #NP, a short one by #TS, with its selector", () => {
    const jump = "ea 00 00 00 00 20 00";
    const busy = twoTasks(jump);
    busy.memory.write64(AT.gdt + SELECTOR.b, tss(TSS_B, 11));
    expect(step(busy)).toBe((13 << 16) | SELECTOR.b);
    const absent = twoTasks(jump);
    absent.memory.write64(AT.gdt + SELECTOR.b, tss(TSS_B, 9) & ~(0x80n << 40n));
    expect(step(absent)).toBe((11 << 16) | SELECTOR.b);
    const short = twoTasks(jump);
    short.memory.write64(AT.gdt + SELECTOR.b, tss(TSS_B, 9) - 1n);
    expect(step(short)).toBe((10 << 16) | SELECTOR.b);
    expect(short.cpu.state.selector(TR)).toBe(SELECTOR.a);
  });

  it("raises #TS in the new task for a stack segment that does not suit", () => {
    const guest = twoTasks("ea 00 00 00 00 20 00");
    guest.memory.write16(TSS_B + FIELD.es + 4 * SS, SELECTOR.code);
    expect(step(guest)).toBe(-1);
    expect(guest.cpu.state.selector(TR)).toBe(SELECTOR.b);
    expect(guest.cpu.lateFault & 0xff_ffff).toBe((10 << 16) | SELECTOR.code);
  });
});
