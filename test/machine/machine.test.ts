import { describe, expect, it } from "vitest";
import { bytesSource } from "../../src/base/byte-source.ts";
import type { FlatMode } from "../../src/machine/boot/flat.ts";
import { Machine, type MachineOptions } from "../../src/machine/machine.ts";
import { assemble } from "../support/listing.ts";

const AT = 0x10_0000;

function machineWith(listing: string, mode: FlatMode = "protected", options: MachineOptions = {}) {
  let output = "";
  const machine = new Machine({
    memoryBytes: 4 * 1024 * 1024,
    serial: {
      send: (byte) => {
        output += String.fromCharCode(byte);
        return true;
      },
    },
    ...options,
  });
  const { bytes, labels } = assemble(AT, listing);
  machine.loadFlat({ image: bytesSource(bytes), address: AT, mode });
  return { machine, labels, output: () => output };
}

const say = (letter: string) => `
  b0 ${letter.charCodeAt(0).toString(16)}  ; mov al, letter
  66 ba f8 03                              ; mov dx, 0x3f8
  ee                                       ; out dx, al`;
const exit = "66 ba f4 00 b0 05 ee ; mov dx, 0xf4; mov al, 5; out dx, al";

describe("Machine, stop reasons", () => {
  it("gives the serial output, and the exit code that port 0xf4 makes of 5", () => {
    const { machine, output } = machineWith([say("o"), say("k"), exit].join("\n"));
    expect(machine.run()).toEqual({ reason: "exit", code: 11 });
    expect(output()).toBe("ok");
    // Three instructions each, and the last OUT.
    expect(machine.instructions).toBe(9);
  });

  it("stops exactly at the limit and goes on from there", () => {
    const { machine } = machineWith("again: 40 eb rel8:again ; inc eax; jmp again");
    expect(machine.run({ maxInstructions: 7 })).toEqual({ reason: "limit" });
    expect(machine.processors[0]?.cpu.state.gpr(0)).toBe(4n);
    expect(machine.run({ maxInstructions: 1 })).toEqual({ reason: "limit" });
    expect(machine.processors[0]?.cpu.state.rip).toBe(BigInt(AT));
    expect(machine.time).toBe(8);
  });

  it("stops before the instruction at a breakpoint, and executes it when it goes on", () => {
    const { machine, labels } = machineWith("40 here: 40 40 f4 ; inc eax, three times; hlt");
    const linear = BigInt(labels.get("here") as number);
    machine.breakpoints.add(linear);
    expect(machine.run()).toEqual({ reason: "breakpoint", cpu: 0, linear });
    expect(machine.processors[0]?.cpu.state.gpr(0)).toBe(1n);
    expect(machine.run()).toEqual({ reason: "halted" });
    expect(machine.processors[0]?.cpu.state.gpr(0)).toBe(3n);
  });

  it("tells of a triple fault what led to it", () => {
    // The interrupt table has limit 0: the gate of #UD is beyond it, then that of #GP and of #DF.
    const { machine } = machineWith("0f 0b ; ud2");
    expect(machine.run()).toEqual({
      reason: "triple-fault",
      cpu: 0,
      cause: {
        rip: BigInt(AT),
        events: [
          { vector: 6, kind: "fault", errorCode: undefined, faultLinear: undefined },
          { vector: 13, kind: "fault", errorCode: 6 * 8 + 3, faultLinear: undefined },
          { vector: 13, kind: "fault", errorCode: 13 * 8 + 3, faultLinear: undefined },
          { vector: 8, kind: "fault", errorCode: 0, faultLinear: undefined },
          { vector: 13, kind: "fault", errorCode: 8 * 8 + 3, faultLinear: undefined },
        ],
      },
    });
  });

  it("reports a reset by port 0xcf9 and by a keyboard controller's pulse", () => {
    const reset = machineWith("66 ba f9 0c b0 06 ee f4 ; mov dx, 0xcf9; mov al, 6; out dx, al");
    expect(reset.machine.run()).toEqual({ reason: "reset", source: "port 0xcf9" });
    const pulse = machineWith("b0 fe e6 64 f4 ; mov al, 0xfe; out 0x64, al");
    expect(pulse.machine.run()).toMatchObject({ reason: "reset" });
  });

  it("tells a halt that nothing ends from one that waits for the host", () => {
    expect(machineWith("fa f4 ; cli; hlt").machine.run()).toEqual({ reason: "halted" });
    expect(machineWith("fb f4 ; sti; hlt").machine.run()).toEqual({ reason: "idle" });
  });

  it("counts every look at a timer that nobody hears as an instruction of the limit", () => {
    // Channel 0 every 65,536 pulses, its line masked in the 8259: time passes, nothing happens.
    const { machine } = machineWith("b0 34 e6 43 b0 00 e6 40 e6 40 fb f4");
    expect(machine.run({ maxInstructions: 100 })).toEqual({ reason: "limit" });
    expect(machine.instructions).toBeLessThan(10);
  });
});

describe("Machine, options", () => {
  it("refuses a processor model that it does not know, naming what there is", () => {
    expect(() => new Machine({ cpu: "max,-la75" })).toThrow(/expected a feature of .*la57.* got/);
    expect(() => new Machine({ cpu: "host" })).toThrow(/expected max/);
    expect(() => new Machine({ cpu: "max,phys-bits=53" })).toThrow(/36\.\.52/);
    expect(() => new Machine({ cpus: 0 })).toThrow(/cpus: expected 1\.\.32, got 0/);
  });

  it("takes features away", () => {
    const machine = new Machine({ cpu: "max,-la57,pku=off,phys-bits=40" });
    const { features } = (machine.processors[0] as Machine["processors"][number]).cpu.mmu.registers;
    expect([features.la57, features.pku, features.pks, features.maxPhyAddr]).toEqual([
      false,
      false,
      true,
      40,
    ]);
  });
});
