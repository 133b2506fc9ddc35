/**
 * The page allocator: zones of buddy systems behind one policy for single frames, and the record
 * of what each frame is used for. Frames are physical addresses here.
 */
import { invariant } from "../../base/errors.ts";
import { hex } from "../../base/hex.ts";
import { GIB, MIB } from "../../base/units.ts";
import type { FrameUse } from "../../check/view.ts";
import { IntervalList } from "../../memory/interval-list.ts";
import { PAGE_BYTES } from "../layout.ts";
import type { PageTables } from "../tables.ts";
import { Buddy, type MigrateType } from "./buddy.ts";
import { type FramePolicy, type FrameSource, framePolicy } from "./policy.ts";
import { type FrameInfo, FrameUses } from "./uses.ts";

export type ZoneName = "DMA" | "DMA32" | "Normal" | "Movable";

/** Where each kind of allocation looks, in order. User pages alone may come from Movable. */
const ZONE_ORDER: Readonly<Record<MigrateType, readonly ZoneName[]>> = {
  unmovable: ["Normal", "DMA32", "DMA"],
  reclaimable: ["Normal", "DMA32", "DMA"],
  movable: ["Movable", "Normal", "DMA32", "DMA"],
};

const SECTION_BYTES = 128 * MIB;
const FREE: FrameUse = { kind: "free" };
const RESERVED: FrameUse = { kind: "reserved" };
const ABSENT: FrameUse = { kind: "absent" };

export class FrameAllocator {
  readonly #tables: PageTables;
  readonly #policy: FramePolicy;
  readonly #zones = new Map<ZoneName, Buddy>();
  readonly #used = new FrameUses();
  /** Zones by section, where they are not what the address alone says. */
  readonly #zoneOfSection = new Map<number, ZoneName>();
  /** Ranges that are about to go offline. */
  readonly #isolated = new IntervalList<true>();
  #failAfter = Number.POSITIVE_INFINITY;
  #allocations = 0;

