/**
 * A running C baseline. It gets a header line and its input bytes once, then commands by line:
 * `time MS` answers `ns NUMBER`; `check` answers `bytes COUNT` and the bytes of its results.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Side } from "./case.ts";

export class CProcess implements Side {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #program: string;
  #received: Buffer[] = [];
  #waiting: (() => void) | undefined;
  #ended: string | undefined;

  constructor(program: string, name = "C") {
    this.name = name;
    this.#program = program;
    // Detached, so that Ctrl-C does not reach it; it ends when its input does, even if we die.
    this.#child = spawn(program, { stdio: ["pipe", "pipe", "inherit"], detached: true });
    this.#child.stdout?.on("data", (data: Buffer) => this.#wake(data));
    this.#child.stdin?.on("error", () => {});
    this.#child.on("error", (error) => this.#end(error.message));
    this.#child.on("close", (code, signal) => this.#end(`ended with ${signal ?? `exit ${code}`}`));
  }

  /** Hands over the header, a line of numbers, and the input in pieces. */
  async start(header: readonly (number | bigint)[], input: Iterable<Uint8Array>): Promise<void> {
    await this.#send(`${header.join(" ")}\n`);
    for (const piece of input) await this.#send(piece);
  }

  async measure(milliseconds: number): Promise<number> {
    await this.#send(`time ${Math.ceil(milliseconds)}\n`);
    return this.#answer("ns");
  }

  /** Does the work once from the start and returns the results. */
  async results(): Promise<Buffer> {
    await this.#send("check\n");
    return this.#bytes(await this.#answer("bytes"));
  }

  close(): void {
    this.#child.stdin?.end();
    this.#child.kill();
  }

  #send(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) reject(new Error(`${this.#program}: ${this.#ended}`));
      this.#child.stdin?.write(data, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Reads the line `<word> NUMBER`. */
  async #answer(word: string): Promise<number> {
    let line = "";
    while (!line.endsWith("\n")) line += (await this.#bytes(1)).toString("latin1");
    const value = Number(line.slice(word.length + 1));
    if (!line.startsWith(`${word} `) || !Number.isFinite(value)) {
      throw new Error(`${this.#program}: expected "${word} NUMBER", got ${JSON.stringify(line)}`);
    }
    return value;
  }

  async #bytes(count: number): Promise<Buffer> {
    let have = this.#received.reduce((sum, piece) => sum + piece.length, 0);
    while (have < count) {
      if (this.#ended !== undefined) throw new Error(`${this.#program}: ${this.#ended}`);
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
      have = this.#received.reduce((sum, piece) => sum + piece.length, 0);
    }
    const all = this.#received.length === 1 ? this.#received[0] : Buffer.concat(this.#received);
    if (all === undefined) return Buffer.alloc(0);
    this.#received = all.length > count ? [all.subarray(count)] : [];
    return all.subarray(0, count);
  }

  #wake(data: Buffer): void {
    this.#received.push(data);
    this.#waiting?.();
  }

  #end(why: string): void {
    this.#ended ??= why;
    this.#waiting?.();
  }
}
