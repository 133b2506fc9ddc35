/** The DSDT read back by ACPICA's `iasl`, where it is installed (Debian package acpica-tools). */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dsdtBody } from "../../../src/machine/acpi/dsdt.ts";
import { table } from "../../../src/machine/acpi/tables.ts";

const installed = spawnSync("iasl", ["-v"]).status === 0;

describe.skipIf(!installed)("DSDT, disassembled by iasl", () => {
  it("means what was meant, and compiles again without errors", () => {
    const folder = mkdtempSync(join(tmpdir(), "pml5-acpi-"));
    try {
      const body = dsdtBody({
        memorySlots: 2,
        hotplugPort: 0xa00,
        serialPort: 0x3f8,
        serialIrq: 4,
        pciMemoryBase: 0xc0000000,
        pciMemoryEnd: 0xfec00000,
      });
      writeFileSync(join(folder, "dsdt.aml"), table("DSDT", 2, body));
      execFileSync("iasl", ["-d", "dsdt.aml"], { cwd: folder, stdio: "pipe" });
      const source = readFileSync(join(folder, "dsdt.dsl"), "latin1");
      const flat = source.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "").replace(/\s+/g, " ");
      for (const expected of [
        "OperationRegion (HPMR, SystemIO, 0x0A00, 0x18)",
        "{ MRBL, 32, MRBH, 32, MRLL, 32, MRLH, 32 }",
        "{ Offset (0x14), MES, 1, MINS, 1, MRMV, 1, MEJ, 1 }",
        "{ MSEL, 32, MOEV, 32, MOSC, 32 }",
        "Acquire (MLCK, 0xFFFF) MSEL = Arg0 If ((MES == One)) { Local0 = 0x0F } Release (MLCK)",
        "MINA = ((MRBH << 0x20) + MRBL) LENA = ((MRLH << 0x20) + MRLL) MAXA = (MINA + LENA)",
        "If ((MINS == One)) { MNTF (Local0, One) MINS = One }",
        "ElseIf ((MRMV == One)) { MNTF (Local0, 0x03) MRMV = One }",
        "Method (_OST, 3, NotSerialized) { MOST (One, Arg0, Arg1) }",
        "Method (_E03, 0, NotSerialized) { \\_SB.MHPC.MSCN () }",
      ]) {
        expect(flat).toContain(expected);
      }
      const again = spawnSync("iasl", ["dsdt.dsl"], { cwd: folder, encoding: "latin1" });
      expect(again.stdout).toContain("0 Errors, 0 Warnings");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
