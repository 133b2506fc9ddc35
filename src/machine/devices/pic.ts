/**
 * The 8259A interrupt controller, and the pair of them that a PC has (Intel "8259A Programmable
 * Interrupt Controller"; the edge/level registers of the 82371 south bridge).
 */
import { type Device, UNCONNECTED, type Wire } from "../device.ts";
import type { PortHandler } from "../port-bus.ts";

const CASCADE_INPUT = 2;
const SPURIOUS_INPUT = 7;

/** Bits of the first initialisation word and of the fourth. */
const ICW1 = { needIcw4: 0x01, single: 0x02, level: 0x08, begin: 0x10 } as const;
const ICW4 = { autoEoi: 0x02, specialFullyNested: 0x10 } as const;
/** Operation words: OCW3 is told from OCW2 by bit 3. */
const OCW2 = { endOfInterrupt: 0x20, specific: 0x40, rotate: 0x80 } as const;
const OCW3 = { isOcw3: 0x08, readIsr: 0x01, readRegister: 0x02, poll: 0x04 } as const;
const OCW3_SPECIAL_MASK = { set: 0x20, change: 0x40 } as const;

export interface PicState {
  /** Levels of the eight inputs now. */
  lines: number;
  /** Inputs in edge mode that rose and are still high: requests not yet acknowledged. */
  edges: number;
  inService: number;
  mask: number;
  /** Inputs that are level-triggered (ELCR). */
  levelInputs: number;
  /** ICW1's LTIM: every input is level-triggered. */
  allLevel: boolean;
  vectorBase: number;
  /** The initialisation word expected next at the odd port, 2..4; 0 when initialised. */
  nextIcw: number;
  icw1: number;
  autoEoi: boolean;
  specialFullyNested: boolean;
  specialMask: boolean;
  readIsr: boolean;
  poll: boolean;
  /** Rotate on automatic end of interrupt. */
  rotateOnAutoEoi: boolean;
  /** The input with the lowest priority; the one after it has the highest. */
  lowest: number;
}

/** One 8259A. */
export class Pic implements Device, PortHandler {
  readonly state: PicState = {
    lines: 0,
    edges: 0,
    inService: 0,
    mask: 0,
    levelInputs: 0,
    allLevel: false,
    vectorBase: 0,
    nextIcw: 0,
    icw1: 0,
    autoEoi: false,
    specialFullyNested: false,
    specialMask: false,
    readIsr: false,
    poll: false,
    rotateOnAutoEoi: false,
    lowest: 7,
  };
  /** INT, the pin towards the processor or the master. */
  output: Wire = UNCONNECTED;
  /** Inputs that have a slave; its requests may nest in special fully nested mode. */
  readonly #slaves: number;
  #asserted = false;

  constructor(slaves = 0) {
    this.#slaves = slaves;
  }

  reset(): void {
    const s = this.state;
    this.#initialise(0);
    s.edges = 0;
    s.inService = 0;
    s.levelInputs = 0;
    s.vectorBase = 0;
    s.nextIcw = 0;
    this.#update();
  }

  /** Drives input `input`, 0..7. A request in edge mode lasts only as long as the input is high. */
  setLine(input: number, asserted: boolean): void {
    const s = this.state;
    const bit = 1 << input;
    if (asserted) {
      if ((s.lines & bit) === 0) s.edges |= bit;
      s.lines |= bit;
    } else {
      s.lines &= ~bit;
      s.edges &= ~bit;
    }
    this.#update();
  }

  /** The interrupt request register. */
  get requests(): number {
    const s = this.state;
    const level = s.allLevel ? 0xff : s.levelInputs;
    return (s.edges & ~level) | (s.lines & level);
  }

  /** Whether INT is asserted. */
  get asserted(): boolean {
    return this.#asserted;
  }

  /** The interrupt-acknowledge cycle: the input served, or 7 without a request (spurious). */
  acknowledge(): number {
    const s = this.state;
    const input = this.#pending();
    if (input < 0) return SPURIOUS_INPUT;
    const bit = 1 << input;
    s.edges &= ~bit;
    if (!s.autoEoi) s.inService |= bit;
    else if (s.rotateOnAutoEoi) s.lowest = input;
    this.#update();
    return input;
  }

  read(offset: number): number {
    const s = this.state;
    if (s.poll) {
      s.poll = false;
      return this.#pending() < 0 ? 0 : 0x80 | this.acknowledge();
    }
    if (offset === 1) return s.mask;
    return s.readIsr ? s.inService : this.requests;
  }

  write(offset: number, _bytes: number, value: number): void {
    if (offset === 1) this.#writeOdd(value);
    else if (value & ICW1.begin) this.#initialise(value);
    else if (value & OCW3.isOcw3) this.#writeOcw3(value);
    else this.#writeOcw2(value);
    this.#update();
  }

  /** ELCR: `levelInputs` of this chip. */
  setLevelInputs(inputs: number): void {
    this.state.levelInputs = inputs;
    this.#update();
  }

