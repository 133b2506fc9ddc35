import { describe, expect, it } from "vitest";
import { AT, Guest } from "../../support/guest.ts";
import { flagNames } from "../../support/instruction.ts";

const RCX = 1;
const RSI = 6;
const RDI = 7;

/** Runs code up to HLT with the pointers at two pages of data. */
function guestWith(code: string): Guest {
  const guest = new Guest().longMode();
  guest.code(code);
  const { state } = guest.cpu;
  state.setGpr(RSI, BigInt(AT.data));
  state.setGpr(RDI, BigInt(AT.data + 0x1000));
  return guest;
}

function registers(guest: Guest): bigint[] {
  return [RCX, RSI, RDI].map((index) => guest.cpu.state.gpr(index));
}

describe("String instructions with REP", () => {
  it("stop at a page fault with the rest still to be done, and go on after it", () => {
    const guest = new Guest().longMode();
    guest.code(`
      start:   f3 a4                                 ; rep movsb
               f4                                    ; hlt
      handler: 48 8b 04 24                           ; mov rax, [rsp]
               48 89 0c 25 abs32:saved               ; mov [saved], rcx
               c7 04 25 00 4a 00 00 03 80 14 00      ; page table entry = 148000h, present
               0f 01 38                              ; invlpg [rax]
               0f 20 d0 0f 01 38                     ; mov rax, cr2; invlpg [rax]
               48 83 c4 08 48 cf                     ; add rsp, 8; iretq
      saved:   00 00 00 00 00 00 00 00`);
    const handler = guest.listing.labels.get("handler") as number;
    guest.gate(14, handler);
    const { state } = guest.cpu;
    // The destination's second page is absent; its entry is the one that the handler writes.
    const page = 0x14_0000;
    expect(0x4a00).toBe(AT.pt + (page >> 12) * 8);
    guest.mapPage(page, 0n);
    guest.memory.fill(AT.data, 16, 0x5a);
    state.setGpr(RSI, BigInt(AT.data));
    state.setGpr(RDI, BigInt(page - 4));
    state.setGpr(RCX, 16n);
    expect(guest.run()).toBe("halted");
    expect(registers(guest)).toEqual([0n, BigInt(AT.data + 16), BigInt(page + 12)]);
    expect(guest.memory.read64(guest.listing.labels.get("saved") as number)).toBe(12n);
    expect(guest.memory.read32(page - 4)).toBe(0x5a5a_5a5a);
    expect(guest.memory.read64(0x14_8000)).toBe(0x5a5a_5a5a_5a5a_5a5an);
  });

  it("REPE CMPSB ends at the first difference, with its flags", () => {
    const guest = guestWith("f3 a6 f4");
    guest.memory.writeBytes(AT.data, Uint8Array.of(1, 2, 3, 9));
    guest.memory.writeBytes(AT.data + 0x1000, Uint8Array.of(1, 2, 4, 9));
    guest.cpu.state.setGpr(RCX, 10n);
    guest.run();
    expect(registers(guest)).toEqual([7n, BigInt(AT.data + 3), BigInt(AT.data + 0x1003)]);
    expect(flagNames(BigInt(guest.cpu.state.flags))).toBe("CF PF AF SF");
  });

  it("do nothing with a count of 0, flags included", () => {
    const guest = guestWith("f3 a6 f4");
    guest.cpu.setFlags(0x8d7);
    guest.run();
    expect(registers(guest)).toEqual([0n, BigInt(AT.data), BigInt(AT.data + 0x1000)]);
    expect(guest.cpu.state.flags).toBe(0x8d7);
  });

  it("count in ECX and clear the upper halves with a 32-bit address size", () => {
    const guest = guestWith("67 f3 ab f4");
    guest.cpu.state.setGpr(RCX, 0xffff_ffff_0000_0002n);
    guest.cpu.state.setGpr(0, 0x1_1122_3344n);
    guest.run();
    expect(registers(guest)).toEqual([0n, BigInt(AT.data), BigInt(AT.data + 0x1008)]);
    expect(guest.memory.read64(AT.data + 0x1000)).toBe(0x1122_3344_1122_3344n);
  });

  it("go backwards with DF", () => {
    const guest = guestWith("fd f3 48 a5 f4");
    guest.memory.write64(AT.data, 0x77n);
    guest.cpu.state.setGpr(RCX, 1n);
    guest.run();
    expect(registers(guest)).toEqual([0n, BigInt(AT.data - 8), BigInt(AT.data + 0xff8)]);
    expect(guest.memory.read64(AT.data + 0x1000)).toBe(0x77n);
  });

  it("can be ended by the instruction limit between two iterations", () => {
    const guest = guestWith("f3 aa f4");
    guest.cpu.state.setGpr(RCX, 100n);
    const start = guest.cpu.state.rip;
    expect(guest.run(40)).toBe("limit");
    expect([guest.cpu.state.rip, guest.cpu.state.gpr(RCX)]).toEqual([start, 60n]);
  });

  it("OUTSB and INSB move through the port in DX", () => {
    const guest = guestWith("f3 6e b9 02 00 00 00 f3 6c f4");
    guest.memory.writeBytes(AT.data, Uint8Array.of(0x48, 0x69));
    guest.cpu.state.setGpr(RCX, 2n);
    guest.cpu.state.setGpr(2, 0xe9n);
    guest.run();
    expect(guest.output).toEqual([0x48, 0x69]);
    expect(guest.memory.read16(AT.data + 0x1000)).toBe(0xffff);
    expect(registers(guest)).toEqual([0n, BigInt(AT.data + 2), BigInt(AT.data + 0x1002)]);
  });
});
