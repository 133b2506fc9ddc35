/** What is known of each table at each level, so that no table is worked through twice. */
import { FormatError } from "../base/byte-source.ts";

/** Tables for 8 TiB of 4-KByte pages; more is no address space but a file made to exhaust us. */
export const MAX_TABLES = 1 << 22;

export class TableMemo<T> {
  readonly #known = new Map<number, T>();

  get(table: number, level: number, inherited = 0): T | undefined {
    return this.#known.get(keyOf(table, level, inherited));
  }

  /** @throws FormatError when there are more than `MAX_TABLES` */
  set(table: number, level: number, value: T, inherited = 0): T {
    if (this.#known.size >= MAX_TABLES) {
      throw new FormatError(`page tables: expected at most ${MAX_TABLES} of them, got more`);
    }
    this.#known.set(keyOf(table, level, inherited), value);
    return value;
  }
}

/** Tables are aligned to 32 bytes or more, so that level and 4 bits fit below 2^53. */
function keyOf(table: number, level: number, inherited: number): number {
  return (table / 32) * 128 + level * 16 + inherited;
}
