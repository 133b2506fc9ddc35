/** The board as data: which device is at which port, and where its interrupt goes. */

import { IO_APIC_BASE } from "./devices/io-apic.ts";
import { APIC_DEFAULT_BASE } from "./devices/local-apic.ts";

/** ISA interrupt lines by what drives them. */
export const IRQ = { timer: 0, serial: 4, rtc: 8, sci: 9 } as const;

/** Interrupt lines 0..15 go to the 8259 pair and to the I/O APIC, those from 16 on to the latter. */
export const ISA_IRQS = 16;

/** I/O APIC pins that are not the number of their ISA line: the timer arrives at pin 2. */
export const IO_APIC_PIN_OF_IRQ: Readonly<Record<number, number>> = { [IRQ.timer]: 2 };

/** What the MADT says of ISA lines that are special: where they arrive and how. */
export const SOURCE_OVERRIDES = [
  { irq: IRQ.timer, gsi: 2, level: false },
  { irq: IRQ.sci, gsi: IRQ.sci, level: true },
] as const;

/** ELCR bits of the slave 8259: the SCI is level-triggered. */
export const SLAVE_LEVEL_INPUTS = 1 << (IRQ.sci - 8);

/** How PC firmware leaves the 8259s, as (port offset, word): vectors 0x08 and 0x70, all masked. */
export const PIC_SETUP = {
  master: [
    [0, 0x11],
    [1, 0x08],
    [1, 0x04],
    [1, 0x01],
    [1, 0xfb],
  ],
  slave: [
    [0, 0x11],
    [1, 0x70],
    [1, 0x02],
    [1, 0x01],
    [1, 0xff],
  ],
} as const;

export const PORTS = {
  masterPic: 0x20,
  slavePic: 0xa0,
  edgeLevel: 0x4d0,
  pit: 0x40,
  systemControlB: 0x61,
  keyboardData: 0x60,
  keyboardCommand: 0x64,
  rtc: 0x70,
  post: 0x80,
  systemControlA: 0x92,
  smi: 0xb2,
  debugConsole: 0xe9,
  debugExit: 0xf4,
  serial: 0x3f8,
  fwCfg: 0x510,
  pm1Event: 0x600,
  pm1Control: 0x604,
  pmTimer: 0x608,
  gpe0: 0x620,
  memoryHotplug: 0xa00,
  pci: 0xcf8,
  resetControl: 0xcf9,
} as const;

/** Rising bit 2 with bit 1: a hard reset. */
export const RESET_VALUE = 0x06;

export const APIC_BASES = { local: APIC_DEFAULT_BASE, io: IO_APIC_BASE } as const;

/** Addresses below 4 GiB that PCI devices may be given. */
export const PCI_MEMORY = { base: 0xc0000000, end: 0xfec00000 } as const;
