import { describe, expect, it } from "vitest";
import { FLAG } from "../../src/cpu/builder/flags.ts";
import { CONTROL, CS, RAX, RCX, RSP, SS } from "../../src/cpu/layout.ts";
import { AT, Guest, SELECTOR } from "../support/guest.ts";

const hlt = "f4";

describe("Exceptions in 64-bit mode", () => {
  it("delivers a page fault with its error code and CR2, and IRETQ restarts the instruction", () => {
    const guest = new Guest().longMode();
    const { labels } = guest.code(`
      48 c7 c0 11 00 00 00        ; mov rax, 0x11
      48 a3 00 00 03 00 00 00 00 00 ; mov [0x30000], rax
      48 8b 0c 25 00 00 03 00     ; mov rcx, [0x30000]
      f4                          ; hlt
      handler:
      48 8b 1c 24                 ; mov rbx, [rsp]       error code
      0f 20 d2                    ; mov rdx, cr2
      c7 04 25 80 41 00 00 67 00 03 00  ; mov dword [0x4180], 0x30067
      0f 01 3c 25 00 00 03 00     ; invlpg [0x30000]
      48 83 c4 08                 ; add rsp, 8
      48 cf                       ; iretq
    `);
    guest.gate(14, labels.get("handler") as number);
    guest.mapPage(0x30000, 0n);
    expect(guest.run()).toBe("halted");
    const { state } = guest.cpu;
    expect(state.gpr(3)).toBe(2n);
    expect(state.gpr(2)).toBe(0x30000n);
    expect(state.gpr(RCX)).toBe(0x11n);
    expect(guest.memory.read64(0x30000)).toBe(0x11n);
    expect(state.gpr(RSP)).toBe(BigInt(AT.stack));
    expect(state.get64(CONTROL.cr2)).toBe(0x30000n);
  });

  it("pushes SS, RSP, RFLAGS with RF, CS, RIP and the error code on a stack aligned to 16", () => {
    const guest = new Guest().longMode();
    const { labels } = guest.code(`
      48 83 ec 03                 ; sub rsp, 3
      f9                          ; stc
      here: 48 8b 04 25 00 00 03 00 ; mov rax, [0x30000]
      handler: f4
    `);
    guest.gate(14, labels.get("handler") as number);
    guest.mapPage(0x30000, 0n);
    expect(guest.run()).toBe("halted");
    const top = AT.stack - 16;
    expect(guest.cpu.state.gpr(RSP)).toBe(BigInt(top - 48));
    const frame = [0, 1, 2, 3, 4, 5].map((i) => guest.memory.read64(top - 48 + i * 8));
    // 0x9000 - 3 = 0x8ffd: AF by the borrow, odd number of ones in fd, no sign.
    expect(frame).toEqual([
      0n,
      BigInt(labels.get("here") as number),
      BigInt(SELECTOR.code64),
      BigInt(FLAG.RF | FLAG.AF | FLAG.CF | 2),
      BigInt(AT.stack - 3),
      BigInt(SELECTOR.data),
    ]);
  });

  it("switches to RSP0 and a null SS on a fault in ring 3, and returns there", () => {
    const guest = new Guest().longMode();
    const { labels } = guest.code(`
      6a 23                       ; push 0x23
      68 abs32:userStack          ; push userStack
      6a 02                       ; push 2
      6a 2b                       ; push 0x2b
      68 abs32:user               ; push user
      48 cf                       ; iretq
      user: 0f 0b                 ; ud2
      handler:
      8c d0                       ; mov eax, ss
      8c c9                       ; mov ecx, cs
      f4
      userStack:
    `);
    guest.gate(6, labels.get("handler") as number);
    expect(guest.run()).toBe("halted");
    const { state } = guest.cpu;
    expect(state.gpr(RAX)).toBe(0n);
    expect(state.gpr(RCX)).toBe(BigInt(SELECTOR.code64));
    expect(state.gpr(RSP)).toBe(BigInt(AT.innerStack - 40));
    const words = [0, 1, 2, 3, 4].map((i) => guest.memory.read64(AT.innerStack - 40 + i * 8));
    expect(words).toEqual([
      BigInt(labels.get("user") as number),
      BigInt(SELECTOR.user64),
      BigInt(FLAG.RF | 2),
      BigInt(labels.get("userStack") as number),
      BigInt(SELECTOR.userData),
    ]);
    expect(state.selector(SS)).toBe(0);
    expect(state.selector(CS)).toBe(SELECTOR.code64);
  });

  it("makes a double fault of a #GP during a page fault, and a shutdown of a fault in that", () => {
    const guest = new Guest().longMode();
    guest.code("48 8b 04 25 00 00 03 00");
    guest.mapPage(0x30000, 0n);
    expect(guest.run()).toBe("shutdown");
    const second = new Guest().longMode();
    const { labels } = second.code(`
      48 8b 04 25 00 00 03 00     ; mov rax, [0x30000]
      double: 58                  ; pop rax
      f4
    `);
    second.gate(8, labels.get("double") as number, { ist: 1 });
    second.mapPage(0x30000, 0n);
    expect(second.run()).toBe("halted");
    expect(second.cpu.state.gpr(RAX)).toBe(0n);
    expect(second.cpu.state.gpr(RSP)).toBe(BigInt(AT.istStack - 40));
  });

  it("takes an interrupt after the instruction that follows STI", () => {
    let pending = true;
    const guest = new Guest({
      interrupts: {
        get interruptPending() {
          return pending;
        },
        acknowledge: () => {
          pending = false;
          return 0x40;
        },
      },
    }).longMode();
    const { labels } = guest.code(`
      31 c0                       ; xor eax, eax
      fb                          ; sti
      ff c0                       ; inc eax
      ff c0                       ; inc eax
      f4
      handler: 89 c1 48 cf        ; mov ecx, eax / iretq
    `);
    guest.gate(0x40, labels.get("handler") as number);
    expect(guest.run()).toBe("halted");
    expect(guest.cpu.state.gpr(RCX)).toBe(1n);
    expect(guest.cpu.state.gpr(RAX)).toBe(2n);
  });

  it("raises #DB after each instruction with TF, also inside a block", () => {
    const guest = new Guest().longMode();
    const { labels } = guest.code(`
      68 02 01 00 00              ; push 0x102
      9d                          ; popf
      90 90                       ; nop, nop
      c7 44 24 10 02 00 00 00     ; mov dword [rsp+16], 2     (not reached by design of the handler)
      f4
      handler:
      ff c3                       ; inc ebx
      83 fb 02                    ; cmp ebx, 2
      72 rel8:back
      f4
      back: 48 cf                 ; iretq
    `);
    guest.gate(1, labels.get("handler") as number);
    expect(guest.run()).toBe("halted");
    expect(guest.cpu.state.gpr(3)).toBe(2n);
    expect(guest.cpu.state.get64(CONTROL.dr6) & 0x4000n).toBe(0x4000n);
  });
});

