import { beforeEach, describe, expect, it } from "vitest";
import { ACTIVITY, CELL, CONTROL } from "../../../src/cpu/layout.ts";
import { CR0, CR4 } from "../../../src/mmu/control-bits.ts";
import { AT, Guest } from "../../support/guest.ts";

const DATA = BigInt(AT.data);
const [RAX, RCX, RDX] = [0, 1, 2];

let guest: Guest;

beforeEach(() => {
  guest = new Guest().longMode();
  const { cpu } = guest;
  const { mmu, state } = cpu;
  mmu.writeCr4(mmu.cr4 | CR4.OSXMMEXCPT | CR4.OSXSAVE);
  cpu.modeChanged();
  state.setGpr(RAX, DATA);
  guest.memory.fill(AT.data, 2048);
});

/** Runs a listing up to HLT, or up to the instruction that faults. @returns the fault's vector */
function run(text: string): number | undefined {
  const { cpu } = guest;
  cpu.state.set32(CONTROL.activity, ACTIVITY.running);
  cpu.state.set32(CELL.fault, 0);
  guest.code(`${text} f4`);
  for (let n = 0; n < 50 && cpu.state.get32(CONTROL.activity) === ACTIVITY.running; n++) {
    cpu.engine.step();
    const fault = cpu.state.get32(CELL.fault);
    if (fault !== 0) return (fault >>> 16) & 0xff;
  }
  return undefined;
}

const at64 = (offset: number) => guest.memory.read64(AT.data + offset);
const at32 = (offset: number) => guest.memory.readInt32(AT.data + offset) >>> 0;
const at16 = (offset: number) => guest.memory.read16(AT.data + offset);

const FLD1 = "d9 e8";
const FLDPI = "d9 eb";
const FADDP = "de c1";
const FDIVP = "de f9";
const FSTP_M80 = "db 38";
const FSTP_M64 = "dd 18";
const FNSTSW_M16 = "dd 38";
const FNINIT = "db e3";

describe("x87", () => {
  it("starts with control word 37F, empty registers and status 0 by FNINIT", () => {
    expect(run(`${FNINIT} d9 38 dd 78 02 d9 70 10`)).toBeUndefined();
    expect([at16(0), at16(2), at16(0x18)]).toEqual([0x37f, 0, 0xffff]);
  });

  it("adds 1 and 1", () => {
    run(`${FNINIT} ${FLD1} ${FLD1} ${FADDP} ${FSTP_M64}`);
    expect(at64(0)).toBe(0x4000_0000_0000_0000n);
  });

  it("has pi in 64 bits, rounded by the control word", () => {
    run(`${FNINIT} ${FLDPI} ${FSTP_M80}`);
    expect([at64(0), at16(8)]).toEqual([0xc90f_daa2_2168_c235n, 0x4000]);
    guest.memory.write16(AT.data + 16, 0x77f);
    run(`${FNINIT} d9 68 10 ${FLDPI} ${FSTP_M80}`);
    expect(at64(0)).toBe(0xc90f_daa2_2168_c234n);
  });

  it("divides to as many bits as precision control asks for", () => {
    guest.memory.write16(AT.data + 32, 3);
    run(`${FNINIT} ${FLD1} df 40 20 ${FDIVP} ${FSTP_M80}`);
    expect([at64(0), at16(8)]).toEqual([0xaaaa_aaaa_aaaa_aaabn, 0x3ffd]);
    guest.memory.write16(AT.data + 16, 0x7f);
    run(`${FNINIT} d9 68 10 ${FLD1} df 40 20 ${FDIVP} ${FSTP_M80}`);
    expect(at64(0)).toBe(0xaaaa_ab00_0000_0000n);
  });

  it("answers an empty register with the indefinite, IE and SF, C1 clear", () => {
    run(`${FNINIT} ${FSTP_M80} dd 78 10`);
    expect([at64(0), at16(8), at16(16)]).toEqual([0xc000_0000_0000_0000n, 0xffff, 0x841]);
  });

  it("answers a ninth push with the indefinite, IE and SF, C1 set", () => {
    run(`${FNINIT} ${`${FLD1} `.repeat(9)} ${FNSTSW_M16}`);
    expect(at16(0)).toBe(0x3a41);
  });

  it("raises #MF at the next waiting instruction, not at FNSTSW", () => {
    guest.memory.write16(AT.data + 16, 0x37b);
    const divide = `${FNINIT} d9 68 10 ${FLD1} d9 ee ${FDIVP}`;
    expect(run(`${divide} dd 78 20`)).toBeUndefined();
    // ES, B and ZE; the operands are still there.
    expect(at16(32)).toBe(0xb084);
    expect(run(`${divide} ${FLD1}`)).toBe(16);
    expect(run(`${divide} 9b`)).toBe(16);
    expect(run(`${divide} 0f 6f c1`)).toBe(16);
    expect(run(`${divide} db e2 ${FLD1}`)).toBeUndefined();
  });

  it("raises #NM with CR0.EM or TS; WAIT only with MP and TS", () => {
    const { cpu } = guest;
    const with_ = (bits: number, text: string) => {
      const { cr0 } = cpu.mmu;
      cpu.mmu.writeCr0(cr0 | bits);
      cpu.modeChanged();
      const vector = run(text);
      cpu.mmu.writeCr0(cr0);
      cpu.modeChanged();
      return vector;
    };
    expect(with_(CR0.TS, FLD1)).toBe(7);
    expect(with_(CR0.EM, FNINIT)).toBe(7);
    expect(with_(CR0.TS, "9b")).toBeUndefined();
    expect(with_(CR0.TS | CR0.MP, "9b")).toBe(7);
  });

  it("has no transcendental functions: #UD, never a wrong result", () => {
    expect(run(`${FNINIT} ${FLD1} d9 fe`)).toBe(6);
  });

  it("saves and restores everything by FNSAVE and FRSTOR", () => {
    run(`${FNINIT} ${FLD1} ${FLDPI} dd 30 d9 b8 80 00 00 00`);
    expect(at16(0x80)).toBe(0x37f);
    run(`dd 20 ${FSTP_M80}`);
    expect(at64(0)).toBe(0xc90f_daa2_2168_c235n);
  });
});

