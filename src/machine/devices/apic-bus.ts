/**
 * What travels between local APICs, I/O APICs and processors: interrupt messages, end-of-interrupt
 * broadcasts, and the few signals that a processor takes (SDM 3A, "Advanced Programmable Interrupt
 * Controller").
 */

/** What a CPU offers to its local APIC. Calls come between instructions or from within one. */
export interface ProcessorPort {
  /**
   * `LocalApic.interruptPending` became true or false: look at it before the next instruction, and
   * wake from HLT if an interrupt can be taken.
   */
  interruptChanged(): void;
  /** An NMI, edge-triggered; the CPU holds one while it blocks NMIs. */
  nmi(): void;
  smi(): void;
  /** INIT: reset but for caches and FPU, then wait for start-up (or, on the boot CPU, run). */
  init(): void;
  /** Start-up IPI; ignored unless the CPU waits for it. It starts at `vector` << 12, real mode. */
  startup(vector: number): void;
  /** Nanoseconds until this CPU's time-stamp counter reaches `target`; 0 or less when it has. */
  nsUntilTsc(target: bigint): number;
}

export const DELIVERY = {
  fixed: 0,
  lowestPriority: 1,
  smi: 2,
  nmi: 4,
  init: 5,
  startup: 6,
  extInt: 7,
} as const;

export interface InterruptMessage {
  readonly vector: number;
  /** One of DELIVERY. */
  readonly delivery: number;
  /** Level-triggered: its EOI is broadcast. */
  readonly level: boolean;
  readonly logical: boolean;
  /** 8 bits, or 32 when `wide` (x2APIC). */
  readonly destination: number;
  readonly wide: boolean;
}

/** A local APIC as a receiver. */
export interface InterruptTarget {
  matches(message: InterruptMessage): boolean;
  /** Whether it takes fixed interrupts: enabled in hardware and software. */
  readonly acceptsFixed: boolean;
  /** The arbitration priority for lowest-priority delivery, 0..255. */
  readonly priority: number;
  deliver(message: InterruptMessage): void;
}

export class ApicBus {
  readonly state = { lastLowest: -1 };
  readonly #targets: InterruptTarget[] = [];
  readonly #eoiListeners: ((vector: number) => void)[] = [];

  /** Adds a local APIC; the order is that of the CPUs. */
  attach(target: InterruptTarget): void {
    this.#targets.push(target);
  }

  /** `heard` gets the vector of each level-triggered interrupt that a local APIC ended. */
  onEoi(heard: (vector: number) => void): void {
    this.#eoiListeners.push(heard);
  }

  broadcastEoi(vector: number): void {
    for (const heard of this.#eoiListeners) heard(vector);
  }

  /**
   * Delivers to all that match; lowest-priority delivery to one of them.
   * @param among replaces the match by destination: an IPI's shorthand
   * @returns whether anybody was addressed
   */
  send(message: InterruptMessage, among?: (target: InterruptTarget) => boolean): boolean {
    const matches = among ?? ((target: InterruptTarget) => target.matches(message));
    if (message.delivery === DELIVERY.lowestPriority) {
      const chosen = this.#lowest(matches);
      chosen?.deliver(message);
      return chosen !== undefined;
    }
    let any = false;
    for (const target of this.#targets) {
      if (!matches(target)) continue;
      any = true;
      target.deliver(message);
    }
    return any;
  }

  /**
   * A message-signalled interrupt: a device's write of `data` to `address` (0xFEEnnnnn).
   * (SDM 3A, "Message Signalled Interrupts".)
   */
  sendMsi(address: number, data: number): void {
    const redirected = (address & 0x8) !== 0;
    const delivery = (data >> 8) & 7;
    this.send({
      vector: data & 0xff,
      delivery: redirected && delivery === DELIVERY.fixed ? DELIVERY.lowestPriority : delivery,
      level: (data & 0x8000) !== 0,
      logical: redirected && (address & 0x4) !== 0,
      destination: (address >>> 12) & 0xff,
      wide: false,
    });
  }

  /** The one of lowest priority; equals take turns, so that one seed gives one order. */
  #lowest(matches: (target: InterruptTarget) => boolean): InterruptTarget | undefined {
    let best: InterruptTarget | undefined;
    let bestIndex = -1;
    const count = this.#targets.length;
    for (let step = 1; step <= count; step++) {
      const index = (this.state.lastLowest + step + count) % count;
      const target = this.#targets[index] as InterruptTarget;
      if (!target.acceptsFixed || !matches(target)) continue;
      if (best !== undefined && target.priority >= best.priority) continue;
      best = target;
      bestIndex = index;
    }
    if (best) this.state.lastLowest = bestIndex;
    return best;
  }
}
