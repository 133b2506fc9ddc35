/**
 * Which freed frame is handed out next. Whether the 2017 bug shows itself hangs on that alone, so
 * the choice is made here, in front of the buddy system, for single frames:
 *
 * - `pcp`: Linux's per-CPU lists by migrate type, last in, first out;
 * - `fifo`: the same lists, first in, first out;
 * - `quarantine`: freed frames are handed out again only when no other is left;
 * - `random`: any held frame or a new one, by a seeded generator.
 */
import { badArgument } from "../../base/errors.ts";
import type { MigrateType } from "./buddy.ts";

export const POLICY_NAMES = ["pcp", "fifo", "quarantine", "random"] as const;
export type PolicyName = (typeof POLICY_NAMES)[number];

/** What a policy needs of the zone behind it. Frames are frame numbers, -1 is none. */
export interface FrameSource {
  take(type: MigrateType): number;
  giveBack(frame: number): void;
}

/** Holds freed single frames; asks the source for others. */
export interface FramePolicy {
  allocate(processor: number, type: MigrateType, source: FrameSource): number;
  free(processor: number, type: MigrateType, frame: number, source: FrameSource): void;
  holds(frame: number): boolean;
  /** Gives everything that is held back to the source. */
  drain(source: FrameSource): void;
  readonly heldFrames: number;
}

/** @throws ArgumentError for an unknown name */
export function framePolicy(name: string, seed = 1): FramePolicy {
  switch (name as PolicyName) {
    case "pcp":
      return new PerCpuLists((list) => list.pop());
    case "fifo":
      return new PerCpuLists((list) => list.shift());
    case "quarantine":
      return new HeldFrames(() => -1);
    case "random":
      return new HeldFrames(randomPick(seed));
    default:
      return badArgument("allocator", POLICY_NAMES.join(", "), name);
  }
}

/** Linux's batch and high marks for small zones. */
const PCP_BATCH = 63;
const PCP_HIGH = 6 * PCP_BATCH;

class PerCpuLists implements FramePolicy {
  readonly #takeFrom: (list: number[]) => number | undefined;
  /** By processor. */
  readonly #lists: Record<MigrateType, number[]>[] = [];
  readonly #held = new Set<number>();

  constructor(takeFrom: (list: number[]) => number | undefined) {
    this.#takeFrom = takeFrom;
  }

  get heldFrames(): number {
    return this.#held.size;
  }

  allocate(processor: number, type: MigrateType, source: FrameSource): number {
    const list = this.#listOf(processor, type);
    if (list.length === 0) this.#refill(list, type, source);
    const frame = this.#takeFrom(list) ?? -1;
    this.#held.delete(frame);
    return frame;
  }

  free(processor: number, type: MigrateType, frame: number, source: FrameSource): void {
    const list = this.#listOf(processor, type);
    list.push(frame);
    this.#held.add(frame);
    if (list.length < PCP_HIGH) return;
    for (const old of list.splice(0, PCP_BATCH)) this.#giveBack(old, source);
  }

  holds(frame: number): boolean {
    return this.#held.has(frame);
  }

  drain(source: FrameSource): void {
    for (const list of this.#lists.flatMap((lists) => Object.values(lists))) {
      for (const frame of list.splice(0)) this.#giveBack(frame, source);
    }
  }

  #giveBack(frame: number, source: FrameSource): void {
    this.#held.delete(frame);
    source.giveBack(frame);
  }

  /** rmqueue_bulk(). */
  #refill(list: number[], type: MigrateType, source: FrameSource): void {
    const taken: number[] = [];
    while (taken.length < PCP_BATCH) {
      const frame = source.take(type);
      if (frame < 0) break;
      taken.push(frame);
      this.#held.add(frame);
    }
    list.push(...taken);
  }

  #listOf(processor: number, type: MigrateType): number[] {
    let lists = this.#lists[processor];
    if (lists === undefined) {
      lists = { unmovable: [], movable: [], reclaimable: [] };
      this.#lists[processor] = lists;
    }
    return lists[type];
  }
}

/** Holds all freed frames in order of their freeing; `pick` chooses one of them, or -1 for a new one. */
class HeldFrames implements FramePolicy {
  readonly #pick: (held: readonly number[]) => number;
  readonly #lists = new Map<MigrateType, number[]>();
  readonly #held = new Set<number>();

  constructor(pick: (held: readonly number[]) => number) {
    this.#pick = pick;
  }

  get heldFrames(): number {
    return this.#held.size;
  }

  allocate(_processor: number, type: MigrateType, source: FrameSource): number {
    const list = this.#lists.get(type) ?? [];
    const index = this.#pick(list);
    if (index >= 0) return this.#takeHeld(list, index);
    const frame = source.take(type);
    if (frame >= 0) return frame;
    const other = list.length > 0 ? list : [...this.#lists.values()].find((held) => held.length);
    return other === undefined ? -1 : this.#takeHeld(other, 0);
  }

  free(_processor: number, type: MigrateType, frame: number): void {
    const list = this.#lists.get(type);
    if (list) list.push(frame);
    else this.#lists.set(type, [frame]);
    this.#held.add(frame);
  }

  holds(frame: number): boolean {
    return this.#held.has(frame);
  }

  drain(source: FrameSource): void {
    for (const list of this.#lists.values()) {
      for (const frame of list.splice(0)) {
        this.#held.delete(frame);
        source.giveBack(frame);
      }
    }
  }

  #takeHeld(list: number[], index: number): number {
    const frame = list.splice(index, 1)[0] as number;
    this.#held.delete(frame);
    return frame;
  }
}

/** Marsaglia's xorshift32, so that a run can be repeated from its seed. */
function randomPick(seed: number): (held: readonly number[]) => number {
  let state = seed | 0 || 1;
  return (held) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const roll = (state >>> 0) % (2 * held.length + 1);
    return roll < held.length ? roll : -1;
  };
}
