/** Runs a stored guest and gives what its serial port said. */
import { readFileSync } from "node:fs";
import { bytesSource } from "../../src/base/byte-source.ts";
import { Machine, type MachineOptions } from "../../src/machine/machine.ts";
import type { MachineStop } from "../../src/machine/stop.ts";

const MAX_INSTRUCTIONS = 20_000_000;

export interface GuestRun {
  readonly machine: Machine;
  readonly stop: MachineStop;
  /** The lines of the serial port, the last one complete. */
  readonly lines: readonly string[];
}

export function guestPath(name: string, levels: 4 | 5): string {
  return new URL(`./${name}-${levels}.bin`, import.meta.url).pathname;
}

export function runGuest(name: string, levels: 4 | 5, options: MachineOptions = {}): GuestRun {
  let text = "";
  const machine = new Machine({
    memoryBytes: 16 * 1024 * 1024,
    ...options,
    serial: {
      send: (byte) => {
        text += String.fromCharCode(byte);
        return true;
      },
    },
  });
  machine.load({ image: bytesSource(readFileSync(guestPath(name, levels)), name) });
  const stop = machine.run({ maxInstructions: MAX_INSTRUCTIONS });
  return { machine, stop, lines: linesOf(text) };
}

export function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