describe("FXSAVE and FXRSTOR", () => {
  it("write the legacy region and leave the bytes for software", () => {
    guest.memory.write64(AT.data + 464, 0x1234n);
    expect(run(`${FNINIT} ${FLDPI} 48 0f ae 00`)).toBeUndefined();
    expect([at16(0), at16(2), guest.memory.read8(AT.data + 4)]).toEqual([0x37f, 0x3800, 0x80]);
    expect([at32(24), at32(28)]).toEqual([0x1f80, 0xffff]);
    expect([at64(32), at64(464)]).toEqual([0xc90f_daa2_2168_c235n, 0x1234n]);
    expect(run(`${FNINIT} 48 0f ae 08 ${FSTP_M80}`)).toBeUndefined();
    expect(at64(0)).toBe(0xc90f_daa2_2168_c235n);
  });

  it("refuse reserved bits of MXCSR and operands that are not aligned to 16", () => {
    run("0f ae 00");
    guest.memory.write32(AT.data + 24, 0x1_0000);
    expect(run("0f ae 08")).toBe(13);
    guest.cpu.state.setGpr(RAX, DATA + 8n);
    expect(run("0f ae 00")).toBe(13);
  });

  it("load MXCSR by LDMXCSR but for reserved bits", () => {
    guest.memory.write32(AT.data, 0x9fc0);
    expect(run("0f ae 10 0f ae 58 04")).toBeUndefined();
    expect(at32(4)).toBe(0x9fc0);
    guest.memory.write32(AT.data, 0x1_0000);
    expect(run("0f ae 10")).toBe(13);
  });
});

describe("XSAVE and XRSTOR", () => {
  const XSAVE = "0f ae 20";
  const XRSTOR = "0f ae 28";
  const XSAVEC = "0f c7 20";

  beforeEach(() => {
    const { state } = guest.cpu;
    state.set64(CONTROL.xcr0, 3n);
    state.setGpr(RDX, 0n);
    state.setGpr(RCX, 0n);
    // XSAVE takes its mask from EAX, so the area is reached by RBX.
    state.setGpr(3, DATA);
    state.setGpr(RAX, 3n);
  });

  const byRbx = (text: string) => text.replace(/20$/, "23").replace(/28$/, "2b");

  it("save the components in use and their bits", () => {
    expect(run(`${FNINIT} ${FLDPI} ${byRbx(XSAVE)}`)).toBeUndefined();
    expect([at64(512), at64(520), at16(2), at32(24)]).toEqual([1n, 0n, 0x3800, 0x1f80]);
  });

  it("give components without a bit their initial configuration", () => {
    run(`${FNINIT} ${FLDPI} ${byRbx(XSAVE)}`);
    guest.memory.write64(AT.data + 512, 0n);
    expect(run(`${byRbx(XRSTOR)} 48 89 d8 d9 30`)).toBe(undefined);
    // RBX was copied to RAX for FNSTENV: all registers are empty.
    expect(at16(8)).toBe(0xffff);
  });

  it("refuse a header with reserved bits, and components that XCR0 lacks", () => {
    run(`${FNINIT} ${byRbx(XSAVE)}`);
    guest.memory.write64(AT.data + 512, 4n);
    expect(run(byRbx(XRSTOR))).toBe(13);
    guest.memory.write64(AT.data + 512, 0n);
    guest.memory.write64(AT.data + 528, 1n);
    expect(run(byRbx(XRSTOR))).toBe(13);
  });

  it("mark the compacted format by XSAVEC", () => {
    expect(run(`${FNINIT} ${FLDPI} ${byRbx(XSAVEC)}`)).toBeUndefined();
    expect([at64(512), at64(520)]).toEqual([1n, (1n << 63n) | 3n]);
  });

  it("need CR4.OSXSAVE and alignment to 64 bytes", () => {
    guest.cpu.state.setGpr(3, DATA + 16n);
    expect(run(byRbx(XSAVE))).toBe(13);
    guest.cpu.mmu.writeCr4(guest.cpu.mmu.cr4 & ~CR4.OSXSAVE);
    expect(run(byRbx(XSAVE))).toBe(6);
  });
});
