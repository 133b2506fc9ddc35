/** A progress line on a terminal's stderr, from the first second on; elsewhere nothing. */
import type { Sink } from "./io.ts";

const SILENT_MS = 1000;
const STEP_MS = 100;
const BAR_COLUMNS = 30;

export class Progress {
  readonly #label: string;
  readonly #sink: Sink;
  #nextAt = Date.now() + SILENT_MS;
  #shown = false;

  constructor(label: string, sink: Sink) {
    this.#label = label;
    this.#sink = sink;
  }

  /** @param total undefined where nobody knows how much there will be */
  update(done: number, total: number | undefined, unit: string): void {
    if (!this.#sink.isTerminal) return;
    const now = Date.now();
    if (now < this.#nextAt) return;
    this.#nextAt = now + STEP_MS;
    this.#shown = true;
    const text = `${this.#label} ${amount(done, total, unit)}`;
    this.#sink.write(`\r${text.slice(0, this.#sink.columns - 1)}\u001b[K`);
  }

  /** Wipes the line away. */
  end(): void {
    if (this.#shown) this.#sink.write("\r\u001b[K");
    this.#shown = false;
  }
}

function amount(done: number, total: number | undefined, unit: string): string {
  if (total === undefined || total <= 0) return `${done.toLocaleString("en")} ${unit}`;
  const part = Math.min(1, done / total);
  const filled = Math.round(part * BAR_COLUMNS);
  const bar = "#".repeat(filled) + "-".repeat(BAR_COLUMNS - filled);
  return `[${bar}] ${Math.floor(part * 100)}% of ${total.toLocaleString("en")} ${unit}`;
}
