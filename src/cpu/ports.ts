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

/** Ports where nothing answers. */
export const NO_PORTS: PortSpace = {
  read: (_port, bytes) => (bytes === 1 ? 0xff : bytes === 2 ? 0xffff : 0xffff_ffff),
  write: () => {},
};

export const NO_INTERRUPTS: InterruptSource = {
  interruptPending: false,
  acknowledge: () => 0xff,
};
