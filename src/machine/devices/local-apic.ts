/**
 * One processor's local APIC (SDM 3A, "Advanced Programmable Interrupt Controller"): xAPIC through
 * memory, x2APIC through MSRs 0x800..0x8FF, off and on again by IA32_APIC_BASE. It says whether
 * this CPU has an interrupt to take and does not know how a CPU takes it.
 */
import type { Clock } from "../clock.ts";
import type { Device } from "../device.ts";
import {
  type ApicRegisterFile,
  readApicMsr,
  readWindow,
  writeApicMsr,
  writeWindow,
} from "./apic-access.ts";
import { type ApicMode, decodeApicBase, encodeApicBase } from "./apic-base.ts";
import {
  type ApicBus,
  DELIVERY,
  type InterruptMessage,
  type InterruptTarget,
  type ProcessorPort,
} from "./apic-bus.ts";
import { decodeCommand, type Shorthand } from "./apic-command.ts";
import { matchesLogical, matchesX2Logical, x2LogicalId } from "./apic-destination.ts";
import { InterruptQueue } from "./apic-queue.ts";
import { APIC_ERROR, APIC_VERSION, REG, SOFTWARE_ENABLED } from "./apic-registers.ts";
import { ALL_ONES, INITIAL, PLAIN_REGISTERS, type PlainState } from "./apic-state.ts";
import { ApicTimer } from "./apic-timer.ts";
import { FIRST_LEGAL_VECTOR, LocalVectors } from "./apic-vectors.ts";

export const APIC_DEFAULT_BASE = 0xfee00000;

/** Where an 8259 pair's requests come from, for LINT0 in ExtINT mode. */
export interface ExternalController {
  readonly asserted: boolean;
  acknowledge(): number;
}

export interface LocalApicOptions {
  /** 0..254 where xAPIC mode is to address it. */
  readonly id: number;
  readonly clock: Clock;
  readonly bus: ApicBus;
  readonly port: ProcessorPort;
  /** The 8259 pair, on the boot processor. */
  readonly external?: ExternalController;
  /** Width of a physical address: bits of IA32_APIC_BASE from there up are reserved. */
  readonly maxPhyAddr: number;
  readonly boot: boolean;
}

