/** SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS (SDM 2B). */
import { isCanonical } from "../../mmu/canonical.ts";
import { EFER } from "../../mmu/control-bits.ts";
import { FLAG } from "../builder/flags.ts";
import type { Cpu } from "../cpu.ts";
import { GP, UD } from "../faults.ts";
import { CONTROL, CS, GS, RCX, RDX, RSP, SS } from "../layout.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

const R11 = 11;
const FLAT_LIMIT = 0xffff_ffff;
/** Present, accessed, flat: code of 64 or 32 bits, and data; the DPL is added. */
const RIGHTS = { code64: 0xa09b, code32: 0xc09b, data: 0xc093 } as const;
const LOW = 0xffff_ffffn;

/** Loads CS and SS as these instructions do: without looking at the descriptors. */
function enterFlat(cpu: Cpu, cs: number, ss: number, cpl: number, code: number): void {
  const { state } = cpu;
  const segment = (selector: number, rights: number) => ({
    selector,
    base: 0n,
    limit: FLAT_LIMIT,
    rights: rights | (cpl << 5),
  });
  state.setSegment(CS, segment(cs, code));
  state.setSegment(SS, segment(ss, RIGHTS.data));
  cpu.cpl = cpl;
  cpu.modeChanged();
}

/**
 * TF counts as it is after SYSCALL and SYSRET: a kernel that masks it is not stepped into, and
 * #DB comes right after a SYSRET that sets it, as if the SYSCALL had just ended.
 */
const syscall: SystemFunction = (cpu) => {
  const { state, mmu } = cpu;
  if (!(mmu.efer & EFER.SCE)) return UD;
  const star = state.get64(CONTROL.star);
  const { flags } = state;
  state.setGpr(RCX, state.rip);
  state.setGpr(R11, BigInt(flags & ~FLAG.RF));
  state.rip = state.get64(CONTROL.lstar);
  state.flags = (flags & ~Number(state.get64(CONTROL.sfmask) & LOW) & ~FLAG.RF) | 2;
  const selector = Number((star >> 32n) & 0xfffcn);
  enterFlat(cpu, selector, selector + 8, 0, RIGHTS.code64);
  cpu.stepNow = state.has(FLAG.TF);
  return 0;
};

const SYSRET_FLAGS = 0x003c_7fd7;

const sysret: SystemFunction = (cpu, i) => {
  const { state, mmu } = cpu;
  if (!(mmu.efer & EFER.SCE)) return UD;
  const wide = i.operandBytes === 8;
  const target = state.gpr(RCX);
  if (wide && !isCanonical(target, cpu.canonicalBits)) return GP;
  const base = Number((state.get64(CONTROL.star) >> 48n) & 0xffffn);
  state.rip = wide ? target : target & LOW;
  state.flags = (Number(state.gpr(R11) & LOW) & SYSRET_FLAGS) | 2;
  const selector = (wide ? base + 16 : base) | 3;
  enterFlat(cpu, selector, (base + 8) | 3, 3, wide ? RIGHTS.code64 : RIGHTS.code32);
  cpu.stepNow = state.has(FLAG.TF);
  return 0;
};

const sysenter: SystemFunction = (cpu) => {
  const { state } = cpu;
  const cs = Number(state.get64(CONTROL.sysenterCs) & 0xfffcn);
  if (!cpu.protectedMode || cs === 0) return GP;
  const mask = cpu.longMode ? -1n : LOW;
  state.setOther(FLAG.VM | FLAG.IF | FLAG.RF, false);
  state.setGpr(RSP, BigInt.asUintN(64, state.get64(CONTROL.sysenterEsp) & mask));
  state.rip = BigInt.asUintN(64, state.get64(CONTROL.sysenterEip) & mask);
  enterFlat(cpu, cs, cs + 8, 0, cpu.longMode ? RIGHTS.code64 : RIGHTS.code32);
  return 0;
};

const sysexit: SystemFunction = (cpu, i) => {
  const { state } = cpu;
  const cs = Number(state.get64(CONTROL.sysenterCs) & 0xfffcn);
  if (!cpu.protectedMode || cs === 0) return GP;
  const wide = i.operandBytes === 8;
  const target = state.gpr(RDX);
  const stack = state.gpr(RCX);
  const bits = cpu.canonicalBits;
  if (wide && !(isCanonical(target, bits) && isCanonical(stack, bits))) return GP;
  state.rip = wide ? target : target & LOW;
  state.setGpr(RSP, wide ? stack : stack & LOW);
  const selector = (cs + (wide ? 32 : 16)) | 3;
  enterFlat(cpu, selector, selector + 8, 3, wide ? RIGHTS.code64 : RIGHTS.code32);
  return 0;
};

const swapgs: SystemFunction = (cpu) => {
  const { state } = cpu;
  const base = state.segmentBase(GS);
  state.setSegmentBase(GS, state.get64(CONTROL.kernelGsBase));
  state.set64(CONTROL.kernelGsBase, base);
  return 0;
};

export const FAST_CALLS: SystemGroup = {
  syscall: { run: syscall },
  sysret: { run: sysret },
  sysenter: { run: sysenter },
  sysexit: { run: sysexit },
  swapgs: { run: swapgs, continues: true },
};
