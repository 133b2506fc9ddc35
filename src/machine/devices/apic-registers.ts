/**
 * The local APIC's registers: index (xAPIC offset >> 4, x2APIC MSR - 0x800), which interface has
 * them, and their writable bits (SDM 3A, "Local APIC Register Address Map" and "x2APIC Register
 * Address Space").
 */

export const REG = {
  id: 0x02,
  version: 0x03,
  taskPriority: 0x08,
  arbitrationPriority: 0x09,
  processorPriority: 0x0a,
  eoi: 0x0b,
  remoteRead: 0x0c,
  logicalDestination: 0x0d,
  destinationFormat: 0x0e,
  spurious: 0x0f,
  inService: 0x10,
  triggerMode: 0x18,
  request: 0x20,
  errorStatus: 0x28,
  commandLo: 0x30,
  commandHi: 0x31,
  lvtTimer: 0x32,
  lvtThermal: 0x33,
  lvtPerformance: 0x34,
  lvtLint0: 0x35,
  lvtLint1: 0x36,
  lvtError: 0x37,
  timerInitial: 0x38,
  timerCurrent: 0x39,
  timerDivide: 0x3e,
  selfIpi: 0x3f,
} as const;

/** Version 0x14, local vector table entries 0..5, no suppression of EOI broadcasts. */
export const APIC_VERSION = 0x00050014;

/** Bit of the spurious-interrupt register without which only NMI, SMI, INIT and SIPI come in. */
export const SOFTWARE_ENABLED = 0x100;

/** Bits of the error status register. */
export const APIC_ERROR = {
  sendIllegalVector: 0x20,
  receivedIllegalVector: 0x40,
  illegalRegister: 0x80,
} as const;

type Access = "" | "r" | "w" | "rw";

interface RegisterRule {
  readonly xapic: Access;
  readonly x2apic: Access;
  /** Bits that software may set; in x2APIC mode any other is a #GP. */
  readonly writable: number;
}

const rule = (xapic: Access, x2apic: Access, writable = 0): RegisterRule => ({
  xapic,
  x2apic,
  writable,
});

const RULES = new Map<number, RegisterRule>([
  [REG.id, rule("rw", "r", 0xff000000)],
  [REG.version, rule("r", "r")],
  [REG.taskPriority, rule("rw", "rw", 0xff)],
  [REG.arbitrationPriority, rule("r", "")],
  [REG.processorPriority, rule("r", "r")],
  [REG.eoi, rule("w", "w", 0)],
  [REG.remoteRead, rule("r", "")],
  [REG.logicalDestination, rule("rw", "r", 0xff000000)],
  [REG.destinationFormat, rule("rw", "", 0xf0000000)],
  [REG.spurious, rule("rw", "rw", 0x3ff)],
  [REG.errorStatus, rule("rw", "rw", 0)],
  [REG.commandLo, rule("rw", "rw", 0xccfff)],
  [REG.commandHi, rule("rw", "", 0xff000000)],
  [REG.lvtTimer, rule("rw", "rw", 0x700ff)],
  [REG.lvtThermal, rule("rw", "rw", 0x107ff)],
  [REG.lvtPerformance, rule("rw", "rw", 0x107ff)],
  [REG.lvtLint0, rule("rw", "rw", 0x1a7ff)],
  [REG.lvtLint1, rule("rw", "rw", 0x1a7ff)],
  [REG.lvtError, rule("rw", "rw", 0x100ff)],
  [REG.timerInitial, rule("rw", "rw", 0xffffffff)],
  [REG.timerCurrent, rule("r", "r")],
  [REG.timerDivide, rule("rw", "rw", 0xb)],
  [REG.selfIpi, rule("", "w", 0xff)],
]);
const BITMAP_RULE = rule("r", "r");
/** ISR, TMR and IRR: eight words each. */
const BITMAPS_END = REG.request + 8;

/** The rule of a register, undefined where there is none. */
export function registerRule(index: number): RegisterRule | undefined {
  if (index >= REG.inService && index < BITMAPS_END) return BITMAP_RULE;
  return RULES.get(index);
}
