/**
 * One processor: registers, translation, the engine, and what happens between instructions.
 *
 * The state is in linear memory (layout.ts), the registers that decide about translation are the
 * `Mmu`'s. Whoever changes CS, SS, the privilege level, RFLAGS.AC or a control register through
 * other ways than this class's methods calls `modeChanged` afterwards.
 */

import { Random } from "../base/random.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import { CR0, CR4, EFER, RESET_REGISTERS } from "../mmu/control-bits.ts";
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
import { RECORD } from "./engine/record.ts";
import type { DeliveredEvent, ShutdownCause } from "./event.ts";
import { deliverFault, deliverInterrupt } from "./exceptions.ts";
import { DEFAULT_PHYSICAL_BITS, mmuFeaturesOf } from "./features.ts";
import { implementedFeatures } from "./implemented.ts";
import { ACTIVITY, CELL, CONTROL, CS, SEGMENT, SS, segmentOffset } from "./layout.ts";
import {
  type InterruptSource,
  type LocalApicPort,
  NO_INTERRUPTS,
  NO_PORTS,
  type PortSpace,
} from "./ports.ts";
import { initialiseState, resetState } from "./reset.ts";
import { SEMANTICS } from "./semantics/index.ts";
import { CpuState } from "./state.ts";
import { HELPERS } from "./system/index.ts";
import { mmxFault, sseFault } from "./x87/availability.ts";

export interface CpuOptions {
  readonly mmuFeatures?: Partial<MmuFeatures>;
  readonly tlb?: TlbModel;
  /** CPUID features in QEMU's spelling; everything that is implemented by default. */
  readonly features?: ReadonlySet<string>;
  /** Width of a physical address, 36..52. */
  readonly physicalAddressBits?: number;
  /** Nanoseconds since power-on; the instructions retired by default. */
  readonly time?: () => number;
  /** For RDRAND and RDSEED. */
  readonly seed?: number;
  /** Number of this processor and of all. */
  readonly index?: number;
  readonly count?: number;
  readonly ports?: PortSpace;
  readonly interrupts?: InterruptSource;
  /** Host memory for pre-decoded code, in bytes. */
  readonly recordBytes?: number;
}

/** Why `run` returned: the limit, HLT, waiting for a start-up IPI, or a shutdown (triple fault). */
export type StopReason = "limit" | "halted" | "waiting" | "shutdown";

/** By activity. */
const STOP_REASONS: readonly StopReason[] = ["limit", "halted", "waiting", "shutdown"];

/** Instructions between two looks at the world when nothing is pending. */
const SLICE = 1 << 20;

export class Cpu {
  readonly memory: PhysicalMemory;
  readonly mmu: Mmu;
  readonly state: CpuState;
  readonly engine: Engine<Cpu>;
  readonly ports: PortSpace;
  interrupts: InterruptSource;
  /** Set where there is one: CPUID, MSRs and CR8 go there. */
  apic: LocalApicPort | undefined;
  /** What CPUID announces. */
  readonly features: ReadonlySet<string>;
  readonly index: number;
  readonly count: number;
  readonly #time: (() => number) | undefined;
  /** For RDRAND and RDSEED. */
  readonly random: Random;
  /** An NMI waits. */
  nmiPending = false;
  /** The instruction decides whether #DB follows it, not the TF that it began with. */
  stepNow: boolean | undefined;
  /** A fault to be delivered before the next instruction: a task switch has left it. */
  lateFault = 0;
  /** Told of every exception and interrupt before its delivery; costs nothing while undefined. */
  onEvent: ((event: DeliveredEvent) => void) | undefined;
  /** After a shutdown: the faults that led to it. */
  shutdownCause: ShutdownCause | undefined;
  /** 16, 32 or 64: the code segment's width. */
  codeWidth: DecodeMode = 16;
  /** Instructions that the current slice may take, and that `run` may still take. */
  #sliceLeft = 0;
  #left = 0;

  constructor(memory: PhysicalMemory, options: CpuOptions = {}) {
    this.memory = memory;
    this.features = options.features ?? implementedFeatures();
    this.index = options.index ?? 0;
    this.count = options.count ?? 1;
    this.#time = options.time;
    this.random = new Random(options.seed ?? 1);
    const bits = options.physicalAddressBits ?? DEFAULT_PHYSICAL_BITS;
    this.mmu = new Mmu(memory, {
      features: { ...mmuFeaturesOf(this.features, bits), ...options.mmuFeatures },
      ...(options.tlb ? { tlb: options.tlb } : {}),
    });
    this.state = new CpuState(memory.linear);
    this.ports = options.ports ?? NO_PORTS;
    this.interrupts = options.interrupts ?? NO_INTERRUPTS;
    this.engine = new Engine<Cpu>({
      memory,
      mmu: this.mmu,
      state: this.state,
      decoder: new Decoder(this.features),
      semantics: SEMANTICS,
      helpers: new HelperTable<Cpu>(HELPERS, (cpu) => cpu.cpl),
      cpu: this,
      ...(options.recordBytes ? { recordBytes: options.recordBytes } : {}),
    });
    this.reset();
  }

  /** The state after power-up (SDM 3A, "Processor State After Reset"). */
  reset(): void {
    resetState(this.state);
    this.mmu.restoreRegisters(RESET_REGISTERS);
    this.nmiPending = false;
    this.shutdownCause = undefined;
    this.modeChanged();
  }

