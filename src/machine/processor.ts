/** One processor of a machine with its local APIC, and the signals between them. */
import { Cpu, type CpuOptions } from "../cpu/cpu.ts";
import { ACTIVITY, CONTROL, CS } from "../cpu/layout.ts";
import type { Board } from "./board.ts";
import type { ProcessorPort } from "./devices/apic-bus.ts";
import type { LocalApic } from "./devices/local-apic.ts";

/** What a processor asks of the machine. */
export interface ProcessorHost {
  /** The processor got INIT or start-up: it must not go on with its slice. */
  signalled(processor: Processor): void;
  /** INIT at the boot processor: it would start the firmware. */
  bootProcessorInit(): void;
}

export class Processor implements ProcessorPort {
  readonly cpu: Cpu;
  readonly apic: LocalApic;
  readonly #board: Board;
  readonly #host: ProcessorHost;
  #initPending = false;
  #startVector = -1;

  constructor(board: Board, host: ProcessorHost, options: CpuOptions) {
    this.#board = board;
    this.#host = host;
    this.cpu = new Cpu(board.memory, {
      ...options,
      ports: board.ports,
      time: () => board.clock.now,
    });
    this.apic = board.attachProcessor(this);
    this.cpu.apic = this.apic;
    this.cpu.interrupts = this.apic;
    if (!this.isBoot) this.#wait();
  }

  get isBoot(): boolean {
    return this.cpu.index === 0;
  }

  /** Polled between slices. */
  interruptChanged(): void {}

  nmi(): void {
    this.cpu.nmiPending = true;
  }

  /** There is no system-management mode. */
  smi(): void {}

  init(): void {
    if (this.isBoot) this.#host.bootProcessorInit();
    else {
      this.#initPending = true;
      this.#host.signalled(this);
    }
  }

  startup(vector: number): void {
    const waits = this.cpu.state.get32(CONTROL.activity) === ACTIVITY.waitingForStartup;
    if (!waits && !this.#initPending) return;
    this.#startVector = vector;
    this.#host.signalled(this);
  }

  nsUntilTsc(target: bigint): number {
    const { state } = this.cpu;
    const now = BigInt(Math.floor(this.#board.clock.now)) + state.get64(CONTROL.tscOffset);
    return Number(target - BigInt.asUintN(64, now));
  }

  /** To be called between slices: does what INIT and start-up ask for. */
  takeSignals(): void {
    if (this.#initPending) {
      this.#initPending = false;
      this.cpu.initialise();
      this.#wait();
    }
    if (this.#startVector < 0) return;
    this.#start(this.#startVector);
    this.#startVector = -1;
  }

  /** The reset signal. */
  reset(): void {
    this.#initPending = false;
    this.#startVector = -1;
    this.cpu.reset();
    if (!this.isBoot) this.#wait();
  }

  #wait(): void {
    this.cpu.state.set32(CONTROL.activity, ACTIVITY.waitingForStartup);
  }

  #start(vector: number): void {
    const { cpu } = this;
    const { state } = cpu;
    const selector = vector << 8;
    state.setSegment(CS, { ...state.segment(CS), selector, base: BigInt(selector << 4) });
    state.rip = 0n;
    state.set32(CONTROL.activity, ACTIVITY.running);
    cpu.modeChanged();
  }
}
