/**
 * A whole machine: memory, processors, the board's devices, and the loop that gives the processors
 * their turns.
 *
 * One processor runs at a time, and each instruction takes one nanosecond of virtual time, so that
 * what one processor did lies in the past of the next: clocks never differ between processors.
 * Turns are drawn from the seed; two machines with the same options do the same. While every
 * processor is halted, time jumps to the next timer.
 */
import { badArgument } from "../base/errors.ts";
import { MIB } from "../base/units.ts";
import type { StopReason } from "../cpu/cpu.ts";
import { type CpuModel, parseCpuModel } from "../cpu/features.ts";
import { implementedFeatures } from "../cpu/implemented.ts";
import { ResourceError } from "../memory/errors.ts";
import { PhysicalMemory } from "../memory/physical-memory.ts";
import { LazyTlb } from "../mmu/lazy-tlb.ts";
import { noTlb } from "../mmu/no-tlb.ts";
import { SetAssociativeTlb } from "../mmu/set-associative-tlb.ts";
import type { TlbModel } from "../mmu/tlb-model.ts";
import { Board, type HotplugEvents } from "./board.ts";
import { bootImage } from "./boot/boot.ts";
import type { BootRequest } from "./boot/boot-image.ts";
import { bootFlat, type FlatRequest } from "./boot/flat.ts";
import { NEVER } from "./clock.ts";
import type { SerialHost } from "./devices/uart.ts";
import { enterAt } from "./entry.ts";
import { Processor } from "./processor.ts";
import { stateHash } from "./state-hash.ts";
import type { MachineStop } from "./stop.ts";
import { Turns } from "./turns.ts";

export interface Dimm {
  /** Physical address, and size in bytes: multiples of 128 MiB. */
  readonly base: number;
  readonly bytes: number;
}

export const TLB_MODELS = {
  default: () => new SetAssociativeTlb(),
  none: noTlb,
  lazy: () => new LazyTlb(),
} as const satisfies Readonly<Record<string, () => TlbModel>>;

export interface MachineOptions {
  /** RAM in bytes: whole pages, 2 MiB at least; 128 MiB by default. */
  readonly memoryBytes?: number;
  /** 1..32 processors; 1 by default. */
  readonly cpus?: number;
  /** `max` and changes to it, such as `max,-la57,phys-bits=40`; or a model. */
  readonly cpu?: string | CpuModel;
  /** Memory that is plugged at power-on. */
  readonly dimms?: readonly Dimm[];
  readonly tlb?: keyof typeof TLB_MODELS;
  /** Decides how long each processor's turns are, and what RDRAND gives; 1 by default. */
  readonly seed?: number;
  /** Mean length of a processor's turn in instructions, if there are several; 2,000 by default. */
  readonly quantum?: number;
  readonly serial?: SerialHost;
  readonly debugConsole?: (byte: number) => void;
  /** Wall time at power-on in seconds since 1970; 2020-01-01 by default. */
  readonly startSeconds?: number;
  readonly hotplug?: HotplugEvents;
}

export interface RunRequest {
  /** Instructions of all processors together; a jump of time while all are halted counts as one. */
  readonly maxInstructions?: number;
  /** Return "paused" instead of a jump of time: the caller waits and calls `skipTo`. */
  readonly pauseWhenIdle?: boolean;
}

const DEFAULTS = {
  memoryBytes: 128 * MIB,
  cpus: 1,
  cpu: "max",
  seed: 1,
  quantum: 2000,
  startSeconds: 1_577_836_800,
} as const;
const MAX_CPUS = 32;
const RECORD_BYTES = 4 * MIB;
/** State, TLB, fast tables and block table of one processor, rounded up. */
const PROCESSOR_BYTES = 2 * MIB;

