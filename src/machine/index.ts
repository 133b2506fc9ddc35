/** The machine folder's share of the public surface. */
export { Board, type BoardOptions, type HotplugEvents } from "./board.ts";
export { bootImage } from "./boot/boot.ts";
export type { BootModule, BootRequest } from "./boot/boot-image.ts";
export type { EntryState, SegmentState, TableRegister } from "./boot/entry-state.ts";
export { bootFlat, type FlatMode, type FlatRequest } from "./boot/flat.ts";
export { BootError } from "./boot/placement.ts";
export { Clock, type ClockState, NEVER, type Timer } from "./clock.ts";
export type { Device, MachineControl, Wire } from "./device.ts";
export type { ProcessorPort } from "./devices/apic-bus.ts";
export { LocalApic } from "./devices/local-apic.ts";
export { PciConfigSpace, type PciFunction } from "./devices/pci.ts";
export type { SerialHost } from "./devices/uart.ts";
export { type Dimm, Machine, type MachineOptions, type RunRequest, TLB_MODELS } from "./machine.ts";
export { E820, type E820Entry, e820Map, type RamLayout, ramLayout } from "./memory-layout.ts";
export { type AccessBytes, PortBus, type PortHandler } from "./port-bus.ts";
export { Processor } from "./processor.ts";
export type { MachineStop } from "./stop.ts";
