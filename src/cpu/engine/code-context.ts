/** What the meaning of code bytes depends on besides the bytes: blocks are cached by it. */
import type { DecodeMode } from "../decode/decoder.ts";

export interface CodeContext {
  /** 1 and up; a number is not given twice between two calls of `dropBlocks`. */
  readonly number: number;
  readonly mode: DecodeMode;
  /** Real-address or virtual-8086 mode: some instructions do not exist. */
  readonly real: boolean;
  /** Of the code segment, as int32: an instruction pointer wraps at another linear address. */
  readonly base: number;
  readonly limit: number;
}

export const NO_CONTEXT: CodeContext = { number: 0, mode: 16, real: true, base: 0, limit: 0 };

/** Hostile code may load any number of code segments. */
const MOST_CONTEXTS = 4096;

export class CodeContexts {
  readonly #dropBlocks: () => void;
  /** By mode, base and limit. */
  #known = new Map<string, CodeContext>();
  /** The two last asked for: a kernel and its program. */
  #last = NO_CONTEXT;
  #before = NO_CONTEXT;

  /** @param dropBlocks called when the numbers begin anew */
  constructor(dropBlocks: () => void) {
    this.#dropBlocks = dropBlocks;
  }

  find(mode: DecodeMode, real: boolean, base: number, limit: number): CodeContext {
    if (isContext(this.#last, mode, real, base, limit)) return this.#last;
    if (isContext(this.#before, mode, real, base, limit)) {
      [this.#last, this.#before] = [this.#before, this.#last];
      return this.#last;
    }
    this.#before = this.#last;
    this.#last = this.#lookUp(mode, real, base | 0, limit | 0);
    return this.#last;
  }

  #lookUp(mode: DecodeMode, real: boolean, base: number, limit: number): CodeContext {
    const key = `${mode} ${real} ${base} ${limit}`;
    const known = this.#known.get(key);
    if (known) return known;
    if (this.#known.size === MOST_CONTEXTS) {
      this.#known = new Map();
      this.#before = NO_CONTEXT;
      this.#dropBlocks();
    }
    const context = { number: this.#known.size + 1, mode, real, base, limit };
    this.#known.set(key, context);
    return context;
  }
}

function isContext(
  context: CodeContext,
  mode: DecodeMode,
  real: boolean,
  base: number,
  limit: number,
): boolean {
  return (
    context.number !== 0 &&
    context.mode === mode &&
    context.real === real &&
    context.base === (base | 0) &&
    context.limit === (limit | 0)
  );
}
