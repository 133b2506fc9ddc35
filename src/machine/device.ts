/** What the board's parts have in common. */

/**
 * A device. Its `state` is everything that a snapshot keeps besides its timers' deadlines: a record
 * of numbers, booleans, strings, typed arrays and arrays of those, changed in place and never
 * replaced.
 */
export interface Device {
  readonly state: object;
  /** The state after the reset signal. */
  reset(): void;
}

/** An interrupt line, or any other wire: true is asserted. */
export type Wire = (asserted: boolean) => void;

/** What devices can ask of the machine as a whole. */
export interface MachineControl {
  /** The reset signal; `why` names the source for people. It takes effect between instructions. */
  reset(why: string): void;
  /** The guest switched the power off. */
  powerOff(): void;
  /** The guest ended the run with this process exit code, 0..255. */
  exit(code: number): void;
}

/** A wire that leads nowhere. */
export const UNCONNECTED: Wire = () => {};
