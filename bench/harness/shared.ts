/** Holds the one thing that neighbouring cases share. */
import type { Closable } from "./case.ts";

export class Shared {
  #key: string | undefined;
  #value: Closable | undefined;

  async get<T extends Closable>(key: string, make: () => Promise<T>): Promise<T> {
    // A key names its maker, so what is kept under it is what the maker makes.
    if (this.#key === key) return this.#value as T;
    this.close();
    const value = await make();
    this.#key = key;
    this.#value = value;
    return value;
  }

  close(): void {
    this.#value?.close();
    this.#value = undefined;
    this.#key = undefined;
  }
}
