import type { MachineControl } from "../../../src/machine/device.ts";

/** A machine that only notes what it is asked. */
export function recordingControl(): MachineControl & { readonly log: string[] } {
  const log: string[] = [];
  return {
    log,
    reset: (why) => log.push(`reset: ${why}`),
    powerOff: () => log.push("power off"),
    exit: (code) => log.push(`exit ${code}`),
  };
}
