/** XSAVE, XSAVEOPT, XSAVEC, XRSTOR (SDM 1, "Managing State Using the XSAVE Feature Set"). */
import { READ, WRITE } from "../../mmu/access.ts";
import { CR0, CR4 } from "../../mmu/control-bits.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import { GP, NM, UD } from "../faults.ts";
import { CELL, CONTROL, RAX, RDX, xmmOffset } from "../layout.ts";
import { blockFlags, probe, readBlock, writeBlock } from "../memory-block.ts";
import { operand } from "../operands.ts";
import { initializeAll, LEGACY, loadX87, loadXmm, saveX87, saveXmm } from "../x87/environment.ts";
import { ALL_EMPTY, CONTROL_WORD } from "../x87/state.ts";
import { readRegister } from "../x87/unit.ts";
import { alignedBlock, isWide, x87Loaded, xmmCount } from "./fx-state.ts";
import type { SystemGroup } from "./group.ts";
import { MXCSR } from "./sse-unit.ts";

const X87_BIT = 1n;
const SSE_BIT = 2n;
const COMPACTED = 1n << 63n;
const ALIGNMENT = 64n;
const HEADER = 512;
const HEADER_BYTES = 64;
const AREA_BYTES = HEADER + HEADER_BYTES;

const area = new Uint8Array(AREA_BYTES);
const view = new DataView(area.buffer);

/** Components that XCR0 and EDX:EAX both name. */
function requested({ state }: Cpu): bigint {
  const mask = (BigInt(state.gpr32(RDX)) << 32n) | BigInt(state.gpr32(RAX));
  return mask & state.get64(CONTROL.xcr0);
}

function forbidden({ mmu }: Cpu): number {
  if (!(mmu.cr4 & CR4.OSXSAVE)) return UD;
  return mmu.cr0 & CR0.TS ? NM : 0;
}

/** XINUSE: components that are not in their initial configuration. */
export function inUse(cpu: Cpu): bigint {
  return (isX87Initial(cpu) ? 0n : X87_BIT) | (isSseInitial(cpu) ? 0n : SSE_BIT);
}

function isX87Initial({ state }: Cpu): boolean {
  const words =
    state.get32(CELL.fpuControl) === CONTROL_WORD.initial &&
    state.get32(CELL.fpuStatus) === 0 &&
    state.get32(CELL.fpuTag) === ALL_EMPTY &&
    state.get32(CELL.fpuOpcode) === 0;
  if (!words || state.get64(CELL.fpuInstruction) !== 0n || state.get64(CELL.fpuData) !== 0n) {
    return false;
  }
  return [0, 1, 2, 3, 4, 5, 6, 7].every((number) => readRegister(state, number) === 0n);
}

/** Of MXCSR, XSAVE itself takes no notice here. */
function isSseInitial(cpu: Cpu): boolean {
  for (let n = 0; n < xmmCount(cpu) * 2; n++) {
    if (cpu.state.get64(xmmOffset(0) + n * 8) !== 0n) return false;
  }
  return true;
}

interface Saving {
  /** The compacted format, and nothing of components in their initial configuration. */
  readonly compacted: boolean;
  /** Components in their initial configuration are not written (the area keeps what it had). */
  readonly onlyInUse: boolean;
}

/** Reads what lies in the area, changes what is to be saved, and writes all of it back. */
function save({ compacted, onlyInUse }: Saving) {
  return (cpu: Cpu, i: DecodedInstruction): number => {
    const raised = forbidden(cpu) || alignedBlock(cpu, i, AREA_BYTES, ALIGNMENT, true);
    if (raised !== 0) return raised;
    const { linear } = operand;
    const flags = blockFlags(cpu, i);
    const fault =
      probe(cpu, linear, AREA_BYTES, WRITE | flags) || readBlock(cpu, linear, area, flags);
    if (fault !== 0) return fault;
    const { state } = cpu;
    const wanted = requested(cpu);
    let used = inUse(cpu);
    const ownMxcsr = state.get32(CELL.mxcsr) !== MXCSR.initial;
    if (compacted && ownMxcsr) used |= SSE_BIT;
    const written = onlyInUse ? wanted & used : wanted;
    if (written & X87_BIT) saveX87(state, view, isWide(i));
    if (written & SSE_BIT) saveXmm(state, view, xmmCount(cpu));
    if ((compacted ? written : wanted) & SSE_BIT) {
      view.setUint32(LEGACY.mxcsr, state.get32(CELL.mxcsr), true);
      view.setUint32(LEGACY.mxcsrMask, MXCSR.existing, true);
    }
    const kept = compacted ? 0n : view.getBigUint64(HEADER, true) & ~wanted;
    view.setBigUint64(HEADER, kept | (wanted & used), true);
    if (compacted) view.setBigUint64(HEADER + 8, wanted | COMPACTED, true);
    return writeBlock(cpu, linear, area, flags);
  };
}

/** Whether the header may be restored from. */
function isHeaderValid(cpu: Cpu): boolean {
  const present = view.getBigUint64(HEADER, true);
  const format = view.getBigUint64(HEADER + 8, true);
  const enabled = cpu.state.get64(CONTROL.xcr0);
  for (let at = 16; at < HEADER_BYTES; at += 8) {
    if (at < 24 || format & COMPACTED) {
      if (view.getBigUint64(HEADER + at, true) !== 0n) return false;
    }
  }
  if (!(format & COMPACTED)) return format === 0n && (present & ~enabled) === 0n;
  if (!cpu.features.has("xsavec")) return false;
  return (format & ~COMPACTED & ~enabled) === 0n && (present & ~format) === 0n;
}

function xrstor(cpu: Cpu, i: DecodedInstruction): number {
  const raised = forbidden(cpu) || alignedBlock(cpu, i, AREA_BYTES, ALIGNMENT, false);
  if (raised !== 0) return raised;
  const { linear } = operand;
  const flags = blockFlags(cpu, i);
  const fault = probe(cpu, linear, AREA_BYTES, READ | flags) || readBlock(cpu, linear, area, flags);
  if (fault !== 0) return fault;
  if (!isHeaderValid(cpu)) return GP;
  const { state } = cpu;
  const wanted = requested(cpu);
  const present = view.getBigUint64(HEADER, true);
  const compacted = (view.getBigUint64(HEADER + 8, true) & COMPACTED) !== 0n;
  const fromArea = !compacted || (present & SSE_BIT) !== 0n;
  const mxcsr = fromArea ? view.getUint32(LEGACY.mxcsr, true) : MXCSR.initial;
  if (wanted & SSE_BIT) {
    if (mxcsr & ~MXCSR.existing) return GP;
    state.set32(CELL.mxcsr, mxcsr);
    if (!(present & SSE_BIT)) area.fill(0, LEGACY.xmm, HEADER);
    loadXmm(state, view, xmmCount(cpu));
  }
  if (wanted & X87_BIT) {
    if (present & X87_BIT) loadX87(state, view, isWide(i));
    else initializeAll(state);
    x87Loaded(cpu);
  }
  return 0;
}

export const XSAVE_INSTRUCTIONS: SystemGroup = {
  xsave: { run: save({ compacted: false, onlyInUse: false }), continues: true },
  xsaveopt: { run: save({ compacted: false, onlyInUse: true }), continues: true },
  xsavec: { run: save({ compacted: true, onlyInUse: true }), continues: true },
  xrstor: { run: xrstor, continues: true },
};
