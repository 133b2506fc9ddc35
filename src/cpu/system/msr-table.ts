/** The model-specific registers (SDM 4, "Model-Specific Registers"). */
import { hiOf, loOf, wordOf } from "../../base/word64.ts";
import { isCanonical } from "../../mmu/canonical.ts";
import { isLawfulPat } from "../../mmu/memory-type.ts";
import type { Cpu } from "../cpu.ts";
import { CONTROL, FS, GS } from "../layout.ts";
import { MISC_ENABLE } from "../reset.ts";
import { readTsc, writeTsc, writeTscAdjust } from "../time.ts";

export interface Msr {
  /** It exists only if this feature is announced. */
  readonly feature?: string;
  /** @returns the value in 0 .. 2^64-1 */
  readonly read: (cpu: Cpu) => bigint;
  /** @returns false for #GP(0), having changed nothing; absent: every write is #GP(0) */
  readonly write?: (cpu: Cpu, value: bigint) => boolean;
}

const ALL_ONES = 0xffff_ffff_ffff_ffffn;
const LOW = 0xffff_ffffn;

type Check = (value: bigint, cpu: Cpu) => boolean;

const within =
  (bits: bigint): Check =>
  (value) =>
    (value & ~bits) === 0n;
const anything = within(ALL_ONES);
const canonical: Check = (value, cpu) => isCanonical(value, cpu.supportedLinearBits);

/** A register that is a cell of the processor's state. */
function cell(offset: number, allows: Check, feature?: string): Msr {
  return {
    ...(feature === undefined ? {} : { feature }),
    read: (cpu) => cpu.state.get64(offset),
    write: (cpu, value) => {
      if (!allows(value, cpu)) return false;
      cpu.state.set64(offset, value);
      return true;
    },
  };
}

function segmentBase(index: number): Msr {
  return {
    feature: "lm",
    read: (cpu) => cpu.state.segmentBase(index),
    write: (cpu, value) => {
      if (!canonical(value, cpu)) return false;
      cpu.state.setSegmentBase(index, value);
      return true;
    },
  };
}

const constant = (value: bigint, feature?: string): Msr => ({
  ...(feature === undefined ? {} : { feature }),
  read: () => value,
});

// --- Memory type ranges (SDM 3A, "Memory Type Range Registers") -----------------------------------

const MTRR_PAIRS = 8;
/** Eight pairs, fixed ranges, write combining. */
const MTRR_CAPABILITIES = BigInt(MTRR_PAIRS) | 0x500n;
const MTRR_FIXED = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f];
const isMemoryType = (type: bigint) => type < 7n && type !== 2n && type !== 3n;
const addressBits = (cpu: Cpu) => (1n << BigInt(cpu.mmu.registers.features.maxPhyAddr)) - 0x1000n;

const mtrrBase: Check = (value, cpu) =>
  isMemoryType(value & 0xffn) && (value & ~(addressBits(cpu) | 0xffn)) === 0n;
const mtrrMask: Check = (value, cpu) => (value & ~(addressBits(cpu) | 0x800n)) === 0n;
const mtrrDefault: Check = (value) => isMemoryType(value & 0xffn) && (value & ~0xcffn) === 0n;
/** Eight types in one register. */
const mtrrFixed: Check = (value) => {
  for (let shift = 0n; shift < 64n; shift += 8n) {
    if (!isMemoryType((value >> shift) & 0xffn)) return false;
  }
  return true;
};

function mtrrs(): [number, Msr][] {
  const list: [number, Msr][] = [
    [0xfe, constant(MTRR_CAPABILITIES, "mtrr")],
    [0x2ff, cell(CONTROL.mtrrDefault, mtrrDefault, "mtrr")],
  ];
  for (let i = 0; i < MTRR_PAIRS; i++) {
    const at = CONTROL.mtrrVariable + i * 16;
    list.push([0x200 + 2 * i, cell(at, mtrrBase, "mtrr")]);
    list.push([0x201 + 2 * i, cell(at + 8, mtrrMask, "mtrr")]);
  }
  MTRR_FIXED.forEach((number, i) => {
    list.push([number, cell(CONTROL.mtrrFixed + i * 8, mtrrFixed, "mtrr")]);
  });
  return list;
}

