import { Clock } from "../../../src/machine/clock.ts";
import { ApicBus, type ProcessorPort } from "../../../src/machine/devices/apic-bus.ts";
import { type ExternalController, LocalApic } from "../../../src/machine/devices/local-apic.ts";

/** A processor that notes what its APIC tells it; its TSC is the clock. */
export function recordingPort(clock: Clock, log: string[], name: string): ProcessorPort {
  return {
    interruptChanged: () => {},
    nmi: () => log.push(`${name} nmi`),
    smi: () => log.push(`${name} smi`),
    init: () => log.push(`${name} init`),
    startup: (vector) => log.push(`${name} startup ${vector.toString(16)}`),
    nsUntilTsc: (target) => Number(target - BigInt(clock.now)),
  };
}

/** Some local APICs on one bus, software-enabled, the first one the boot processor's. */
export function apicRig(count: number, external?: ExternalController) {
  const clock = new Clock();
  const bus = new ApicBus();
  const log: string[] = [];
  const apics = Array.from({ length: count }, (_, id) => {
    const options = {
      id,
      clock,
      bus,
      port: recordingPort(clock, log, `cpu${id}`),
      maxPhyAddr: 46,
      boot: id === 0,
    };
    const apic = new LocalApic(external && id === 0 ? { ...options, external } : options);
    apic.writeWindow(0xf0, 4, 0x1ff);
    return apic;
  });
  return { clock, bus, log, apics };
}

/** What each APIC has to deliver, -1 for nothing, taking and ending it. */
export function drain(apics: readonly LocalApic[]): number[] {
  return apics.map((apic) => {
    if (!apic.interruptPending) return -1;
    const vector = apic.acknowledge();
    apic.mode === "x2APIC" ? apic.writeMsr(0x80b, 0n) : apic.writeWindow(0xb0, 4, 0);
    return vector;
  });
}

/** A rig with one processor. */
export function one() {
  const { apics, ...rest } = apicRig(1);
  return { apic: apics[0] as LocalApic, ...rest };
}

export function read(apic: LocalApic, offset: number): number {
  return apic.readWindow(offset, 4) >>> 0;
}

export function write(apic: LocalApic, offset: number, value: number): void {
  apic.writeWindow(offset, 4, value);
}
