/**
 * The public surface: what a program imports from "pml5". Addresses in physical memory are numbers,
 * linear addresses and 64-bit words are bigints.
 */

export { bytesSource } from "./base/byte-source.ts";
export { ArgumentError, InvariantError } from "./base/errors.ts";
export * from "./base/hex.ts";
export * from "./base/units.ts";
export * from "./base/word64.ts";
export * from "./check/index.ts";
export * from "./inspect/index.ts";
export * from "./kernel/index.ts";
export { BootError } from "./machine/boot/placement.ts";
export {
  type Dimm,
  Machine,
  type MachineOptions,
  type RunRequest,
  TLB_MODELS,
} from "./machine/machine.ts";
export type { Processor } from "./machine/processor.ts";
export type { MachineStop } from "./machine/stop.ts";
export * from "./memory/index.ts";
export * from "./mmu/index.ts";