// --- Those with a meaning of their own ------------------------------------------------------------

const efer: Msr = {
  read: ({ mmu }) => wordOf(0, mmu.efer),
  write: (cpu, value) => {
    const raised = cpu.mmu.writeEfer(loOf(value), hiOf(value));
    if (raised === 0) cpu.modeChanged();
    return raised === 0;
  },
};

const timeStampCounter: Msr = {
  feature: "tsc",
  read: readTsc,
  write: (cpu, value) => {
    writeTsc(cpu, value);
    return true;
  },
};

const tscAdjust: Msr = {
  feature: "tsc-adjust",
  read: ({ state }) => state.get64(CONTROL.tscAdjust),
  write: (cpu, value) => {
    writeTscAdjust(cpu, value);
    return true;
  },
};

const apicBase: Msr = {
  feature: "apic",
  read: ({ apic, state }) => apic?.base ?? state.get64(CONTROL.apicBase),
  write: ({ apic, features }, value) => {
    const wantsX2 = (value & 0x400n) !== 0n;
    return (!wantsX2 || features.has("x2apic")) && (apic?.writeBase(value) ?? false);
  },
};

const tscDeadline: Msr = {
  feature: "tsc-deadline",
  read: ({ apic }) => apic?.tscDeadline ?? 0n,
  write: ({ apic }, value) => {
    if (apic) apic.tscDeadline = value;
    return true;
  },
};

const supervisorKeys: Msr = {
  feature: "pks",
  read: ({ mmu }) => BigInt(mmu.pkrs >>> 0),
  write: ({ mmu }, value) => {
    if (value > LOW) return false;
    mmu.pkrs = loOf(value);
    return true;
  },
};

/** Writing 0 and executing CPUID asks for the microcode's revision: 1 in the upper half. */
const biosSign: Msr = {
  read: () => 1n << 32n,
  write: () => true,
};

const xss: Msr = {
  feature: "xsaves",
  read: ({ state }) => state.get64(CONTROL.xss),
  write: (_cpu, value) => value === 0n,
};

/** By number. What is not here is #GP(0); x2APIC registers are the APIC's. */
export const MSRS: ReadonlyMap<number, Msr> = new Map<number, Msr>([
  [0x10, timeStampCounter],
  [0x17, constant(0n)],
  [0x1b, apicBase],
  [0x3b, tscAdjust],
  [0x8b, biosSign],
  ...mtrrs(),
  [0x174, cell(CONTROL.sysenterCs, within(LOW), "sep")],
  [0x175, cell(CONTROL.sysenterEsp, canonical, "sep")],
  [0x176, cell(CONTROL.sysenterEip, canonical, "sep")],
  // No banks of machine-check registers.
  [0x179, constant(0n, "mca")],
  [0x17a, cell(CONTROL.mcgStatus, within(7n), "mca")],
  [0x1a0, cell(CONTROL.miscEnable, within(MISC_ENABLE.fastStrings | MISC_ENABLE.monitor))],
  // IA32_DEBUGCTL: neither branch records nor branch stepping.
  [0x1d9, { read: () => 0n, write: (_cpu, value) => value === 0n }],
  [0x277, cell(CONTROL.pat, isLawfulPat, "pat")],
  [0x6e0, tscDeadline],
  [0x6e1, supervisorKeys],
  [0xda0, xss],
  [0xc000_0080, efer],
  [0xc000_0081, cell(CONTROL.star, anything, "syscall")],
  [0xc000_0082, cell(CONTROL.lstar, canonical, "syscall")],
  [0xc000_0083, cell(CONTROL.cstar, canonical, "syscall")],
  [0xc000_0084, cell(CONTROL.sfmask, within(LOW), "syscall")],
  [0xc000_0100, segmentBase(FS)],
  [0xc000_0101, segmentBase(GS)],
  [0xc000_0102, cell(CONTROL.kernelGsBase, canonical, "lm")],
  [0xc000_0103, cell(CONTROL.tscAux, within(LOW), "rdtscp")],
]);
