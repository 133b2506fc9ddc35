import { describe, expect, it } from "vitest";
import * as aml from "../../../src/machine/acpi/aml.ts";
import { dsdtBody } from "../../../src/machine/acpi/dsdt.ts";
import * as resources from "../../../src/machine/acpi/resources.ts";
import { writeAcpiTables } from "../../../src/machine/acpi/tables.ts";
import { machineMemory } from "../boot/images.ts";

const DSDT = {
  memorySlots: 4,
  hotplugPort: 0xa00,
  serialPort: 0x3f8,
  serialIrq: 4,
  pciMemoryBase: 0xc0000000,
  pciMemoryEnd: 0xfec00000,
};
const OPTIONS = {
  dsdt: DSDT,
  fadt: {
    sciIrq: 9,
    smiPort: 0xb2,
    pm1EventPort: 0x600,
    pm1ControlPort: 0x604,
    pmTimerPort: 0x608,
    gpe0Port: 0x620,
    resetPort: 0xcf9,
    resetValue: 6,
  },
  madt: {
    localApicBase: 0xfee00000,
    ioApicBase: 0xfec00000,
    apicIds: [0, 300],
    overrides: [{ irq: 0, gsi: 2, level: false }],
  },
};

const latin = (...codes: number[]) => String.fromCharCode(...codes);

describe("AML emitter", () => {
  it("writes names with their prefixes", () => {
    expect(aml.path("_SB")).toEqual([0x5f, 0x53, 0x42, 0x5f]);
    expect(aml.path("\\_SB.PCI0").slice(0, 3)).toEqual([0x5c, 0x2e, 0x5f]);
    expect(aml.path("^A.B.C").slice(0, 4)).toEqual([0x5e, 0x2f, 3, 0x41]);
    expect(aml.path("\\")).toEqual([0x5c, 0x00]);
    expect(() => aml.path("abcd")).toThrow("AML path: expected segments of 1..4 capitals");
    expect(() => aml.path("ABCDE")).toThrow("AML path");
  });

  it("writes numbers in their shortest form", () => {
    expect([0, 1, 2, 255].map(aml.int)).toEqual([[0], [1], [0x0a, 2], [0x0a, 255]]);
    expect(aml.int(0x1234)).toEqual([0x0b, 0x34, 0x12]);
    expect(aml.int(0x12345678)).toEqual([0x0c, 0x78, 0x56, 0x34, 0x12]);
    expect(aml.int(0x8000000000)).toEqual([0x0e, 0, 0, 0, 0, 0x80, 0, 0, 0]);
  });

  it("counts a package's length with its own bytes", () => {
    const scope = (bytes: number) => aml.scope("AAAA", [new Array(bytes).fill(0)]);
    expect(scope(58).slice(0, 2)).toEqual([0x10, 0x3f]);
    expect(scope(59).slice(0, 3)).toEqual([0x10, 0x41, 0x04]);
    expect(scope(4095 - 6).slice(0, 3)).toEqual([0x10, 0x4f, 0xff]);
    expect(scope(4096 - 6).slice(0, 4)).toEqual([0x10, 0x81, 0x00, 0x01]);
  });

  it("writes methods, conditions and compressed identifiers", () => {
    expect(aml.method("_STA", 0, [aml.returnOf(aml.int(15))])).toEqual([
      0x14, 0x09, 0x5f, 0x53, 0x54, 0x41, 0x00, 0xa4, 0x0a, 0x0f,
    ]);
    expect(aml.when(aml.equal(aml.arg(0), aml.int(1)), [aml.notify("MP00", aml.arg(1))])).toEqual([
      0xa0, 0x0a, 0x93, 0x68, 0x01, 0x86, 0x4d, 0x50, 0x30, 0x30, 0x69,
    ]);
    expect(aml.eisaId("PNP0C80")).toEqual([0x0c, 0x41, 0xd0, 0x0c, 0x80]);
  });

  it("writes fields with gaps and lengths", () => {
    expect(
      aml.fields("R", 0x41, [
        [undefined, 160],
        ["A", 1],
      ]),
    ).toEqual([
      ...[0x5b, 0x81, 0x0e, 0x52, 0x5f, 0x5f, 0x5f, 0x41],
      ...[0x00, 0x40, 0x0a, 0x41, 0x5f, 0x5f, 0x5f, 0x01],
    ]);
  });

  it("writes a memory range whose numbers lie where they are filled in", () => {
    const bytes = resources.ramRange(0x8000000000, 0x800fffffff);
    expect(bytes).toHaveLength(46);
    expect(bytes.slice(0, 3)).toEqual([0x8a, 0x2b, 0x00]);
    const at = (from: number) => bytes.slice(from, from + 8);
    expect(at(resources.RAM_RANGE.minimum)).toEqual([0, 0, 0, 0, 0x80, 0, 0, 0]);
    expect(at(resources.RAM_RANGE.maximum)).toEqual([0xff, 0xff, 0xff, 0x0f, 0x80, 0, 0, 0]);
    expect(at(resources.RAM_RANGE.length)).toEqual([0, 0, 0, 0x10, 0, 0, 0, 0]);
  });
});

