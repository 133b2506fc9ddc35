/** Register bits of the 16550A, named after what they mean (PC16550D, "Summary of Registers"). */
export const IER = { receive: 1, transmit: 2, line: 4, modem: 8, writable: 0x0f } as const;
export const IIR = {
  none: 1,
  modem: 0,
  transmit: 2,
  receive: 4,
  line: 6,
  timeout: 12,
  fifo: 0xc0,
} as const;
export const FCR = { enable: 1, clearReceive: 2, clearTransmit: 4 } as const;
export const LCR = {
  wordLength: 3,
  stop: 4,
  parity: 8,
  divisorLatch: 0x80,
  breakOut: 0x40,
} as const;
export const MCR = { dtr: 1, rts: 2, out1: 4, out2: 8, loop: 0x10, writable: 0x1f } as const;
export const LSR = {
  ready: 1,
  overrun: 2,
  breakIn: 0x10,
  holdingEmpty: 0x20,
  empty: 0x40,
  fault: 0x1e,
} as const;
export const MSR_LINES = { cts: 0x10, dsr: 0x20, ring: 0x40, carrier: 0x80 } as const;
/** A cable with somebody at the other end. */
export const CONNECTED = MSR_LINES.cts | MSR_LINES.dsr | MSR_LINES.carrier;
export const RECEIVE_TRIGGERS = [1, 4, 8, 14] as const;
