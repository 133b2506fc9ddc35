/**
 * The memory-hotplug registers that the DSDT's methods drive (QEMU documentation, "QEMU<->ACPI BIOS
 * memory hotplug interface"): 24 ports at 0xA00, one slot selected at a time. This device tells the
 * guest and hears from it; plugging the memory itself is its owner's part.
 */
import { badArgument } from "../../base/errors.ts";
import type { Device } from "../device.ts";
import type { AccessBytes, PortHandler } from "../port-bus.ts";

export const HOTPLUG_PORTS = 24;
/** The general-purpose event that makes the guest look at the slots. */
export const HOTPLUG_GPE = 3;

const READ = {
  baseLo: 0x00,
  baseHi: 0x04,
  lengthLo: 0x08,
  lengthHi: 0x0c,
  node: 0x10,
  flags: 0x14,
};
const WRITE = { select: 0x00, ostEvent: 0x04, ostStatus: 0x08, flags: 0x14 } as const;
const FLAG = { enabled: 0x01, inserting: 0x02, removing: 0x04, eject: 0x08 } as const;
const TWO_32 = 2 ** 32;

export interface DimmSlot {
  base: number;
  /** 0 when the slot is empty. */
  bytes: number;
  /** Proximity domain. */
  node: number;
  /** The guest has not yet taken notice of the insertion, or of the request to remove. */
  inserting: boolean;
  removing: boolean;
  /** Event of the _OST report that is being written. */
  ostEvent: number;
}

export interface HotplugListener {
  /** Raises general-purpose event 3. */
  raise(): void;
  /** The guest ejected the DIMM; its slot is empty now. */
  ejected(slot: number, base: number, bytes: number): void;
  /** The guest reported (_OST): `event` 1 or 3 as the notification, 0x103; `status` 0 is success. */
  reported(slot: number, event: number, status: number): void;
}

export class MemoryHotplug implements Device, PortHandler {
  readonly widestBytes = 4;
  readonly state: { selected: number; readonly slots: DimmSlot[] };
  readonly #listener: HotplugListener;

  /** @param slotCount 1..256, and the number of devices in the DSDT */
  constructor(slotCount: number, listener: HotplugListener) {
    this.#listener = listener;
    const empty = { base: 0, bytes: 0, node: 0, inserting: false, removing: false, ostEvent: 0 };
    this.state = { selected: 0, slots: Array.from({ length: slotCount }, () => ({ ...empty })) };
  }

  /** DIMMs stay in; what was being asked is forgotten, since firmware starts afresh. */
  reset(): void {
    this.state.selected = 0;
    for (const slot of this.state.slots) Object.assign(slot, { inserting: false, removing: false });
  }

  /**
   * Tells the guest of a DIMM whose memory is there already.
   * @param announce false before power-on: the guest finds it without an event
   * @returns the slot, the lowest empty one
   */
  plug(base: number, bytes: number, node = 0, announce = true): number {
    const index = this.state.slots.findIndex((slot) => slot.bytes === 0);
    const slot = this.state.slots[index];
    if (slot === undefined) badArgument("dimm", `at most ${this.state.slots.length}`, "one more");
    Object.assign(slot, { base, bytes, node, inserting: announce, removing: false });
    if (announce) this.#listener.raise();
    return index;
  }

  /** Asks the guest to let a DIMM go; `ejected` or `reported` tells what came of it. */
  requestRemoval(index: number): void {
    const slot = this.state.slots[index];
    if (slot === undefined || slot.bytes === 0) badArgument("slot", "one with a DIMM", index);
    slot.removing = true;
    this.#listener.raise();
  }

  read(offset: number, bytes: AccessBytes): number {
    const slot = this.state.slots[this.state.selected];
    if (slot === undefined) return 0;
    const word = this.#word(slot, offset & ~3);
    return Math.floor(word / 256 ** (offset & 3)) % 256 ** bytes;
  }

  write(offset: number, bytes: AccessBytes, value: number): void {
    const { state } = this;
    const slot = state.slots[state.selected];
    if (offset === WRITE.select && bytes === 4) state.selected = value;
    else if (slot === undefined) return;
    else if (offset === WRITE.ostEvent) slot.ostEvent = value;
    else if (offset === WRITE.ostStatus) {
      this.#listener.reported(state.selected, slot.ostEvent, value);
    } else if (offset === WRITE.flags) this.#writeFlags(slot, value);
  }

  #word(slot: DimmSlot, register: number): number {
    switch (register) {
      case READ.baseLo:
        return slot.base % TWO_32;
      case READ.baseHi:
        return Math.floor(slot.base / TWO_32);
      case READ.lengthLo:
        return slot.bytes % TWO_32;
      case READ.lengthHi:
        return Math.floor(slot.bytes / TWO_32);
      case READ.node:
        return slot.node;
      case READ.flags:
        return (
          (slot.bytes > 0 ? FLAG.enabled : 0) |
          (slot.inserting ? FLAG.inserting : 0) |
          (slot.removing ? FLAG.removing : 0)
        );
      default:
        return 0;
    }
  }

  #writeFlags(slot: DimmSlot, value: number): void {
    if (value & FLAG.inserting) slot.inserting = false;
    else if (value & FLAG.removing) slot.removing = false;
    else if (value & FLAG.eject && slot.bytes > 0) {
      const { base, bytes } = slot;
      Object.assign(slot, { base: 0, bytes: 0, node: 0, inserting: false, removing: false });
      this.#listener.ejected(this.state.selected, base, bytes);
    }
  }
}