describe("ACPI tables", () => {
  const memory = machineMemory();
  const rsdp = writeAcpiTables(memory, OPTIONS);
  const read = (at: number, bytes: number) => {
    const into = new Uint8Array(bytes);
    memory.readBytes(at, into);
    return into;
  };
  const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => total + byte, 0) & 0xff;
  const tableAt = (at: number) => read(at, memory.read32(at + 4));
  const xsdt = tableAt(Number(memory.read64(rsdp + 24)));
  const listed = [0, 1].map((i) => {
    const view = new DataView(xsdt.buffer);
    return tableAt(Number(view.getBigUint64(36 + 8 * i, true)));
  });
  const [fadt, madt] = listed as [Uint8Array, Uint8Array];

  it("begin with a root pointer on a paragraph below 1 MiB, whose sums are 0", () => {
    expect(rsdp).toBe(0xe0000);
    expect(latin(...read(rsdp, 8))).toBe("RSD PTR ");
    expect([sum(read(rsdp, 20)), sum(read(rsdp, 36))]).toEqual([0, 0]);
  });

  it("are reached through XSDT and RSDT alike, each with its sum 0", () => {
    const rsdt = tableAt(memory.read32(rsdp + 16));
    expect(listed.map((bytes) => latin(...bytes.subarray(0, 4)))).toEqual(["FACP", "APIC"]);
    const both = [xsdt, rsdt, fadt, madt, tableAt(new DataView(fadt.buffer).getUint32(40, true))];
    expect(both.map(sum)).toEqual([0, 0, 0, 0, 0]);
    expect(rsdt.subarray(36, 40)).toEqual(xsdt.subarray(36, 40));
  });

  it("tell the fixed hardware in the FADT", () => {
    const view = new DataView(fadt.buffer);
    expect(fadt).toHaveLength(268);
    expect([46, 109].map((at) => view.getUint16(at, true))).toEqual([9, 5]);
    expect([48, 56, 64, 76, 80, 112, 120].map((at) => view.getUint32(at, true))).toEqual([
      0xb2, 0x600, 0x604, 0x608, 0x620, 0x465, 0xcf9,
    ]);
    expect([52, 53, 88, 89, 91, 92, 108, 116, 128].map((at) => view.getUint8(at))).toEqual([
      2, 3, 4, 2, 4, 16, 0x32, 1, 6,
    ]);
    const facs = view.getUint32(36, true);
    expect([facs % 64, latin(...read(facs, 4))]).toEqual([0, "FACS"]);
    expect(view.getBigUint64(140, true)).toBe(BigInt(view.getUint32(40, true)));
  });

  it("list processors, the I/O APIC, overrides and the NMI pin in the MADT", () => {
    expect([...madt.subarray(36)]).toEqual([
      ...[0, 0, 0xe0, 0xfe, 1, 0, 0, 0],
      ...[0, 8, 0, 0, 1, 0, 0, 0],
      ...[9, 16, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0],
      ...[1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0],
      ...[2, 10, 0, 0, 2, 0, 0, 0, 5, 0],
      ...[4, 6, 0xff, 5, 0, 1],
    ]);
  });

  it("have a DSDT of terms that nest exactly", () => {
    const code = dsdtBody(DSDT);
    // Top level: Name(\_S5_, Package), then three scopes, each of which ends where the next begins.
    expect([...code.subarray(0, 14)]).toEqual([
      0x08, 0x5c, 0x5f, 0x53, 0x35, 0x5f, 0x12, 0x07, 0x04, 0x0a, 0x05, 0x00, 0x00, 0x00,
    ]);
    const ends = [];
    for (let at = 14; at < code.length; ) {
      expect(code[at]).toBe(0x10);
      const lead = code[at + 1] as number;
      const more = lead >> 6;
      let length = more === 0 ? lead : lead & 15;
      for (let i = 0; i < more; i++) length += (code[at + 2 + i] as number) << (4 + 8 * i);
      at += 1 + length;
      ends.push(at);
    }
    expect(ends).toHaveLength(3);
    expect(ends.at(-1)).toBe(code.length);
  });

  it("name every slot, and fit with the most slots there can be", () => {
    const text = (slots: number) => latin(...dsdtBody({ ...DSDT, memorySlots: slots }));
    // Each slot is named by its device and by the Notify that reaches it.
    expect(text(2).match(/MP[0-9A-F]{2}/g)).toEqual(["MP00", "MP01", "MP00", "MP01"]);
    expect(text(0)).not.toContain("MHPC");
    const full = { ...OPTIONS, dsdt: { ...DSDT, memorySlots: 256 } };
    expect(writeAcpiTables(machineMemory(), full)).toBe(0xe0000);
  });
});
