/** The serial port's other end: what the guest sends goes to the output, keys go to the guest. */
import type { SerialHost, Uart } from "../../machine/devices/uart.ts";
import type { Io } from "../io.ts";

const CTRL_A = 0x01;
const LEAVE = 0x78;

export class Console implements SerialHost {
  /** Ctrl-A x was typed. */
  wantsToLeave = false;
  readonly #io: Io;
  readonly #decoder = new TextDecoder();
  readonly #typed: number[] = [];
  #sent: number[] = [];
  #uart: Uart | undefined;
  #stopListening: (() => void) | undefined;
  #inputEnded = false;
  /** Ctrl-A came: the next key is a command. */
  #escaped = false;
  #wake: (() => void) | undefined;

  constructor(io: Io) {
    this.#io = io;
    this.#inputEnded = io.keyboard === undefined;
  }

  /** Begins to read keys for this serial port. */
  attach(uart: Uart): void {
    this.#uart = uart;
    this.#stopListening = this.#io.keyboard?.listen(
      (bytes) => this.#received(bytes),
      () => {
        this.#inputEnded = true;
        this.#wake?.();
      },
    );
  }

  detach(): void {
    this.#stopListening?.();
  }

  // --- From the guest ---------------------------------------------------------------------------

  send(byte: number): boolean {
    this.put(byte);
    return true;
  }

  put(byte: number): void {
    this.#sent.push(byte);
  }

  readable(): void {
    this.#feed();
  }

  async flush(): Promise<void> {
    if (this.#sent.length === 0) return;
    this.#io.out.write(this.#decoder.decode(Uint8Array.from(this.#sent), { stream: true }));
    this.#sent = [];
    await this.#io.out.flush();
  }

  // --- From the keyboard ------------------------------------------------------------------------

  /** Lets the keyboard be read. */
  breathe(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Waits for a key. @returns false if none can come any more */
  async waitForInput(): Promise<boolean> {
    if (this.#inputEnded) return false;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    return !this.#inputEnded || this.#typed.length > 0;
  }

  /** Waits for a key or for `performance.now()` to reach `time`. */
  async waitUntil(time: number): Promise<void> {
    const delay = Math.min(time - performance.now(), 0x7fff_ffff);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, delay));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  #received(bytes: Uint8Array): void {
    const isTerminal = this.#io.keyboard?.isTerminal === true;
    for (const byte of bytes) {
      if (isTerminal && this.#command(byte)) continue;
      this.#typed.push(byte);
    }
    this.#feed();
    this.#wake?.();
  }

  /** @returns whether the key is not for the guest */
  #command(byte: number): boolean {
    if (!this.#escaped) {
      this.#escaped = byte === CTRL_A;
      return this.#escaped;
    }
    this.#escaped = false;
    if (byte === LEAVE) this.wantsToLeave = true;
    return byte !== CTRL_A;
  }

  #feed(): void {
    while (this.#typed.length > 0 && this.#uart?.receive(this.#typed[0] as number)) {
      this.#typed.shift();
    }
  }
}
