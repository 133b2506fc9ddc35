/** A list of free blocks by their first frame, with removal from anywhere in constant time. */

interface Node {
  readonly frame: number;
  previous: Node | undefined;
  next: Node | undefined;
}

export class FreeList {
  readonly #nodes = new Map<number, Node>();
  #head: Node | undefined;
  #tail: Node | undefined;

  get size(): number {
    return this.#nodes.size;
  }

  has(frame: number): boolean {
    return this.#nodes.has(frame);
  }

  pushHead(frame: number): void {
    const node: Node = { frame, previous: undefined, next: this.#head };
    if (this.#head) this.#head.previous = node;
    else this.#tail = node;
    this.#head = node;
    this.#nodes.set(frame, node);
  }

  pushTail(frame: number): void {
    const node: Node = { frame, previous: this.#tail, next: undefined };
    if (this.#tail) this.#tail.next = node;
    else this.#head = node;
    this.#tail = node;
    this.#nodes.set(frame, node);
  }

  /** Takes the first block; -1 when there is none. */
  popHead(): number {
    const node = this.#head;
    if (node === undefined) return -1;
    this.remove(node.frame);
    return node.frame;
  }

  /** @returns whether it was in the list */
  remove(frame: number): boolean {
    const node = this.#nodes.get(frame);
    if (node === undefined) return false;
    this.#nodes.delete(frame);
    if (node.previous) node.previous.next = node.next;
    else this.#head = node.next;
    if (node.next) node.next.previous = node.previous;
    else this.#tail = node.previous;
    return true;
  }

  /** From head to tail. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (let node = this.#head; node; node = node.next) yield node.frame;
  }
}