export class Machine {
  readonly memory: PhysicalMemory;
  readonly board: Board;
  readonly processors: readonly Processor[];
  readonly model: CpuModel;
  /** Linear addresses at which `run` stops, before the instruction. */
  readonly breakpoints = new Set<bigint>();
  /** Called before each instruction with the processor's number; all runs slowly while it is set. */
  onInstruction: ((cpu: number) => void) | undefined;
  readonly #turns: Turns;
  #stop: MachineStop | undefined;
  /** The processor that is running, while it is. */
  #running: Processor | undefined;
  /** Virtual time and `elapsed` of the running processor when its slice began. */
  #sliceTime = 0;
  #sliceElapsed = 0;

  /** @throws ArgumentError, ResourceError */
  constructor(options: MachineOptions = {}) {
    const { memoryBytes, cpus, cpu, seed, quantum, startSeconds } = { ...DEFAULTS, ...options };
    if (!(Number.isInteger(cpus) && cpus >= 1 && cpus <= MAX_CPUS)) {
      badArgument("cpus", `1..${MAX_CPUS}`, cpus);
    }
    this.model = typeof cpu === "string" ? parseCpuModel(cpu, implementedFeatures()) : cpu;
    const bits = this.model.physicalAddressBits;
    this.memory = new PhysicalMemory({
      addressBits: bits,
      arenaBytes: cpus * (RECORD_BYTES + PROCESSOR_BYTES),
    });
    this.board = new Board({
      memory: this.memory,
      ramBytes: memoryBytes,
      cpuCount: cpus,
      maxPhyAddr: bits,
      control: {
        reset: (source) => this.#end({ reason: "reset", source }),
        powerOff: () => this.#end({ reason: "power-off" }),
        exit: (code) => this.#end({ reason: "exit", code }),
      },
      serial: options.serial ?? { send: () => true },
      ...(options.debugConsole ? { debugConsole: options.debugConsole } : {}),
      ...(options.hotplug ? { hotplug: options.hotplug } : {}),
      startSeconds,
    });
    this.processors = Array.from({ length: cpus }, (_, index) => {
      const tlb = TLB_MODELS[options.tlb ?? "default"]();
      return this.#makeProcessor({ index, count: cpus, tlb, seed: seed + index });
    });
    this.#turns = new Turns(this.processors, quantum, seed);
    const { clock } = this.board;
    clock.source = () => this.#now;
    clock.onNearer = () => this.#running?.cpu.shorten(Math.max(0, clock.nextAt - clock.now));
    for (const { base, bytes } of options.dimms ?? []) this.board.plugDimm(base, bytes, false);
  }

  #makeProcessor(own: { index: number; count: number; tlb: TlbModel; seed: number }): Processor {
    const host = {
      signalled: (processor: Processor) => {
        if (processor === this.#running) processor.cpu.shorten(0);
      },
      bootProcessorInit: () => this.#end({ reason: "reset", source: "INIT" }),
    };
    return new Processor(this.board, host, {
      ...own,
      features: this.model.features,
      physicalAddressBits: this.model.physicalAddressBits,
      recordBytes: RECORD_BYTES,
    });
  }

  // --- Loading --------------------------------------------------------------------------------