  /** INIT: as reset, but for FPU, caches, time-stamp counter and most model-specific registers. */
  initialise(): void {
    initialiseState(this.state);
    const { cr0, pkru, pkrs } = this.mmu.registers.now;
    const kept = cr0 & (CR0.CD | CR0.NW);
    this.mmu.restoreRegisters({ ...RESET_REGISTERS, cr0: CR0.ET | kept, pkru, pkrs });
    this.nmiPending = false;
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

  /** Width of a canonical address in the widest paging mode that the processor has. */
  get supportedLinearBits(): number {
    return this.mmu.registers.features.la57 ? 57 : 48;
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
    this.state.setPair(CELL.canonicalShift, 0, 64 - this.canonicalBits);
    this.vectorsChanged();
    this.segmentsChanged();
  }

  /** The same where no control register has changed. */
  segmentsChanged(): void {
    const { state, engine, mmu } = this;
    const code = segmentOffset(CS);
    const rights = state.get32(code + SEGMENT.rights);
    const limit = state.get32(code + SEGMENT.limit);
    const wide = (rights & 0x2000) !== 0 && this.longMode;
    this.codeWidth = wide ? 64 : rights & 0x4000 ? 32 : 16;
    mmu.registers.codeIs64Bit = wide;
    engine.setCode(this.codeWidth, this.realSegments, state.get32(code + SEGMENT.base), limit);
    state.setPair(CELL.codeLimit, 0, limit);
    const stackBig = (state.get32(segmentOffset(SS) + SEGMENT.rights) & 0x4000) !== 0;
    state.setPair(CELL.stackMask, wide ? -1 : 0, wide || stackBig ? -1 : 0xffff);
    this.flagsChanged();
  }

  /** CR0.EM, TS, NE, CR4.OSFXSR or the x87 status word changed: who may use the registers now. */
  vectorsChanged(): void {
    const { state, mmu } = this;
    state.set32(CELL.sseBlocked, sseFault(mmu.cr0, mmu.cr4));
    state.set32(CELL.mmxBlocked, mmxFault(mmu.cr0, state.get32(CELL.fpuStatus)));
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
    this.#left = limit;
    while (this.#left > 0) {
      if (this.lateFault !== 0) this.#deliverLateFault();
      if (!this.#stopped) this.#takeInterrupt();
      if (this.state.get32(CONTROL.activity) !== ACTIVITY.running) break;
      const used = this.#runSlice(Math.min(this.#left, SLICE));
      this.#left -= used;
      this.#sliceLeft = 0;
      this.state.set32(CELL.budget, 0);
    }
    return STOP_REASONS[this.state.get32(CONTROL.activity)] as StopReason;
  }

  /** Neither interrupts nor NMIs make it run: it waits for start-up, or is shut down. */
  get #stopped(): boolean {
    return this.state.get32(CONTROL.activity) > ACTIVITY.halted;
  }

  /** Whether an interrupt from outside would make it run. */
  get acceptsInterrupts(): boolean {
    return !this.#stopped && this.state.has(FLAG.IF);
  }

  /** Linear address of the next instruction, valid between slices. */
  get codeLinear(): bigint {
    const { state } = this;
    return (state.rip + state.get64(CELL.codeBase)) & state.get64(CELL.codeMask);
  }

  /** Whether `run` would do anything now. */
  get canRun(): boolean {
    const { state } = this;
    const activity = state.get32(CONTROL.activity);
    if (activity !== ACTIVITY.halted) return activity === ACTIVITY.running;
    if (this.nmiPending && state.get32(CONTROL.nmiBlocked) === 0) return true;
    return state.has(FLAG.IF) && this.interrupts.interruptPending;
  }

  /** From within an instruction: `run` shall begin at most so many more after this one. */
  shorten(instructions: number): void {
    this.#left = Math.min(this.#left, this.#usedNow() + 1 + instructions);
  }

  /** Instructions begun since reset; exact also while one is being executed. */
  get elapsed(): number {
    return Number(this.instructions) + this.#usedNow() + 1;
  }

  /** Nanoseconds since power-on. */
  get time(): number {
    return this.#time ? this.#time() : this.elapsed;
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
      this.#sliceLeft = 1;
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
    if (this.stepNow ?? trap) this.#singleStepTrap();
    this.stepNow = undefined;
    return used;
  }

  #deliverLateFault(): void {
    const raised = this.lateFault;
    this.lateFault = 0;
    deliverFault(this, raised);
  }

  #count(instructions: number): void {
    const { state } = this;
    const sum = (state.get32(CELL.instructions) >>> 0) + instructions;
    const carry = sum > 0xffff_ffff ? 1 : 0;
    state.setPair(CELL.instructions, state.get32(CELL.instructions + 4) + carry, sum);
  }

  /** Whether an STI or MOV SS holds interrupts off before the next instruction. */
  get inShadow(): boolean {
    const { state } = this;
    const lo = state.get32(CELL.shadow);
    const hi = state.get32(CELL.shadow + 4);
    if ((lo | hi) === 0 || lo !== state.get32(CELL.instructions)) return false;
    return hi === state.get32(CELL.instructions + 4);
  }

  /** Holds interrupts off for the instruction after the one that is being executed. */
  beginShadow(): void {
    const { state } = this;
    const sum = (state.get32(CELL.instructions) >>> 0) + this.#usedNow() + 1;
    const carry = sum > 0xffff_ffff ? 1 : 0;
    state.setPair(CELL.shadow, state.get32(CELL.instructions + 4) + carry, sum);
  }

  /** Instructions of the slice before the one that is being executed; -1 between slices. */
  #usedNow(): number {
    const { state } = this;
    if (this.#sliceLeft === 0) return -1;
    const after = this.memory.linear.bytes[state.get32(CELL.record) + RECORD.after] as number;
    return this.#sliceLeft - state.get32(CELL.budget) - after - 1;
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
