/** The interrupt command register: an IPI as software writes it (SDM 3A, "Issuing IPIs"). */
import { DELIVERY, type InterruptMessage } from "./apic-bus.ts";

const ICR = { logical: 0x800, assert: 0x4000, level: 0x8000, shorthandShift: 18 } as const;

/** Bits 19:18, in their order. */
export const SHORTHANDS = ["none", "self", "all", "all but self"] as const;
export type Shorthand = (typeof SHORTHANDS)[number];

export interface Command {
  readonly message: InterruptMessage;
  readonly shorthand: Shorthand;
  /** An INIT level de-assert, which only ever synchronised arbitration identifiers. */
  readonly ignored: boolean;
}

/** @param destination 8 bits, or 32 when `wide` */
export function decodeCommand(lo: number, destination: number, wide: boolean): Command {
  const delivery = (lo >> 8) & 7;
  const deasserts = (lo & (ICR.level | ICR.assert)) === ICR.level;
  return {
    message: {
      vector: lo & 0xff,
      delivery,
      // IPIs are edge-triggered whatever bit 15 says.
      level: false,
      logical: (lo & ICR.logical) !== 0,
      destination,
      wide,
    },
    shorthand: SHORTHANDS[(lo >> ICR.shorthandShift) & 3] as Shorthand,
    ignored: delivery === DELIVERY.init && deasserts,
  };
}