describe("The engine's instruction boundaries", () => {
  it("stops after exactly as many instructions as asked, wherever the block ends", () => {
    for (let limit = 1; limit < 12; limit++) {
      const guest = new Guest().longMode();
      guest.code("48 ff c0 ".repeat(20) + hlt);
      expect(guest.run(limit)).toBe("limit");
      expect(guest.cpu.state.gpr(RAX)).toBe(BigInt(limit));
      expect(guest.cpu.instructions).toBe(BigInt(limit));
    }
  });

  it("executes what a store has just written over the next instruction", () => {
    const guest = new Guest().longMode();
    guest.code(`
      c6 05 00 00 00 00 f4        ; mov byte [rip+0], 0xf4   hlt over the next byte
      90                          ; nop
      ff c0                       ; inc eax
      f4
    `);
    guest.cpu.state.setGpr(RAX, 0n);
    expect(guest.run()).toBe("halted");
    expect(guest.cpu.state.gpr(RAX)).toBe(0n);
  });

  it("runs an instruction that crosses a page, by the second page's mapping at the time", () => {
    const guest = new Guest().longMode();
    const at = AT.code + 0xffe;
    guest.code("b8 01 00 00 00 f4", at);
    expect(guest.run()).toBe("halted");
    expect(guest.cpu.state.gpr(RAX)).toBe(1n);
    // Another page in the place of the second: the immediate's upper bytes and HLT come from it.
    guest.memory.writeBytes(0x40000, Uint8Array.of(0, 2, 0, 0xf4));
    guest.mapPage(AT.code + 0x1000, 0x40003n);
    guest.cpu.state.rip = BigInt(at);
    guest.cpu.state.set32(CONTROL.activity, 0);
    expect(guest.run()).toBe("halted");
    expect(guest.cpu.state.gpr(RAX)).toBe(0x0002_0001n);
  });
});