  /**
   * Loads a multiboot, ELF64 or Linux image and puts the boot processor at its entry.
   * @throws FormatError, BootError, ArgumentError
   */
  load(request: Omit<BootRequest, "ram" | "rsdp">): void {
    const { ram, rsdp } = this.board;
    enterAt(this.#boot.cpu, bootImage(this.memory, { ...request, ram, rsdp }));
  }

  /** Loads bytes without a format. @throws BootError, ArgumentError */
  loadFlat(request: FlatRequest): void {
    enterAt(this.#boot.cpu, bootFlat(this.memory, request));
  }

  get #boot(): Processor {
    return this.processors[0] as Processor;
  }

  // --- Running --------------------------------------------------------------------------------

  /** Instructions that all processors have run, deliveries of events included. */
  get instructions(): number {
    return this.processors.reduce((sum, { cpu }) => sum + Number(cpu.instructions), 0);
  }

  /** Virtual time in nanoseconds since power-on. */
  get time(): number {
    return this.board.clock.now;
  }

  /** When the next timer fires, in ns of virtual time; infinite if none is armed. */
  get nextEventAt(): number {
    return this.board.clock.nextAt;
  }

  /** Between two `run`s: lets virtual time pass up to `time`, in ns. */
  skipTo(time: number): void {
    this.board.clock.advanceTo(time);
  }

  /** A hash over everything that the guest could see. Two runs with one seed have the same. */
  stateHash(): string {
    return stateHash(this.board, this.processors);
  }

  /** Makes `run` return before the next instruction, from within a hook or a device. */
  requestStop(): void {
    this.#end({ reason: "request" });
  }

  /**
   * Runs until something stops it. After `exit`, `power-off`, `reset`, `triple-fault` and
   * `exhausted` another call goes on where the machine stands, as far as it can.
   */
  run(request: RunRequest = {}): MachineStop {
    let left = request.maxInstructions ?? Number.POSITIVE_INFINITY;
    this.#stop = undefined;
    try {
      for (;;) {
        if (this.#stop) return this.#stop;
        if (left <= 0) return { reason: "limit" };
        left -= this.#turn(left, request.pauseWhenIdle === true);
      }
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error;
      return { reason: "exhausted", message: error.message };
    } finally {
      this.#running = undefined;
    }
  }

  /** Lets one processor run, or time pass. @returns what it takes of the limit */
  #turn(left: number, pauses: boolean): number {
    const { clock } = this.board;
    if (clock.nextAt <= clock.now) clock.advanceTo(clock.now);
    for (const processor of this.processors) processor.takeSignals();
    if (this.#stop) return 0;
    const processor = this.#turns.next();
    if (processor === undefined) {
      this.#wait(pauses);
      return 1;
    }
    const slice = Math.min(left, this.#turns.length, Math.ceil(clock.nextAt - clock.now));
    const stepping = this.breakpoints.size > 0 || this.onInstruction !== undefined;
    return stepping ? this.#step(processor) : this.#slice(processor, slice);
  }

  #slice(processor: Processor, instructions: number): number {
    const { cpu } = processor;
    const { clock } = this.board;
    this.#sliceTime = clock.now;
    this.#sliceElapsed = cpu.elapsed;
    this.board.apicWindows.current = cpu.index;
    this.#running = processor;
    const reason = cpu.run(instructions);
    const used = cpu.elapsed - this.#sliceElapsed;
    this.#running = undefined;
    clock.advanceTo(this.#sliceTime + used);
    this.#turns.used(used);
    this.#afterSlice(processor, reason);
    return used;
  }

  #step(processor: Processor): number {
    const { cpu } = processor;
    const linear = cpu.codeLinear;
    if (this.breakpoints.has(linear) && !this.#resumes) {
      this.#resumes = true;
      this.#end({ reason: "breakpoint", cpu: cpu.index, linear });
      return 0;
    }
    this.#resumes = false;
    this.onInstruction?.(cpu.index);
    return this.#stop ? 0 : this.#slice(processor, 1);
  }

  /** The instruction at the breakpoint where the machine stopped last is to be executed now. */
  #resumes = false;

  #afterSlice({ cpu }: Processor, reason: StopReason): void {
    if (reason === "shutdown" && cpu.shutdownCause) {
      this.#end({ reason: "triple-fault", cpu: cpu.index, cause: cpu.shutdownCause });
    }
  }

  /** Nobody can run: time jumps to the next timer, if that may change anything. */
  #wait(pauses: boolean): void {
    const { clock } = this.board;
    const awake = this.processors.some(({ cpu }) => cpu.acceptsInterrupts);
    if (!awake) this.#end({ reason: "halted" });
    else if (clock.nextAt === NEVER) this.#end({ reason: "idle" });
    else if (pauses) this.#end({ reason: "paused" });
    else clock.advanceTo(clock.nextAt);
  }

  get #now(): number {
    const cpu = this.#running?.cpu;
    return cpu ? this.#sliceTime + cpu.elapsed - this.#sliceElapsed : 0;
  }

  /** The first reason counts. */
  #end(stop: MachineStop): void {
    this.#stop ??= stop;
    this.#running?.cpu.shorten(0);
  }
}
