import { describe, expect, it } from "vitest";
import { debugConsole, debugExit, PostCode } from "../../../src/machine/devices/debug-ports.ts";
import { I8042 } from "../../../src/machine/devices/i8042.ts";
import { ResetControl, SystemControlA } from "../../../src/machine/devices/reset-ports.ts";
import { recordingControl } from "./recording-control.ts";

describe("Debug ports", () => {
  it("keeps the POST code", () => {
    const post = new PostCode();
    post.write(0, 1, 0x42);
    expect(post.read()).toBe(0x42);
  });

  it("passes the console's bytes on and reads 0xE9", () => {
    const bytes: number[] = [];
    const port = debugConsole((byte) => bytes.push(byte));
    port.write(0, 1, 0x41);
    expect([bytes, port.read(0, 1)]).toEqual([[0x41], 0xe9]);
  });

  it("exits with twice the value plus one, as a process can", () => {
    const control = recordingControl();
    for (const value of [0, 0x10, 0x7f, 0xffffffff]) debugExit(control).write(0, 4, value);
    expect(control.log).toEqual(["exit 1", "exit 33", "exit 255", "exit 255"]);
  });
});

describe("8042", () => {
  it("passes its tests and keeps its command byte", () => {
    const kbc = new I8042(recordingControl());
    kbc.write(4, 1, 0xaa);
    expect(kbc.read(4)).toBe(0x1d);
    expect([kbc.read(0), kbc.read(4)]).toEqual([0x55, 0x1c]);
    kbc.write(4, 1, 0xab);
    expect(kbc.read(0)).toBe(0);
    kbc.write(4, 1, 0x60);
    kbc.write(0, 1, 0x47);
    kbc.write(4, 1, 0xad);
    kbc.write(4, 1, 0x20);
    expect(kbc.read(0)).toBe(0x57);
  });

  it("leaves a keyboard command unanswered: nothing is plugged in", () => {
    const kbc = new I8042(recordingControl());
    kbc.write(0, 1, 0xff);
    expect(kbc.read(4)).toBe(0x14);
  });

  it("resets by a pulse on line 0 and by the output port, not by other pulses", () => {
    const control = recordingControl();
    const kbc = new I8042(control);
    kbc.write(4, 1, 0xff);
    kbc.write(4, 1, 0xfe);
    kbc.write(4, 1, 0xd1);
    kbc.write(0, 1, 0x02);
    expect(control.log).toEqual([
      "reset: keyboard controller",
      "reset: keyboard controller output port",
    ]);
  });

  it("echoes what 0xD2 puts into the output buffer, and drops a command's argument by another", () => {
    const kbc = new I8042(recordingControl());
    kbc.write(4, 1, 0xd2);
    kbc.write(0, 1, 0x99);
    expect(kbc.read(0)).toBe(0x99);
    kbc.write(4, 1, 0xd1);
    kbc.write(4, 1, 0xd0);
    expect(kbc.read(0)).toBe(0x03);
    kbc.reset();
    expect(kbc.state.configuration).toBe(0x74);
  });
});

describe("Reset ports", () => {
  it("resets on the rising bit 0 of port 0x92 only", () => {
    const control = recordingControl();
    const port = new SystemControlA(control);
    port.write(0, 1, 0x00);
    expect(port.read()).toBe(0);
    port.write(0, 1, 0x03);
    port.write(0, 1, 0x03);
    expect(control.log).toEqual(["reset: port 0x92"]);
  });

  it("resets on a rising bit 2 of port 0xCF9, as 0x02 then 0x06 does", () => {
    const control = recordingControl();
    const port = new ResetControl(control);
    port.write(0x02);
    expect([control.log, port.read()]).toEqual([[], 0x02]);
    port.write(0x06);
    expect(control.log).toEqual(["reset: port 0xcf9"]);
  });
});
