import { describe, expect, it } from "vitest";
import { RAX } from "../../src/cpu/layout.ts";
import { AT, Guest } from "../support/guest.ts";

/** Another frame with the same code but for one byte. */
const OTHER = 0x30000;

function remappingGuest(invalidation: string): Guest {
  const guest = new Guest().longMode();
  const listing = guest.code(`
    bb 00 10 00 00              ; mov ebx, 0x1000     CR3
    c7 04 25 80 40 00 00 07 00 03 00 ; mov dword [0x4080], 0x30007
    ${invalidation}
    immediate: b8 01 00 00 00   ; mov eax, 1
    f4
  `);
  const copy = listing.bytes.slice();
  copy[(listing.labels.get("immediate") as number) - AT.code + 1] = 2;
  guest.memory.writeBytes(OTHER, copy);
  return guest;
}

describe("Code whose own translation changes", () => {
  it("comes from the new frame right after INVLPG", () => {
    const guest = remappingGuest("0f 01 3c 25 00 00 01 00 ; invlpg [0x10000]");
    expect(guest.run()).toBe("halted");
    expect(guest.cpu.state.gpr(RAX)).toBe(2n);
  });

  it("comes from the new frame right after MOV to CR3", () => {
    const guest = remappingGuest("0f 22 db ; mov cr3, rbx");
    expect(guest.run()).toBe("halted");
    expect(guest.cpu.state.gpr(RAX)).toBe(2n);
  });

  it("begins no instruction past the limit after an instruction that looks code up anew", () => {
    const guest = remappingGuest("0f 22 db ; mov cr3, rbx");
    expect(guest.run(3)).toBe("limit");
    expect(guest.cpu.instructions).toBe(3n);
    expect(guest.cpu.state.gpr(RAX)).toBe(0n);
    expect(guest.cpu.state.rip).toBe(BigInt(guest.listing.labels.get("immediate") as number));
  });
});
