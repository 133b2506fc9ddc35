/** A command's outputs, with what decides on colour and progress; tests give their own. */
import { Progress } from "./progress.ts";
import { Style } from "./style.ts";

/** Where an output's text goes. */
export interface Sink {
  /** Resolves when there is room for more. */
  write(text: string): void | Promise<void>;
  readonly isTerminal: boolean;
  readonly columns: number;
}

/** Where what people type comes from. */
export interface Keyboard {
  readonly isTerminal: boolean;
  /**
   * Begins to read; a terminal gives each key as it is pressed, unechoed, Ctrl-C too.
   * @param ended no more will come
   * @returns ends it and puts the terminal back
   */
  listen(received: (bytes: Uint8Array) => void, ended: () => void): () => void;
}

export interface Io {
  readonly out: Output;
  readonly err: Output;
  /** None where nothing can be typed. */
  readonly keyboard: Keyboard | undefined;
  readonly style: Style;
  /** A line on a terminal that tells how far something is, if it takes more than a second. */
  progress(label: string): Progress;
}

const FULL_CHARACTERS = 64 * 1024;

/** Gathers text, so that a million lines are not a million system calls. */
export class Output {
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly #sink: Sink;
  readonly #beforeWriting: () => void;
  #text = "";

  /** @param beforeWriting wipes away what must not stand among the text */
  constructor(sink: Sink, beforeWriting: () => void = () => {}) {
    this.#sink = sink;
    this.#beforeWriting = beforeWriting;
    this.isTerminal = sink.isTerminal;
    this.columns = sink.columns;
  }

  line(text = ""): void {
    this.#text += `${text}\n`;
  }

  /** Text as it is, without an end of line. */
  write(text: string): void {
    this.#text += text;
  }

  /** Whether so much is gathered that the caller should `await flush()` before more. */
  get isFull(): boolean {
    return this.#text.length >= FULL_CHARACTERS;
  }

  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    this.#beforeWriting();
    if (text !== "") await this.#sink.write(text);
  }
}

export interface IoOptions {
  readonly out: Sink;
  readonly err: Sink;
  readonly keyboard?: Keyboard | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** --color and --no-color; undefined: as the terminal and NO_COLOR say. */
  readonly color?: boolean | undefined;
}

export function makeIo({ out, err, keyboard, env, color }: IoOptions): Io {
  const usual = out.isTerminal && !env.NO_COLOR && env.TERM !== "dumb";
  let shown: Progress | undefined;
  // Both outputs may be the terminal that shows the progress, and a command may end by throwing.
  const wipe = () => shown?.end();
  return {
    out: new Output(out, wipe),
    err: new Output(err, wipe),
    keyboard,
    style: new Style(color ?? usual),
    progress: (label) => {
      wipe();
      shown = new Progress(label, err);
      return shown;
    },
  };
}
