/** PUSHF, POPF, CLI, STI, STAC, CLAC: the flags that are not only results. */
import { CR4 } from "../../mmu/control-bits.ts";
import { FLAG } from "../builder/flags.ts";
import type { Cpu } from "../cpu.ts";
import { GP, UD } from "../faults.ts";
import { popWords, pushWords } from "../frame-writer.ts";
import { CELL, RSP, SS } from "../layout.ts";
import { linearAt, operand } from "../operands.ts";
import { ALL_FLAGS } from "../return-rules.ts";
import { imageOf } from "../virtual-8086.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

const NOT_PUSHED = FLAG.VM | FLAG.RF;
const MASK_64 = 0xffff_ffff_ffff_ffffn;

/** What POPF may change at CPL 0 outside virtual-8086 mode. */
const POPPED = ALL_FLAGS & ~FLAG.RF;

/** Virtual-8086 mode needs IOPL 3. */
function denied(cpu: Cpu): boolean {
  return cpu.virtual8086 && cpu.iopl < 3;
}

/** Whether PUSHF and POPF of 16 bits work on VIF. */
function isVirtual(cpu: Cpu, bytes: number): boolean {
  return denied(cpu) && (cpu.mmu.cr4 & CR4.VME) !== 0 && bytes === 2;
}

const pushf: SystemFunction = (cpu, i) => {
  const { state } = cpu;
  const bytes = i.operandBytes as 2 | 4 | 8;
  const virtual = isVirtual(cpu, bytes);
  if (denied(cpu) && !virtual) return GP;
  const image = virtual ? imageOf(cpu) : state.flags;
  const mask = state.get64(CELL.stackMask);
  const old = state.gpr(RSP);
  const pointer = (old - BigInt(bytes)) & mask;
  const raised =
    linearAt(cpu, SS, pointer, bytes, true) ||
    pushWords(cpu, operand.linear + BigInt(bytes), [BigInt(image & ~NOT_PUSHED)], bytes, cpu.cpl);
  if (raised === 0) state.setGpr(RSP, pointer | (old & ~mask & MASK_64));
  return raised;
};

const popped: bigint[] = [];

const popf: SystemFunction = (cpu, i) => {
  const { state } = cpu;
  const bytes = i.operandBytes as 2 | 4 | 8;
  const virtual = isVirtual(cpu, bytes);
  if (denied(cpu) && !virtual) return GP;
  const mask = state.get64(CELL.stackMask);
  const old = state.gpr(RSP);
  const raised =
    linearAt(cpu, SS, old & mask, bytes, false) ||
    popWords(cpu, operand.linear, popped, 1, bytes, cpu.cpl);
  if (raised !== 0) return raised;
  let changeable = POPPED & (bytes === 2 ? 0xffff : -1);
  if (cpu.cpl > 0) changeable &= ~FLAG.IOPL;
  if (cpu.cpl > cpu.iopl) changeable &= ~FLAG.IF;
  const image = Number((popped[0] as bigint) & 0xffff_ffffn);
  if (virtual) {
    // What the monitor would have to see: an interrupt that waits, or a single step.
    if (image & FLAG.TF || (image & FLAG.IF && state.has(FLAG.VIP))) return GP;
    state.setOther(FLAG.VIF, (image & FLAG.IF) !== 0);
  }
  cpu.setFlags((state.flags & ~changeable & ~FLAG.RF) | (image & changeable));
  state.setGpr(RSP, ((old + BigInt(bytes)) & mask) | (old & ~mask & MASK_64));
  return 0;
};

/** CPL <= IOPL in protected mode; virtual interrupts (VME, PVI) where they are switched on. */
function interruptFlag(on: boolean): SystemFunction {
  return (cpu) => {
    const { state } = cpu;
    if (cpu.protectedMode && cpu.cpl > cpu.iopl) {
      const virtual = cpu.mmu.cr4 & (cpu.virtual8086 ? CR4.VME : CR4.PVI);
      const allowed = virtual !== 0 && (cpu.virtual8086 || cpu.cpl === 3);
      if (!allowed || (on && state.has(FLAG.VIP))) return GP;
      state.setOther(FLAG.VIF, on);
      return 0;
    }
    if (on && !state.has(FLAG.IF)) cpu.beginShadow();
    state.setOther(FLAG.IF, on);
    return 0;
  };
}

/** STAC and CLAC; privileged, and only there with SMAP. */
function accessCheck(on: boolean): SystemFunction {
  return (cpu) => {
    if (!cpu.mmu.registers.features.smap) return UD;
    cpu.state.setOther(FLAG.AC, on);
    cpu.flagsChanged();
    return 0;
  };
}

export const FLAG_INSTRUCTIONS: SystemGroup = {
  pushf: { run: pushf },
  popf: { run: popf },
  cli: { run: interruptFlag(false), continues: true },
  sti: { run: interruptFlag(true) },
  stac: { run: accessCheck(true), continues: true },
  clac: { run: accessCheck(false), continues: true },
};