  #initialise(icw1: number): void {
    const s = this.state;
    s.icw1 = icw1;
    s.nextIcw = 2;
    // An input must fall and rise again to request after this.
    s.edges = 0;
    s.mask = 0;
    s.inService = 0;
    s.lowest = 7;
    s.allLevel = (icw1 & ICW1.level) !== 0;
    s.specialMask = false;
    s.readIsr = false;
    s.poll = false;
    s.rotateOnAutoEoi = false;
    s.autoEoi = false;
    s.specialFullyNested = false;
  }

  #writeOdd(value: number): void {
    const s = this.state;
    const wantsIcw4 = (s.icw1 & ICW1.needIcw4) !== 0;
    if (s.nextIcw === 2) {
      s.vectorBase = value & 0xf8;
      s.nextIcw = s.icw1 & ICW1.single ? (wantsIcw4 ? 4 : 0) : 3;
    } else if (s.nextIcw === 3) {
      // Which input has the slave is wired on a PC.
      s.nextIcw = wantsIcw4 ? 4 : 0;
    } else if (s.nextIcw === 4) {
      s.autoEoi = (value & ICW4.autoEoi) !== 0;
      s.specialFullyNested = (value & ICW4.specialFullyNested) !== 0;
      s.nextIcw = 0;
    } else s.mask = value;
  }

  #writeOcw3(value: number): void {
    const s = this.state;
    if (value & OCW3.poll) s.poll = true;
    if (value & OCW3.readRegister) s.readIsr = (value & OCW3.readIsr) !== 0;
    if (value & OCW3_SPECIAL_MASK.change) s.specialMask = (value & OCW3_SPECIAL_MASK.set) !== 0;
  }

  #writeOcw2(value: number): void {
    const s = this.state;
    const rotate = (value & OCW2.rotate) !== 0;
    const specific = (value & OCW2.specific) !== 0;
    if (value & OCW2.endOfInterrupt) {
      const input = specific ? value & 7 : this.#first(this.#endable());
      if (input < 0) return;
      s.inService &= ~(1 << input);
      if (rotate) s.lowest = input;
    } else if (specific) {
      if (rotate) s.lowest = value & 7;
    } else s.rotateOnAutoEoi = rotate;
  }

  /** In special mask mode a non-specific EOI does not end an interrupt that is masked. */
  #endable(): number {
    const s = this.state;
    return s.specialMask ? s.inService & ~s.mask : s.inService;
  }

  /** The input to serve next, or -1: unmasked, and above all that is in service. */
  #pending(): number {
    const s = this.state;
    const input = this.#first(this.requests & ~s.mask);
    if (input < 0) return -1;
    let blocking = s.inService;
    // Special mask mode lets every other level in, lower ones too.
    if (s.specialMask) blocking &= 1 << input;
    if (s.specialFullyNested) blocking &= ~(this.#slaves & (1 << input));
    const serving = this.#first(blocking);
    return serving < 0 || this.#rank(input) < this.#rank(serving) ? input : -1;
  }

  #rank(input: number): number {
    return (input - this.state.lowest - 1) & 7;
  }

  /** The input of highest priority in a set, or -1. */
  #first(set: number): number {
    for (let rank = 0; set !== 0 && rank < 8; rank++) {
      const input = (this.state.lowest + 1 + rank) & 7;
      if (set & (1 << input)) return input;
    }
    return -1;
  }

  #update(): void {
    const asserted = this.#pending() >= 0;
    if (asserted === this.#asserted) return;
    this.#asserted = asserted;
    this.output(asserted);
  }
}

/** Inputs that the ELCR cannot make level-triggered: the timer, keyboard and cascade; 8 and 13. */
const ELCR_MASKS = [0xf8, 0xde] as const;

/** Master (ports 0x20, 0x21), slave (0xA0, 0xA1) on its input 2, and the ELCR (0x4D0, 0x4D1). */
export class PicPair implements Device {
  readonly master = new Pic(1 << CASCADE_INPUT);
  readonly slave = new Pic();
  readonly state = { master: this.master.state, slave: this.slave.state };
  readonly edgeLevel: PortHandler = {
    read: (offset) => this.#chip(offset).state.levelInputs,
    write: (offset, _bytes, value) => {
      this.#chip(offset).setLevelInputs(value & (ELCR_MASKS[offset] ?? 0));
    },
  };

  /** @param intr the pin towards the processor */
  constructor(intr: Wire = UNCONNECTED) {
    this.master.output = intr;
    this.slave.output = (asserted) => this.master.setLine(CASCADE_INPUT, asserted);
  }

  reset(): void {
    this.slave.reset();
    this.master.reset();
  }

  /** Drives one of the 16 ISA interrupt lines; 2 is the cascade and ignored. */
  setLine(irq: number, asserted: boolean): void {
    if (irq === CASCADE_INPUT) return;
    this.#chip(irq >> 3).setLine(irq & 7, asserted);
  }

  /** Whether INTR is asserted. */
  get asserted(): boolean {
    return this.master.asserted;
  }

  /** The processor's interrupt acknowledge: the vector, that of input 7 or 15 when spurious. */
  acknowledge(): number {
    const input = this.master.acknowledge();
    if (input !== CASCADE_INPUT) return this.master.state.vectorBase | input;
    return this.slave.state.vectorBase | this.slave.acknowledge();
  }

  #chip(index: number): Pic {
    return index === 0 ? this.master : this.slave;
  }
}