  readonly #source: FrameSource = {
    take: (type) => this.#takeBlock(0, type),
    giveBack: (frame) => this.#zoneHolding(frame * PAGE_BYTES).free(frame, 0),
  };

  /** Which freed frame is handed out next (policy.ts). */
  readonly policyName: string;

  constructor(tables: PageTables, policy: string, seed: number) {
    this.policyName = policy;
    this.#tables = tables;
    this.#policy = framePolicy(policy, seed);
    for (const name of ["DMA", "DMA32", "Normal", "Movable"] as const) {
      this.#zones.set(name, new Buddy());
    }
  }

  /** Frames on a free list, held ones included. */
  get freeFrames(): number {
    let sum = this.#policy.heldFrames;
    for (const zone of this.#zones.values()) sum += zone.freeFrames;
    return sum;
  }

  /** Allocations asked for so far. */
  get allocations(): number {
    return this.#allocations;
  }

  /** The zone in which memory at this address lands when it is not onlined as movable. */
  static zoneOf(physical: number): ZoneName {
    return physical < 16 * MIB ? "DMA" : physical < 4 * GIB ? "DMA32" : "Normal";
  }

  zone(name: ZoneName): Buddy {
    return this.#zones.get(name) as Buddy;
  }

  /** Lets the `nth` allocation from now on fail, once (1 is the next); undefined: none. */
  failNth(nth: number | undefined): void {
    this.#failAfter = nth === undefined ? Number.POSITIVE_INFINITY : this.#allocations + nth;
  }

  /**
   * Takes 2^order frames, naturally aligned. Their content is what it was.
   * @returns the physical address, or -1 when out of memory
   */
  allocate(order: number, type: MigrateType, use: FrameUse, processor = 0): number {
    if (!this.attempt()) return -1;
    const frame = this.#take(order, type, processor);
    if (frame < 0) return -1;
    const physical = frame * PAGE_BYTES;
    this.claim(physical, order, use);
    return physical;
  }

  /** Counts an allocation. @returns false if it is the one that is to fail */
  attempt(): boolean {
    this.#allocations += 1;
    return this.#allocations !== this.#failAfter;
  }

  /** Records the use of frames that do not come from a free list (boot memory, altmap). */
  claim(physical: number, order: number, use: FrameUse): void {
    this.#used.set(physical / PAGE_BYTES, { use, order, references: 0 });
    this.#tables.tell((observer) => observer.frameAllocated?.(physical, PAGE_BYTES * 2 ** order));
  }

  /** Drops the record of frames that go back to nobody (altmap, memory that is unplugged). */
  disclaim(physical: number): void {
    const info = this.#used.delete(physical / PAGE_BYTES);
    invariant(info !== undefined, `frame ${hex(physical)} has no record`);
    const bytes = PAGE_BYTES * 2 ** info.order;
    this.#tables.tell((observer) => observer.frameFreed?.(physical, bytes));
  }

  /** get_page(): one more reference to frames in use. */
  reference(physical: number): void {
    const info = this.#used.get(physical / PAGE_BYTES);
    invariant(info !== undefined, `frame ${hex(physical)} is not in use`);
    info.references += 1;
  }

  /**
   * Drops a reference to frames and, if it was the last, gives them back, in the size in which
   * they were taken.
   * @returns false, having changed nothing, when they are not in use with that size
   */
  free(physical: number, order: number, processor = 0): boolean {
    const frame = physical / PAGE_BYTES;
    const info = this.#used.get(frame);
    if (info === undefined || info.order !== order) return false;
    if (info.references > 0) {
      info.references -= 1;
      return true;
    }
    this.#used.delete(frame);
    const zone = this.#zoneHolding(physical);
    const isolated = this.#isolated.find(physical) !== undefined;
    if (!isolated && order === 0) {
      this.#policy.free(processor, zone.typeOf(frame), frame, this.#source);
    } else if (!isolated) zone.free(frame, order);
    this.#tables.tell((observer) => observer.frameFreed?.(physical, PAGE_BYTES * 2 ** order));
    return true;
  }

  /** What the frame that holds this address is used for. */
  useOf(physical: number): FrameUse {
    const frame = Math.floor(physical / PAGE_BYTES);
    const block = this.#used.holding(frame);
    if (block !== undefined) return block.info.use;
    if (this.isFree(physical)) return FREE;
    return this.#tables.memory.isRam(frame * PAGE_BYTES, PAGE_BYTES) ? RESERVED : ABSENT;
  }

  isFree(physical: number): boolean {
    const frame = Math.floor(physical / PAGE_BYTES);
    if (this.#policy.holds(frame)) return true;
    if (this.#isolated.find(physical) !== undefined) {
      return this.#used.holding(frame) === undefined;
    }
    for (const zone of this.#zones.values()) if (zone.headOf(frame) >= 0) return true;
    return false;
  }

  /** All frames in use, by physical address of the first. */
  *used(): IterableIterator<{ physical: number; order: number; use: FrameUse }> {
    for (const [frame, info] of this.#used) yield { physical: frame * PAGE_BYTES, ...info };
  }

  /**
   * Gives the zone memory of its own: boot memory, or a block that is onlined. A section is in one
   * zone, but for boot memory, whose zones follow from the address.
   */
  addRange(zone: ZoneName, physical: number, bytes: number): void {
    this.zone(zone).addRange(physical / PAGE_BYTES, bytes / PAGE_BYTES);
    if (zone === FrameAllocator.zoneOf(physical)) return;
    for (const section of sectionsOf(physical, bytes)) this.#zoneOfSection.set(section, zone);
  }

  /** Takes a block out of its zone. @returns false, having changed nothing, if some of it is used */
  removeRange(physical: number, bytes: number): boolean {
    this.drain();
    const zone = this.#zoneHolding(physical);
    if (!zone.removeRange(physical / PAGE_BYTES, bytes / PAGE_BYTES)) return false;
    for (const section of sectionsOf(physical, bytes)) this.#zoneOfSection.delete(section);
    return true;
  }

  /** Frames in use that begin in a range. */
  *usedWithin(
    physical: number,
    bytes: number,
  ): IterableIterator<{ readonly physical: number } & Readonly<FrameInfo>> {
    const first = physical / PAGE_BYTES;
    for (const [frame, info] of this.#used.within(first, first + bytes / PAGE_BYTES)) {
      yield { physical: frame * PAGE_BYTES, ...info };
    }
  }

  /** Takes all free frames of a range from its zone; what is freed there stays apart, too. */
  isolate(physical: number, bytes: number): void {
    this.drain();
    this.#zoneHolding(physical).isolate(physical / PAGE_BYTES, bytes / PAGE_BYTES);
    this.#isolated.insert(physical, physical + bytes, true);
  }

  /** Gives the free frames of an isolated range back to its zone. */
  undoIsolation(physical: number, bytes: number): void {
    this.#isolated.remove(physical, physical + bytes);
    const zone = this.#zoneHolding(physical);
    let from = physical;
    const used = [...this.usedWithin(physical, bytes)].sort((a, b) => a.physical - b.physical);
    for (const block of used) {
      zone.addRange(from / PAGE_BYTES, (block.physical - from) / PAGE_BYTES);
      from = block.physical + PAGE_BYTES * 2 ** block.order;
    }
    zone.addRange(from / PAGE_BYTES, (physical + bytes - from) / PAGE_BYTES);
  }

  /** An isolated range, all of it free, leaves its zone. */
  dropIsolated(physical: number, bytes: number): void {
    this.#isolated.remove(physical, physical + bytes);
    for (const section of sectionsOf(physical, bytes)) this.#zoneOfSection.delete(section);
  }

  /** Gives what the policy holds back to the zones, so that blocks merge. */
  drain(): void {
    this.#policy.drain(this.#source);
  }

  #take(order: number, type: MigrateType, processor: number): number {
    if (order === 0) return this.#policy.allocate(processor, type, this.#source);
    const frame = this.#takeBlock(order, type);
    if (frame >= 0) return frame;
    this.drain();
    return this.#takeBlock(order, type);
  }

  #takeBlock(order: number, type: MigrateType): number {
    for (const name of ZONE_ORDER[type]) {
      const frame = this.zone(name).allocate(order, type);
      if (frame >= 0) return frame;
    }
    return -1;
  }

  #zoneHolding(physical: number): Buddy {
    const zone = this.#zoneOfSection.get(Math.floor(physical / SECTION_BYTES));
    return this.zone(zone ?? FrameAllocator.zoneOf(physical));
  }
}

function* sectionsOf(physical: number, bytes: number): IterableIterator<number> {
  const first = Math.floor(physical / SECTION_BYTES);
  for (let at = first; at * SECTION_BYTES < physical + bytes; at++) yield at;
}