export class LocalApic implements Device, InterruptTarget {
  /** Called when the registers appear, move or vanish in memory. */
  onMoved: (() => void) | undefined;
  readonly #options: LocalApicOptions;
  readonly #queue = new InterruptQueue();
  readonly #timer: ApicTimer;
  readonly #vectors: LocalVectors;
  readonly #file: ApicRegisterFile;
  readonly #plain: PlainState = { ...INITIAL };
  readonly #place;
  /** Whom an IPI's shorthand addresses, whatever its destination. */
  readonly #shorthands: Record<Shorthand, ((target: InterruptTarget) => boolean) | undefined> = {
    none: undefined,
    self: (target) => target === this,
    all: () => true,
    "all but self": (target) => target !== this,
  };
  readonly state;
  #pending = false;

  constructor(options: LocalApicOptions) {
    this.#options = options;
    const { clock, port, id } = options;
    this.#timer = new ApicTimer(clock, `apic-timer-${id}`, port, () => {
      this.#vectors.trigger(REG.lvtTimer);
    });
    this.#vectors = new LocalVectors(this.#timer, {
      accept: (vector, level) => this.#accept(vector, level),
      nmi: () => port.nmi(),
      smi: () => port.smi(),
      externalChanged: () => this.#update(),
    });
    /** Where and what it is; kept over INIT. `id` is the xAPIC register, bits 31:24. */
    this.#place = { base: APIC_DEFAULT_BASE, mode: "xAPIC" as ApicMode, id: (id << 24) >>> 0 };
    this.state = {
      place: this.#place,
      plain: this.#plain,
      queue: this.#queue.state,
      vectors: this.#vectors.state,
      timer: this.#timer.state,
    };
    this.#file = this.#registerFile();
    options.bus.attach(this);
  }

  /** Power-on: software-disabled, as hardware comes up. */
  reset(): void {
    const { id } = this.#options;
    Object.assign(this.#place, { base: APIC_DEFAULT_BASE, mode: "xAPIC", id: (id << 24) >>> 0 });
    this.onMoved?.();
    this.initialise();
  }

  /** INIT: everything but the base and the identifier. */
  initialise(): void {
    this.#queue.reset();
    this.#vectors.reset();
    Object.assign(this.#plain, INITIAL);
    if (this.mode === "x2APIC") this.#plain.logicalDestination = this.#x2Logical;
    this.#update();
  }

  /** What PC firmware leaves behind: enabled, the 8259 pair through LINT0, NMI through LINT1. */
  virtualWire(): void {
    this.#plain.spurious = SOFTWARE_ENABLED | 0xff;
    this.#vectors.virtualWire();
    this.#update();
  }

  // --- Towards the processor ------------------------------------------------------------------

  /** Whether an interrupt waits that the processor takes when EFLAGS.IF allows. */
  get interruptPending(): boolean {
    return this.#pending;
  }

  /** The interrupt-acknowledge cycle: the vector to deliver; the spurious one without a request. */
  acknowledge(): number {
    const vector = this.#deliverable();
    if (vector >= 0) {
      this.#queue.serve(vector);
      this.#update();
      return vector;
    }
    const spurious = this.#plain.spurious & 0xff;
    if (!this.#externalPending()) return spurious;
    this.#plain.extIntMessage = false;
    const external = this.#options.external?.acknowledge() ?? spurious;
    this.#update();
    return external;
  }

  /** The task priority register, whose bits 7:4 are CR8. It works in every mode. */
  get taskPriority(): number {
    return this.#queue.state.taskPriority;
  }

  set taskPriority(priority: number) {
    this.#queue.state.taskPriority = priority & 0xff;
    this.#update();
  }

  /** "disabled" also clears CPUID.1:EDX.APIC. */
  get mode(): ApicMode {
    return this.#place.mode;
  }

  /** IA32_TSC_DEADLINE. */
  get tscDeadline(): bigint {
    return this.#timer.deadline;
  }

  set tscDeadline(tsc: bigint) {
    this.#timer.deadline = tsc;
  }

  /** The processor's time-stamp counter was written. */
  tscChanged(): void {
    this.#timer.tscChanged();
  }

  /** IA32_APIC_BASE. */
  get base(): bigint {
    return encodeApicBase(this.#place.base, this.mode, this.#options.boot);
  }

  /** Writes IA32_APIC_BASE. @returns false for #GP(0), having changed nothing */
  writeBase(value: bigint): boolean {
    const from = this.mode;
    const next = decodeApicBase(value, from, this.#options.maxPhyAddr);
    if (next === undefined) return false;
    Object.assign(this.#place, next);
    if (next.mode !== from) this.#modeChanged();
    this.onMoved?.();
    return true;
  }

  /** RDMSR of 0x800..0x8FF. @returns undefined for #GP(0) */
  readMsr(msr: number): bigint | undefined {
    return readApicMsr(this.#file, msr);
  }

  /** WRMSR of 0x800..0x8FF. @returns false for #GP(0), having changed nothing */
  writeMsr(msr: number, value: bigint): boolean {
    return writeApicMsr(this.#file, msr, value);
  }

  /** The physical address of the register page, -1 when it is not in memory. */
  get windowBase(): number {
    return this.mode === "xAPIC" ? this.#place.base : -1;
  }

  readWindow(offset: number, bytes: 1 | 2 | 4): number {
    return readWindow(this.#file, offset, bytes);
  }

  writeWindow(offset: number, bytes: 1 | 2 | 4, value: number): void {
    writeWindow(this.#file, offset, bytes, value);
  }

  // --- From wires and other APICs ---------------------------------------------------------------

  /** The external controller's INTR changed. */
  externalChanged(): void {
    this.#update();
  }

  /** Drives LINT0 or LINT1 other than by the external controller. */
  setLint(pin: 0 | 1, asserted: boolean): void {
    this.#vectors.setLint(pin, asserted);
  }

  get acceptsFixed(): boolean {
    return this.mode !== "disabled" && (this.#plain.spurious & SOFTWARE_ENABLED) !== 0;
  }

  get priority(): number {
    return this.#queue.processorPriority;
  }

  /** The identifier that destinations name: 8 bits in xAPIC mode, 32 in x2APIC mode. */
  get apicId(): number {
    return this.mode === "x2APIC" ? this.#options.id : this.#place.id >>> 24;
  }

  matches({ destination, wide, logical }: InterruptMessage): boolean {
    if (this.mode === "disabled") return false;
    if (destination === (wide ? ALL_ONES : 0xff)) return true;
    if (!logical) return destination === this.apicId;
    const { logicalDestination, destinationFormat } = this.#plain;
    return this.mode === "x2APIC"
      ? matchesX2Logical(destination, logicalDestination)
      : matchesLogical(destination, logicalDestination, destinationFormat);
  }

  deliver({ delivery, vector, level }: InterruptMessage): void {
    const { port } = this.#options;
    if (delivery === DELIVERY.fixed || delivery === DELIVERY.lowestPriority) {
      if (this.acceptsFixed) this.#accept(vector, level);
    } else if (delivery === DELIVERY.nmi) port.nmi();
    else if (delivery === DELIVERY.smi) port.smi();
    else if (delivery === DELIVERY.startup) port.startup(vector);
    else if (delivery === DELIVERY.init) {
      this.initialise();
      port.init();
    } else if (delivery === DELIVERY.extInt) {
      this.#plain.extIntMessage = true;
      this.#update();
    }
  }

  // --- Registers --------------------------------------------------------------------------------

  #registerFile(): ApicRegisterFile {
    const apic = this;
    const plain = this.#plain;
    return {
      get mode() {
        return apic.mode;
      },
      x2Id: this.#options.id,
      get commandHi() {
        return plain.commandHi;
      },
      set commandHi(value) {
        plain.commandHi = value;
      },
      read: (index) => this.#readRegister(index),
      write: (index, value) => {
        this.#writeRegister(index, value);
        this.#update();
      },
      illegal: () => this.#error(APIC_ERROR.illegalRegister),
    };
  }

  #readRegister(index: number): number {
    const plain = this.#plain;
    if (index >= REG.inService && index < REG.request + 8) {
      return this.#queue.word(index - REG.inService);
    }
    if (index >= REG.lvtTimer && index <= REG.lvtError) return this.#vectors.read(index);
    const name = PLAIN_REGISTERS.get(index);
    if (name !== undefined) return plain[name];
    if (index === REG.id) return this.#place.id;
    if (index === REG.version) return APIC_VERSION;
    if (index === REG.taskPriority) return this.taskPriority;
    if (index === REG.processorPriority || index === REG.arbitrationPriority) return this.priority;
    if (index === REG.timerInitial) return this.#timer.initial;
    if (index === REG.timerCurrent) return this.#timer.current;
    return index === REG.timerDivide ? this.#timer.divideBits : 0;
  }

  #writeRegister(index: number, value: number): void {
    const plain = this.#plain;
    if (index >= REG.lvtTimer && index <= REG.lvtError) {
      this.#vectors.write(index, value, (plain.spurious & SOFTWARE_ENABLED) !== 0);
    } else if (index === REG.id) this.#place.id = value >>> 0;
    else if (index === REG.taskPriority) this.#queue.state.taskPriority = value;
    else if (index === REG.eoi) this.#endOfInterrupt();
    else if (index === REG.logicalDestination) plain.logicalDestination = value;
    else if (index === REG.destinationFormat) plain.destinationFormat = value | 0x0fffffff;
    else if (index === REG.spurious) {
      plain.spurious = value;
      if (!(value & SOFTWARE_ENABLED)) this.#vectors.maskAll();
    } else if (index === REG.errorStatus) {
      plain.errorStatus = plain.errors;
      plain.errors = 0;
    } else if (index === REG.commandLo) this.#command(value);
    else if (index === REG.commandHi) plain.commandHi = value;
    else if (index === REG.timerInitial) this.#timer.initial = value >>> 0;
    else if (index === REG.timerDivide) this.#timer.divideBits = value;
    else if (index === REG.selfIpi) this.#sendSelf(value);
  }

  #endOfInterrupt(): void {
    const level = this.#queue.end();
    if (level < 0) return;
    this.#vectors.ended(level);
    this.#options.bus.broadcastEoi(level);
  }

  #command(value: number): void {
    const plain = this.#plain;
    plain.commandLo = value;
    const wide = this.mode === "x2APIC";
    const destination = wide ? plain.commandHi >>> 0 : plain.commandHi >>> 24;
    const { message, shorthand, ignored } = decodeCommand(value, destination, wide);
    const fixed = message.delivery <= DELIVERY.lowestPriority;
    if (fixed && message.vector < FIRST_LEGAL_VECTOR) this.#error(APIC_ERROR.sendIllegalVector);
    else if (!ignored) this.#options.bus.send(message, this.#shorthands[shorthand]);
  }

  #sendSelf(vector: number): void {
    if (vector < FIRST_LEGAL_VECTOR) this.#error(APIC_ERROR.sendIllegalVector);
    else if (this.acceptsFixed) this.#accept(vector, false);
  }

  #modeChanged(): void {
    if (this.mode === "disabled") this.initialise();
    else if (this.mode === "x2APIC") {
      this.#plain.logicalDestination = this.#x2Logical;
      this.#plain.commandHi = 0;
    } else this.#place.id = (this.#options.id << 24) >>> 0;
    this.#update();
  }

  // --- Priorities -------------------------------------------------------------------------------

  get #x2Logical(): number {
    return x2LogicalId(this.#options.id);
  }

  #accept(vector: number, level: boolean): void {
    if (vector < FIRST_LEGAL_VECTOR) {
      this.#error(APIC_ERROR.receivedIllegalVector);
      return;
    }
    this.#queue.add(vector, level);
    this.#update();
  }

  #error(bit: number): void {
    this.#plain.errors |= bit;
    this.#vectors.triggerError();
  }

  /** The vector that would be delivered now, -1 for none. */
  #deliverable(): number {
    return this.acceptsFixed ? this.#queue.deliverable : -1;
  }

  /** Whether LINT0, or the bare INTR pin of a disabled APIC, has an interrupt for this CPU. */
  #externalPending(): boolean {
    if (this.#plain.extIntMessage) return true;
    if (!this.#options.external?.asserted) return false;
    return this.mode === "disabled" || this.#vectors.takesExternal;
  }

  #update(): void {
    const pending = this.#deliverable() >= 0 || this.#externalPending();
    if (pending === this.#pending) return;
    this.#pending = pending;
    this.#options.port.interruptChanged();
  }
}
