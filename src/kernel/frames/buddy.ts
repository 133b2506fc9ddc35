/**
 * The buddy system of one zone (Linux's mm/page_alloc.c in small): blocks of 2^order frames,
 * order 0..10, on a free list for each order and migrate type. A block's type is that of its
 * pageblock (512 frames); when a type has run out, the largest block of another type is taken and
 * its pageblocks change hands.
 *
 * Frames are frame numbers (physical address / 4096).
 */
import { invariant } from "../../base/errors.ts";
import { type Block, FreeBlocks, MAX_ORDER, type MigrateType, TYPES } from "./free-blocks.ts";
import { FreeList } from "./free-list.ts";

export { MAX_ORDER, type MigrateType };

const PAGEBLOCK_ORDER = 9;

export class Buddy {
  readonly #lists: Readonly<Record<MigrateType, FreeList[]>>;
  readonly #blocks = new FreeBlocks();
  readonly #pageblockTypes = new Map<number, MigrateType>();
  #freeFrames = 0;

  constructor() {
    const lists = () => Array.from({ length: MAX_ORDER + 1 }, () => new FreeList());
    this.#lists = { unmovable: lists(), movable: lists(), reclaimable: lists() };
  }

  get freeFrames(): number {
    return this.#freeFrames;
  }

  /** Gives the frames [first, first + count) to the zone, free and movable, in the largest blocks. */
  addRange(first: number, count: number): void {
    for (let frame = first; frame < first + count; ) {
      let order = MAX_ORDER;
      while (frame % 2 ** order !== 0 || frame + 2 ** order > first + count) order -= 1;
      this.#insert(frame, order, this.typeOf(frame), false);
      frame += 2 ** order;
    }
  }

  /**
   * Takes the frames [first, first + count) out of the zone.
   * @returns false, having changed nothing, if one of them is not free
   */
  removeRange(first: number, count: number): boolean {
    for (let frame = first; frame < first + count; ) {
      const head = this.headOf(frame);
      if (head < 0) return false;
      frame = head + 2 ** (this.#blocks.get(head) as Block).order;
    }
    for (let frame = first; frame < first + count; ) {
      const head = this.headOf(frame);
      const { order, type } = this.#remove(head);
      const end = head + 2 ** order;
      if (head < first) this.#insertPieces(head, first, type);
      if (end > first + count) this.#insertPieces(first + count, end, type);
      frame = end;
    }
    for (let block = first; block < first + count; block += 2 ** PAGEBLOCK_ORDER) {
      this.#pageblockTypes.delete(pageblockOf(block));
    }
    return true;
  }

  /** Takes whatever is free of the frames [first, first + count) off the lists. */
  isolate(first: number, count: number): void {
    for (let frame = first; frame < first + count; ) {
      const head = this.headOf(frame);
      if (head < 0) {
        frame += 1;
        continue;
      }
      const { order, type } = this.#remove(head);
      const end = head + 2 ** order;
      if (head < first) this.#insertPieces(head, first, type);
      if (end > first + count) this.#insertPieces(first + count, end, type);
      frame = end;
    }
  }

  /** The migrate type of the frame's pageblock. */
  typeOf(frame: number): MigrateType {
    return this.#pageblockTypes.get(pageblockOf(frame)) ?? "movable";
  }

  /** First frame of the free block that holds `frame`; -1 when it is not free. */
  headOf(frame: number): number {
    return this.#blocks.headOf(frame);
  }

  /** Takes a block; -1 when there is none of that size. */
  allocate(order: number, type: MigrateType): number {
    for (let at = order; at <= MAX_ORDER; at++) {
      const frame = this.#listOf(type, at).popHead();
      if (frame >= 0) return this.#take(frame, at, order, type);
    }
    return this.#steal(order, type);
  }

  /** Gives a block back and merges it with its free buddies. */
  free(frame: number, order: number, toTail = false): void {
    invariant(this.headOf(frame) < 0, `frame ${frame.toString(16)} freed twice`);
    const type = this.typeOf(frame);
    let head = frame;
    let size = order;
    while (size < MAX_ORDER) {
      const buddy = buddyOf(head, size);
      if (this.#blocks.get(buddy)?.order !== size) break;
      this.#remove(buddy);
      head = Math.min(head, buddy);
      size += 1;
    }
    this.#insert(head, size, type, toTail);
  }

  /** Free blocks by order, over all types: what /proc/buddyinfo shows. */
  freeBlocks(): number[] {
    return Array.from({ length: MAX_ORDER + 1 }, (_, order) =>
      TYPES.reduce((sum, type) => sum + this.#listOf(type, order).size, 0),
    );
  }

  /** __rmqueue_fallback(): from another type, the largest block, with its pageblocks. */
  #steal(order: number, type: MigrateType): number {
    for (let at = MAX_ORDER; at >= order; at--) {
      for (const other of TYPES) {
        if (other === type) continue;
        const frame = this.#listOf(other, at).popHead();
        if (frame < 0) continue;
        const whole = at >= PAGEBLOCK_ORDER;
        for (let block = frame; whole && block < frame + 2 ** at; block += 2 ** PAGEBLOCK_ORDER) {
          this.#pageblockTypes.set(pageblockOf(block), type);
        }
        return this.#take(frame, at, order, whole ? type : other);
      }
    }
    return -1;
  }

  /** A block popped off its list: gives back what is above the wanted order. */
  #take(frame: number, from: number, order: number, type: MigrateType): number {
    this.#blocks.delete(frame);
    this.#freeFrames -= 2 ** from;
    for (let at = from - 1; at >= order; at--) this.#insert(frame + 2 ** at, at, type, false);
    return frame;
  }

  #insertPieces(from: number, to: number, type: MigrateType): void {
    for (let frame = from; frame < to; ) {
      let order = MAX_ORDER;
      while (frame % 2 ** order !== 0 || frame + 2 ** order > to) order -= 1;
      this.#insert(frame, order, type, false);
      frame += 2 ** order;
    }
  }

  #insert(frame: number, order: number, type: MigrateType, toTail: boolean): void {
    const list = this.#listOf(type, order);
    if (toTail) list.pushTail(frame);
    else list.pushHead(frame);
    this.#blocks.set(frame, order, type);
    this.#freeFrames += 2 ** order;
  }

  #remove(frame: number): Block {
    const block = this.#blocks.get(frame) as Block;
    this.#blocks.delete(frame);
    this.#listOf(block.type, block.order).remove(frame);
    this.#freeFrames -= 2 ** block.order;
    return block;
  }

  #listOf(type: MigrateType, order: number): FreeList {
    return this.#lists[type][order] as FreeList;
  }
}

function pageblockOf(frame: number): number {
  return Math.floor(frame / 2 ** PAGEBLOCK_ORDER);
}

function buddyOf(frame: number, order: number): number {
  const size = 2 ** order;
  return frame % (2 * size) === 0 ? frame + size : frame - size;
}
