/**
 * One processor: registers, translation, the engine, and what happens between instructions.
 *
 * The state is in linear memory (layout.ts), the registers that decide about translation are the
 * `Mmu`'s. Whoever changes CS, SS, the privilege level, RFLAGS.AC or a control register through
 * other ways than this class's methods calls `modeChanged` afterwards.
 */

import type { PhysicalMemory } from "../memory/physical-memory.ts";
import { CR0, CR4, EFER } from "../mmu/control-bits.ts";
import type { MmuFeatures } from "../mmu/features.ts";
import { Mmu } from "../mmu/mmu.ts";
import type { TlbModel } from "../mmu/tlb-model.ts";
import { FLAG } from "./builder/flags.ts";
import type { DecodedInstruction } from "./decode/decoded.ts";
import { type DecodeMode, Decoder } from "./decode/decoder.ts";
import type { InstructionRow } from "./decode/row.ts";
import { instructionRows } from "./decode/rows.ts";
import { Engine, EXIT_BEFORE } from "./engine/engine.ts";
import { HelperTable } from "./engine/helper-table.ts";
import { deliverFault, deliverInterrupt } from "./exceptions.ts";
import { ACTIVITY, CELL, CONTROL, CS, LDTR, SEGMENT, SS, segmentOffset, TR } from "./layout.ts";
import { type InterruptSource, NO_INTERRUPTS, NO_PORTS, type PortSpace } from "./ports.ts";
import { SEMANTICS } from "./semantics/index.ts";
import { CpuState } from "./state.ts";
import { HELPERS } from "./system/index.ts";

export interface CpuOptions {
  readonly mmuFeatures?: Partial<MmuFeatures>;
  readonly tlb?: TlbModel;
  /** CPUID features in QEMU's spelling; everything that is implemented by default. */
  readonly features?: ReadonlySet<string> | "all";
  readonly ports?: PortSpace;
  readonly interrupts?: InterruptSource;
  /** Host memory for pre-decoded code, in bytes. */
  readonly recordBytes?: number;
}

/** Why `run` returned: the limit, HLT, or a shutdown (triple fault). */
export type StopReason = "limit" | "halted" | "shutdown";

/** Instructions between two looks at the world when nothing is pending. */
const SLICE = 1 << 20;

export class Cpu {
  readonly memory: PhysicalMemory;
  readonly mmu: Mmu;
  readonly state: CpuState;
  readonly engine: Engine<Cpu>;
  readonly ports: PortSpace;
  interrupts: InterruptSource;
  /** An NMI waits. */
  nmiPending = false;
  /** 16, 32 or 64: the code segment's width. */
  codeWidth: DecodeMode = 16;
  /** Instructions to run when the current slice ends; see `cutSlice`. */
  #sliceLeft = 0;

  constructor(memory: PhysicalMemory, options: CpuOptions = {}) {
    this.memory = memory;
    this.mmu = new Mmu(memory, {
      ...(options.mmuFeatures ? { features: options.mmuFeatures } : {}),
      ...(options.tlb ? { tlb: options.tlb } : {}),
    });
    this.state = new CpuState(memory.linear);
    this.ports = options.ports ?? NO_PORTS;
    this.interrupts = options.interrupts ?? NO_INTERRUPTS;
    this.engine = new Engine<Cpu>({
      memory,
      mmu: this.mmu,
      state: this.state,
      decoder: new Decoder(options.features ?? "all"),
      semantics: SEMANTICS,
      helpers: new HelperTable<Cpu>(HELPERS, (cpu) => cpu.cpl),
      cpu: this,
      ...(options.recordBytes ? { recordBytes: options.recordBytes } : {}),
    });
    this.reset();
  }

  /** The state after power-up (SDM 3A, "Processor State After Reset"). */
  reset(): void {
    const { state } = this;
    state.clear();
    state.flags = 2;
    state.rip = 0xfff0n;
    for (let index = 0; index < 6; index++) {
      state.setSegment(index, { selector: 0, base: 0n, limit: 0xffff, rights: 0x93 });
    }
    state.setSegment(CS, { selector: 0xf000, base: 0xffff_0000n, limit: 0xffff, rights: 0x9b });
    state.setSegment(LDTR, { selector: 0, base: 0n, limit: 0xffff, rights: 0x82 });
    state.setSegment(TR, { selector: 0, base: 0n, limit: 0xffff, rights: 0x8b });
    state.set32(CONTROL.idtLimit, 0xffff);
    state.set32(CONTROL.gdtLimit, 0xffff);
    state.set64(CONTROL.dr6, 0xffff_0ff0n);
    state.set64(CONTROL.dr7, 0x400n);
    state.set64(CONTROL.pat, 0x0007_0406_0007_0406n);
    state.set32(CELL.mxcsr, 0x1f80);
    state.set32(CELL.fpuControl, 0x37f);
    state.set32(CELL.fpuTag, 0xffff);
    this.modeChanged();
  }

  // --- Modes ------------------------------------------------------------------------------------

  get protectedMode(): boolean {
    return (this.mmu.cr0 & CR0.PE) !== 0;
  }

  get virtual8086(): boolean {
    return this.state.has(FLAG.VM);
  }

  /** Real-address or virtual-8086 mode: segments are 16 times the selector. */
  get realSegments(): boolean {
    return !this.protectedMode || this.virtual8086;
  }

  /** IA-32e mode: 64-bit or compatibility mode. */
  get longMode(): boolean {
    return (this.mmu.efer & EFER.LMA) !== 0;
  }

  /** 0..3. */
  get cpl(): number {
    return this.state.get32(CELL.cpl);
  }

