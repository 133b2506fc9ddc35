/** The registers of a local APIC that are plain words. */
import { REG } from "./apic-registers.ts";

export const ALL_ONES = 0xffffffff;

/** What INIT gives the registers that are plain words; SVR is software-disabled, vector 0xff. */
export const INITIAL = {
  logicalDestination: 0,
  destinationFormat: ALL_ONES,
  spurious: 0xff,
  /** Errors as software sees them, and those since it last wrote the register. */
  errorStatus: 0,
  errors: 0,
  commandLo: 0,
  commandHi: 0,
  /** An ExtINT message waits for its acknowledge. */
  extIntMessage: false,
} as const;

export type PlainState = {
  -readonly [K in keyof typeof INITIAL]: (typeof INITIAL)[K] extends boolean ? boolean : number;
};

/** Registers that read as their word of the state. */
export const PLAIN_REGISTERS = new Map<number, Exclude<keyof typeof INITIAL, "extIntMessage">>([
  [REG.logicalDestination, "logicalDestination"],
  [REG.destinationFormat, "destinationFormat"],
  [REG.spurious, "spurious"],
  [REG.errorStatus, "errorStatus"],
  [REG.commandLo, "commandLo"],
  [REG.commandHi, "commandHi"],
]);
