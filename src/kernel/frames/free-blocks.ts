/**
 * Free blocks by their first frame: order and migrate type as a byte a frame, in groups of the
 * largest block. A table of the direct map is allocated and freed in less than a microsecond, so
 * finding the block that holds a frame must not cost a look into a map for every order.
 */

export type MigrateType = "unmovable" | "movable" | "reclaimable";
export const TYPES: readonly MigrateType[] = ["unmovable", "movable", "reclaimable"];

export const MAX_ORDER = 10;
const GROUP_FRAMES = 1 << MAX_ORDER;

/** A block of 2^order free frames. */
export interface Block {
  readonly order: number;
  readonly type: MigrateType;
}

/** The block by its byte in a group: 1 + 3 * order + type; 0 is none. */
const BLOCK_BY_CODE: readonly (Block | undefined)[] = [
  undefined,
  ...Array.from({ length: MAX_ORDER + 1 }, (_, order) =>
    TYPES.map((type) => ({ order, type })),
  ).flat(),
];

function codeOf(order: number, type: MigrateType): number {
  return 1 + TYPES.length * order + TYPES.indexOf(type);
}

/** The groups that are one block, shared by all of one type: memory is mostly free. */
const WHOLE_GROUPS = TYPES.map((type) => {
  const group = new Uint8Array(GROUP_FRAMES);
  group[0] = codeOf(MAX_ORDER, type);
  return group;
});

export class FreeBlocks {
  readonly #groups = new Map<number, Uint8Array>();

  /** The free block that begins at this frame. */
  get(frame: number): Block | undefined {
    const local = frame % GROUP_FRAMES;
    const group = this.#groups.get((frame - local) / GROUP_FRAMES);
    return group && BLOCK_BY_CODE[group[local] as number];
  }

  /** Enters a block; none of its frames is in a free block yet. */
  set(frame: number, order: number, type: MigrateType): void {
    const local = frame % GROUP_FRAMES;
    const number = (frame - local) / GROUP_FRAMES;
    if (order === MAX_ORDER) {
      this.#groups.set(number, WHOLE_GROUPS[TYPES.indexOf(type)] as Uint8Array);
      return;
    }
    let group = this.#groups.get(number);
    if (group === undefined) {
      group = new Uint8Array(GROUP_FRAMES);
      this.#groups.set(number, group);
    }
    group[local] = codeOf(order, type);
  }

  /** Removes the block that begins at this frame. */
  delete(frame: number): void {
    const local = frame % GROUP_FRAMES;
    const number = (frame - local) / GROUP_FRAMES;
    const group = this.#groups.get(number);
    if (group === undefined) return;
    if (BLOCK_BY_CODE[group[local] as number]?.order === MAX_ORDER) this.#groups.delete(number);
    else group[local] = 0;
  }

  /** First frame of the free block that holds `frame`; -1 when it is not free. */
  headOf(frame: number): number {
    const local = frame % GROUP_FRAMES;
    const group = this.#groups.get((frame - local) / GROUP_FRAMES);
    if (group === undefined) return -1;
    for (let order = 0; order <= MAX_ORDER; order++) {
      const head = local & -(1 << order);
      const block = BLOCK_BY_CODE[group[head] as number];
      if (block !== undefined && head + 2 ** block.order > local) return frame - local + head;
    }
    return -1;
  }
}
