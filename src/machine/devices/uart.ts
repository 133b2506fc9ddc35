/**
 * The 16550A serial port (National Semiconductor "PC16550D Universal Asynchronous
 * Receiver/Transmitter with FIFOs"). A byte leaves at once when the host takes it, and a host that
 * cannot take it leaves the transmitter busy; so nothing is lost in either direction. Only the
 * receiver's time-out follows the baud rate.
 */
import type { Clock, Timer } from "../clock.ts";
import { type Device, UNCONNECTED, type Wire } from "../device.ts";
import { NS_PER_SECOND } from "../frequency.ts";
import type { PortHandler } from "../port-bus.ts";
import {
  CONNECTED,
  FCR,
  IER,
  IIR,
  LCR,
  LSR,
  MCR,
  MSR_LINES,
  RECEIVE_TRIGGERS,
} from "./uart-registers.ts";

const FIFO_BYTES = 16;
const BAUD_BASE = 115200;
/** The receiver time-out comes after the time of four characters. */
const TIMEOUT_CHARACTERS = 4;

/** The host's end of the cable. */
export interface SerialHost {
  /** Takes a byte that the guest sent; false when it cannot now and will call `resume()` later. */
  send(byte: number): boolean;
  /** The receiver, found full by `receive`, has room again. */
  readable?(): void;
}

export interface UartState {
  interruptEnable: number;
  fifoControl: number;
  lineControl: number;
  modemControl: number;
  scratch: number;
  divisor: number;
  /** Errors in the line status: overrun and break. */
  lineFaults: number;
  modemLines: number;
  modemDeltas: number;
  received: number[];
  /** Bytes that the host has not taken yet. */
  toSend: number[];
  /** The transmitter ran empty since this was last reported or a byte was written. */
  emptied: boolean;
  timedOut: boolean;
  /** `receive` refused a byte since the guest last read one. */
  refused: boolean;
}

export class Uart implements Device, PortHandler {
  readonly state: UartState = {
    interruptEnable: 0,
    fifoControl: 0,
    lineControl: 0,
    modemControl: 0,
    scratch: 0,
    divisor: 1,
    lineFaults: 0,
    modemLines: CONNECTED,
    modemDeltas: 0,
    received: [],
    toSend: [],
    emptied: false,
    timedOut: false,
    refused: false,
  };
  readonly #clock: Clock;
  readonly #host: SerialHost;
  readonly #interrupt: Wire;
  readonly #timeout: Timer;

