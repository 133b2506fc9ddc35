/** Requests and service of one local APIC: IRR, ISR, TMR and the priorities between them. */
import { VectorSet } from "./vector-set.ts";

export class InterruptQueue {
  readonly #request = new VectorSet();
  readonly #inService = new VectorSet();
  readonly #levelTriggered = new VectorSet();
  readonly state = {
    taskPriority: 0,
    request: this.#request.words,
    inService: this.#inService.words,
    levelTriggered: this.#levelTriggered.words,
  };

  reset(): void {
    this.#request.clear();
    this.#inService.clear();
    this.#levelTriggered.clear();
    this.state.taskPriority = 0;
  }

  add(vector: number, level: boolean): void {
    this.#request.add(vector);
    if (level) this.#levelTriggered.add(vector);
    else this.#levelTriggered.delete(vector);
  }

  /** The higher of the task's priority and the class of the highest vector in service. */
  get processorPriority(): number {
    const task = this.state.taskPriority;
    const serving = Math.max(this.#inService.highest(), 0);
    return task >> 4 >= serving >> 4 ? task : serving & 0xf0;
  }

  /** The vector that the processor should take now, -1 for none. */
  get deliverable(): number {
    const vector = this.#request.highest();
    return vector >> 4 > this.processorPriority >> 4 ? vector : -1;
  }

  /** The processor takes `vector`. */
  serve(vector: number): void {
    this.#request.delete(vector);
    this.#inService.add(vector);
  }

  /** Ends the highest in service. @returns its vector if it was level-triggered, else -1 */
  end(): number {
    const vector = this.#inService.highest();
    if (vector < 0) return -1;
    this.#inService.delete(vector);
    return this.#levelTriggered.has(vector) ? vector : -1;
  }

  /** Word 0..23 of the 24 words ISR, TMR, IRR in the order of their registers. */
  word(index: number): number {
    const sets = [this.#inService, this.#levelTriggered, this.#request] as const;
    return sets[index >> 3]?.words[index & 7] ?? 0;
  }
}
