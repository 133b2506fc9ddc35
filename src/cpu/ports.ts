/** What a processor needs of the machine around it. */

/** The I/O port space. Values are unsigned. */
export interface PortSpace {
  read(port: number, bytes: 1 | 2 | 4): number;
  write(port: number, bytes: 1 | 2 | 4, value: number): void;
}

/** Where maskable interrupts come from: a local APIC or a PIC. */
export interface InterruptSource {
  readonly interruptPending: boolean;
  /** The vector of the highest request, which is in service from now on. */
  acknowledge(): number;
}

/** What a processor's instructions need of its local APIC, beside interrupts. */
export interface LocalApicPort extends InterruptSource {
  readonly apicId: number;
  /** "disabled" hides the feature from CPUID. */
  readonly mode: "disabled" | "xAPIC" | "x2APIC";
  /** IA32_APIC_BASE; `writeBase` returns false for #GP(0). */
  readonly base: bigint;
  writeBase(value: bigint): boolean;
  /** RDMSR and WRMSR of 0x800..0x8FF; undefined and false are #GP(0). */
  readMsr(msr: number): bigint | undefined;
  writeMsr(msr: number, value: bigint): boolean;
  /** The task priority register; bits 7:4 are CR8. */
  taskPriority: number;
  /** IA32_TSC_DEADLINE. */
  tscDeadline: bigint;
  /** The time-stamp counter was written. */
  tscChanged(): void;
}

/** Ports where nothing answers. */
export const NO_PORTS: PortSpace = {
  read: (_port, bytes) => (bytes === 1 ? 0xff : bytes === 2 ? 0xffff : 0xffff_ffff),
  write: () => {},
};

export const NO_INTERRUPTS: InterruptSource = {
  interruptPending: false,
  acknowledge: () => 0xff,
};