  set cpl(cpl: number) {
    this.state.set32(CELL.cpl, cpl);
    this.engine.setTables(cpl === 3);
  }

  get iopl(): number {
    return (this.state.get32(CELL.flagsOther) >> 12) & 3;
  }

  /** Width of a canonical address: 48, or 57 with CR4.LA57. */
  get canonicalBits(): number {
    return this.mmu.cr4 & CR4.LA57 ? 57 : 48;
  }

  /** Sets RFLAGS and what follows from it. */
  setFlags(flags: number): void {
    this.state.flags = flags;
    this.flagsChanged();
  }

  /** RFLAGS.AC or VM changed. */
  flagsChanged(): void {
    this.mmu.ac = this.state.has(FLAG.AC);
    this.engine.setTables(this.cpl === 3);
  }

  /** Derives widths, masks and tables from CS, SS and the control registers. */
  modeChanged(): void {
    const { state, engine, mmu } = this;
    const cs = state.segment(CS);
    const long = this.longMode;
    const wide = long && (cs.rights & 0x2000) !== 0;
    this.codeWidth = wide ? 64 : cs.rights & 0x4000 ? 32 : 16;
    mmu.registers.codeIs64Bit = wide;
    engine.setCode(this.codeWidth, this.realSegments, wide ? 0n : cs.base, cs.limit);
    state.set64(CELL.codeLimit, BigInt(cs.limit));
    state.set64(CELL.canonicalShift, BigInt(64 - this.canonicalBits));
    const stackBig = (state.get32(segmentOffset(SS) + SEGMENT.rights) & 0x4000) !== 0;
    const mask = wide ? 0xffff_ffff_ffff_ffffn : stackBig ? 0xffff_ffffn : 0xffffn;
    state.set64(CELL.stackMask, mask);
    this.flagsChanged();
  }

  /** The table row of a decoded instruction. */
  rowOf(instruction: DecodedInstruction): InstructionRow {
    return instructionRows[instruction.row] as InstructionRow;
  }

  /** A linear address outside 64-bit mode has 32 bits. */
  wrapLinear(linear: bigint): bigint {
    return BigInt.asUintN(this.longMode ? 64 : 32, linear);
  }

  // --- Running ----------------------------------------------------------------------------------

  /** Instructions retired since reset. */
  get instructions(): bigint {
    return this.state.get64(CELL.instructions);
  }

  /**
   * Runs up to `limit` instructions, delivering exceptions and interrupts.
   * @returns why it stopped; "halted" if HLT waits for an interrupt that is not there yet
   */
  run(limit: number): StopReason {
    let left = limit;
    while (left > 0) {
      if (this.state.get32(CONTROL.activity) === ACTIVITY.shutdown) return "shutdown";
      this.#takeInterrupt();
      const activity = this.state.get32(CONTROL.activity);
      if (activity === ACTIVITY.halted) return "halted";
      if (activity === ACTIVITY.shutdown) return "shutdown";
      left -= this.#runSlice(Math.min(left, SLICE));
    }
    return this.state.get32(CONTROL.activity) === ACTIVITY.shutdown ? "shutdown" : "limit";
  }

  /** @returns instructions that began */
  #runSlice(slice: number): number {
    const { state, engine } = this;
    const trap = state.has(FLAG.TF);
    const stepping = trap || this.inShadow;
    this.#sliceLeft = stepping ? 1 : slice;
    let exit = stepping ? engine.step() : engine.run(slice);
    let used = this.#sliceLeft - state.get32(CELL.budget);
    if (used === 0 && exit === 0) {
      // The next block is longer than what is left: instruction by instruction.
      exit = engine.step();
      used = 1 - state.get32(CELL.budget);
    }
    this.#count(used);
    const fault = state.get32(CELL.fault);
    if (exit === EXIT_BEFORE && fault !== 0) {
      // A delivery counts as an instruction: a handler that faults at once must not stop time.
      this.#count(1);
      deliverFault(this, fault);
      return used + 1;
    }
    if (trap) this.#singleStepTrap();
    return used;
  }

  #count(instructions: number): void {
    this.state.set64(CELL.instructions, this.instructions + BigInt(instructions));
  }

  /** Whether an STI or MOV SS holds interrupts off before the next instruction. */
  get inShadow(): boolean {
    const shadow = this.state.get64(CELL.shadow);
    return shadow !== 0n && shadow === this.instructions;
  }

  /** Holds interrupts off for the instruction after the one that is being executed. */
  beginShadow(): void {
    this.state.set64(CELL.shadow, this.instructions + BigInt(this.#usedNow() + 1));
  }

  #usedNow(): number {
    return this.#sliceLeft - this.state.get32(CELL.budget) - 1;
  }

  #takeInterrupt(): void {
    const { state } = this;
    if (this.inShadow) return;
    if (this.nmiPending && state.get32(CONTROL.nmiBlocked) === 0) {
      this.nmiPending = false;
      state.set32(CONTROL.activity, ACTIVITY.running);
      state.set32(CONTROL.nmiBlocked, 1);
      deliverInterrupt(this, 2, "external");
      return;
    }
    if (!state.has(FLAG.IF) || !this.interrupts.interruptPending) return;
    state.set32(CONTROL.activity, ACTIVITY.running);
    deliverInterrupt(this, this.interrupts.acknowledge(), "external");
  }

  #singleStepTrap(): void {
    const { state } = this;
    state.set64(CONTROL.dr6, state.get64(CONTROL.dr6) | 0x4000n);
    deliverInterrupt(this, 1, "trap");
  }
}
