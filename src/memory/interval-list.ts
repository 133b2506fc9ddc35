/** Half-open ranges of physical addresses, sorted and disjoint, each with a value. */
export interface Interval<T> {
  readonly base: number;
  /** One past the last byte. */
  readonly end: number;
  readonly value: T;
}

/** Look-up is a binary search; insertion and removal shift the array. */
export class IntervalList<T> {
  readonly #items: Interval<T>[] = [];

  get items(): readonly Interval<T>[] {
    return this.#items;
  }

  /** The interval that holds `address`. */
  find(address: number): Interval<T> | undefined {
    const item = this.#items[this.#firstEndingAfter(address)];
    return item !== undefined && item.base <= address ? item : undefined;
  }

  /** The lowest interval that shares a byte with [base, end). */
  firstOverlap(base: number, end: number): Interval<T> | undefined {
    const item = this.#items[this.#firstEndingAfter(base)];
    return item !== undefined && item.base < end ? item : undefined;
  }

  /** Whether every byte of [base, end) lies in some interval that satisfies `accept`. */
  covers(base: number, end: number, accept: (value: T) => boolean = () => true): boolean {
    let next = base;
    for (let i = this.#firstEndingAfter(base); next < end; i++) {
      const item = this.#items[i];
      if (item === undefined || item.base > next || !accept(item.value)) return false;
      next = item.end;
    }
    return true;
  }

  /** Adds an interval; the caller has checked that it overlaps none. */
  insert(base: number, end: number, value: T): void {
    this.#items.splice(this.#firstEndingAfter(base), 0, { base, end, value });
  }

  /** Removes [base, end), cutting intervals that reach beyond it. */
  remove(base: number, end: number): void {
    const first = this.#firstEndingAfter(base);
    let last = first;
    const kept: Interval<T>[] = [];
    for (; last < this.#items.length; last++) {
      const item = this.#items[last] as Interval<T>;
      if (item.base >= end) break;
      if (item.base < base) kept.push({ base: item.base, end: base, value: item.value });
      if (item.end > end) kept.push({ base: end, end: item.end, value: item.value });
    }
    this.#items.splice(first, last - first, ...kept);
  }

  /** Index of the first interval whose end lies above `address`. */
  #firstEndingAfter(address: number): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#items[middle] as Interval<T>).end <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