  constructor(clock: Clock, name: string, host: SerialHost, interrupt: Wire = UNCONNECTED) {
    this.#clock = clock;
    this.#host = host;
    this.#interrupt = interrupt;
    this.#timeout = clock.timer(name, () => {
      this.state.timedOut = true;
      this.#update();
    });
  }

  reset(): void {
    Object.assign(this.state, {
      interruptEnable: 0,
      fifoControl: 0,
      lineControl: 0,
      modemControl: 0,
      lineFaults: 0,
      modemLines: CONNECTED,
      modemDeltas: 0,
      emptied: false,
      timedOut: false,
    });
    this.state.received.length = 0;
    this.state.toSend.length = 0;
    this.#timeout.cancel();
    this.#update();
  }

  /**
   * A byte arrives from the host.
   * @returns false, having dropped nothing, when the receiver is full; `readable` tells when to go on
   */
  receive(byte: number): boolean {
    const s = this.state;
    if (s.modemControl & MCR.loop || s.received.length >= this.#depth) {
      s.refused = true;
      return false;
    }
    this.#take(byte);
    return true;
  }

  /** The host holds the line low for longer than a character: a break. */
  receiveBreak(): void {
    this.state.lineFaults |= LSR.breakIn;
    this.#take(0);
  }

  /** The host, which refused a byte before, takes bytes again. */
  resume(): void {
    this.#transmit();
    this.#update();
  }

  read(offset: number): number {
    const s = this.state;
    const latch = (s.lineControl & LCR.divisorLatch) !== 0;
    switch (offset) {
      case 0:
        return latch ? s.divisor & 0xff : this.#readByte();
      case 1:
        return latch ? s.divisor >> 8 : s.interruptEnable;
      case 2:
        return this.#readIdentification();
      case 3:
        return s.lineControl;
      case 4:
        return s.modemControl;
      case 5:
        return this.#readLineStatus();
      case 6:
        return this.#readModemStatus();
      default:
        return s.scratch;
    }
  }

  write(offset: number, _bytes: number, value: number): void {
    const s = this.state;
    const latch = (s.lineControl & LCR.divisorLatch) !== 0;
    if (offset === 0 && latch) s.divisor = (s.divisor & 0xff00) | value;
    else if (offset === 0) this.#writeByte(value);
    else if (offset === 1 && latch) s.divisor = (s.divisor & 0xff) | (value << 8);
    else if (offset === 1) this.#writeEnable(value);
    else if (offset === 2) this.#writeFifoControl(value);
    else if (offset === 3) this.#writeLineControl(value);
    else if (offset === 4) this.#writeModemControl(value);
    else if (offset === 7) s.scratch = value;
    this.#update();
  }

  // --- Receiver -------------------------------------------------------------------------------

  get #fifo(): boolean {
    return (this.state.fifoControl & FCR.enable) !== 0;
  }

  get #depth(): number {
    return this.#fifo ? FIFO_BYTES : 1;
  }

  get #trigger(): number {
    return this.#fifo ? (RECEIVE_TRIGGERS[this.state.fifoControl >> 6] as number) : 1;
  }

  #take(byte: number): void {
    const s = this.state;
    if (s.received.length >= this.#depth) {
      s.lineFaults |= LSR.overrun;
      if (!this.#fifo) s.received[0] = byte;
    } else s.received.push(byte);
    this.#restartTimeout();
    this.#update();
  }

  #readByte(): number {
    const s = this.state;
    const byte = s.received.shift() ?? 0;
    this.#restartTimeout();
    this.#update();
    if (s.received.length === 0) this.#askForMore();
    return byte;
  }

  #askForMore(): void {
    if (!this.state.refused) return;
    this.state.refused = false;
    this.#host.readable?.();
  }

  #restartTimeout(): void {
    const s = this.state;
    s.timedOut = false;
    if (this.#fifo && s.received.length > 0) this.#timeout.arm(this.#clock.now + this.#timeoutNs());
    else this.#timeout.cancel();
  }

  #timeoutNs(): number {
    const s = this.state;
    const data = 5 + (s.lineControl & LCR.wordLength);
    const bits =
      2 + data + (s.lineControl & LCR.stop ? 1 : 0) + (s.lineControl & LCR.parity ? 1 : 0);
    const baud = BAUD_BASE / (s.divisor || 65536);
    return Math.ceil((TIMEOUT_CHARACTERS * bits * NS_PER_SECOND) / baud);
  }

  // --- Transmitter ----------------------------------------------------------------------------

  #writeByte(value: number): void {
    const s = this.state;
    s.emptied = false;
    if (s.toSend.length >= this.#depth) s.toSend.pop();
    s.toSend.push(value);
    // The request falls with the write even if the byte leaves at once: the edge must be seen.
    this.#update();
    this.#transmit();
  }

  #transmit(): void {
    const s = this.state;
    if (s.toSend.length === 0) return;
    while (s.toSend.length > 0) {
      const byte = s.toSend[0] as number;
      if (s.modemControl & MCR.loop) this.#take(byte);
      else if (!this.#host.send(byte)) return;
      s.toSend.shift();
    }
    s.emptied = true;
  }

  // --- Registers ------------------------------------------------------------------------------

  #writeEnable(value: number): void {
    const s = this.state;
    const rising = value & ~s.interruptEnable;
    s.interruptEnable = value & IER.writable;
    // Enabling the transmit interrupt while the holding register is empty requests at once.
    if (rising & IER.transmit && s.toSend.length === 0) s.emptied = true;
  }

  #writeFifoControl(value: number): void {
    const s = this.state;
    const toggled = ((s.fifoControl ^ value) & FCR.enable) !== 0;
    if (toggled || value & FCR.clearReceive) {
      s.received.length = 0;
      this.#restartTimeout();
    }
    if ((toggled || value & FCR.clearTransmit) && s.toSend.length > 0) {
      s.toSend.length = 0;
      s.emptied = true;
    }
    s.fifoControl = value & FCR.enable ? value & (IIR.fifo | FCR.enable) : 0;
    this.#askForMore();
  }

  #writeLineControl(value: number): void {
    const s = this.state;
    const rising = value & ~s.lineControl;
    s.lineControl = value;
    if (rising & LCR.breakOut && s.modemControl & MCR.loop) this.receiveBreak();
  }

  #writeModemControl(value: number): void {
    const s = this.state;
    const leavesLoop = (s.modemControl & ~value & MCR.loop) !== 0;
    s.modemControl = value & MCR.writable;
    // In loopback the four outputs are the four inputs.
    const looped =
      (value & MCR.rts ? MSR_LINES.cts : 0) |
      (value & MCR.dtr ? MSR_LINES.dsr : 0) |
      (value & MCR.out1 ? MSR_LINES.ring : 0) |
      (value & MCR.out2 ? MSR_LINES.carrier : 0);
    this.#setModemLines(value & MCR.loop ? looped : CONNECTED);
    if (leavesLoop) this.#askForMore();
  }

  /** Deltas: any change, but for RI only the trailing edge. */
  #setModemLines(lines: number): void {
    const s = this.state;
    const changed = (s.modemLines ^ lines) & ~MSR_LINES.ring;
    const ringEnded = s.modemLines & ~lines & MSR_LINES.ring;
    s.modemLines = lines;
    s.modemDeltas |= (changed | ringEnded) >> 4;
  }

  #readLineStatus(): number {
    const s = this.state;
    const status =
      s.lineFaults |
      (s.received.length > 0 ? LSR.ready : 0) |
      (s.toSend.length === 0 ? LSR.holdingEmpty | LSR.empty : 0);
    s.lineFaults = 0;
    this.#update();
    return status;
  }

  #readModemStatus(): number {
    const s = this.state;
    const status = s.modemLines | s.modemDeltas;
    s.modemDeltas = 0;
    this.#update();
    return status;
  }

  #readIdentification(): number {
    const cause = this.#cause();
    if (cause === IIR.transmit) {
      this.state.emptied = false;
      this.#update();
    }
    return cause | (this.#fifo ? IIR.fifo : 0);
  }

  /** The pending interrupt of highest priority, as the IIR names it. */
  #cause(): number {
    const s = this.state;
    const enabled = s.interruptEnable;
    if (enabled & IER.line && s.lineFaults & LSR.fault) return IIR.line;
    if (enabled & IER.receive && s.received.length >= this.#trigger) return IIR.receive;
    if (enabled & IER.receive && s.timedOut) return IIR.timeout;
    if (enabled & IER.transmit && s.emptied) return IIR.transmit;
    if (enabled & IER.modem && s.modemDeltas) return IIR.modem;
    return IIR.none;
  }

  /** OUT2 gates the interrupt towards the controller on a PC; loopback cuts it off. */
  #update(): void {
    const gated = (this.state.modemControl & (MCR.out2 | MCR.loop)) === MCR.out2;
    this.#interrupt(gated && this.#cause() !== IIR.none);
  }
}
