/** Whose turn it is: round robin among the processors that can run, each turn's length drawn. */
import { badArgument } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import type { Processor } from "./processor.ts";

export class Turns {
  readonly #processors: readonly Processor[];
  readonly #quantum: number;
  readonly #random: Random;
  #current = 0;
  #left: number;

  /** @param quantum mean length of a turn in instructions, 1 at least */
  constructor(processors: readonly Processor[], quantum: number, seed: number) {
    if (!(Number.isInteger(quantum) && quantum >= 1)) {
      badArgument("quantum", "1 or more instructions", quantum);
    }
    this.#processors = processors;
    this.#quantum = quantum;
    this.#random = new Random(seed);
    this.#left = this.#draw();
  }

  /** The processor to run now, or undefined if none can. */
  next(): Processor | undefined {
    const count = this.#processors.length;
    const isOver = this.#left <= 0;
    for (let step = isOver ? 1 : 0; step < count + (isOver ? 1 : 0); step++) {
      const index = (this.#current + step) % count;
      const processor = this.#processors[index] as Processor;
      if (!processor.cpu.canRun) continue;
      if (step > 0) {
        this.#current = index;
        this.#left = this.#draw();
      }
      return processor;
    }
    return undefined;
  }

  /** Instructions that are left of the turn; no limit if there is nobody else. */
  get length(): number {
    return this.#processors.length === 1 ? Number.POSITIVE_INFINITY : this.#left;
  }

  used(instructions: number): void {
    if (this.#processors.length > 1) this.#left -= instructions;
  }

  #draw(): number {
    const half = this.#quantum >> 1;
    return this.#quantum - half + (this.#random.next() % (2 * half + 1));
  }
}
