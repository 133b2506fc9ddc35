import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runCommand } from "../../src/cli/commands/run.ts";
import { EXPECTED } from "../guests/expected.ts";
import { guestPath } from "../guests/guest-run.ts";
import { assemble } from "../support/listing.ts";
import { pml5 } from "./harness.ts";

const folder = mkdtempSync(join(tmpdir(), "pml5-run-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]) => pml5(["run", ...args], { commands: [runCommand] });

/** A flat image at 1 MiB. */
function image(name: string, listing: string): string {
  const path = join(folder, name);
  writeFileSync(path, assemble(0x100000, listing).bytes);
  return path;
}

describe("pml5 run", () => {
  it("prints the serial port and ends with the guest's exit code", async () => {
    const { code, out, err } = await run(guestPath("faults", 5));
    expect(out.split("\n").slice(0, -1)).toEqual(EXPECTED.faults?.(5));
    expect([code, err]).toEqual([1, ""]);
  });

  it("runs plain bytes, and says that the limit is reached", async () => {
    const endless = image("endless", "again: eb rel8:again");
    const { code, err } = await run(
      ...[endless, "--flat", "long@100000", "--max-instructions", "1000", "--stats"],
    );
    expect(code).toBe(8);
    expect(err).toContain("pml5 run: --max-instructions have run\n");
    expect(err).toMatch(/^instructions +1,000$/m);
    expect(err).toMatch(/^walks +1;/m);
  });

  it("shows of a triple fault the events, the instruction, the registers and the walk", async () => {
    // mov rax, [5 GiB]: the boot tables map 4 GiB, and there is no interrupt table.
    const faulting = image("faulting", "48 a1 10 00 00 40 01 00 00 00");
    const { code, err } = await run(faulting, "--flat", "long@100000");
    expect(code).toBe(4);
    const lines = err.split("\n");
    expect(lines[0]).toBe(
      "triple fault on processor 0: #PF(0x0) at 0000000140000010, then #GP(0x73), " +
        "then #DF(0x0), then #GP(0x43)",
    );
    expect(lines[1]).toBe("0000000000100000  mov rax, [0x140000010]");
    expect(err).toContain("cr2 0000000140000010");
    expect(err).toContain("walk of 0000000140000010 for a supervisor read: ");
    expect(err).toMatch(/^PDPTE +5 .* not present +page fault$/m);
  });

  it("traces instructions, events and walks", async () => {
    const two = image("two", "90 0f 0b");
    const flat = ["--flat", "long@100000"];
    const exec = await run(two, ...flat, "--trace", "exec");
    expect(exec.err.split("\n").slice(0, 2)).toEqual([
      "0000000000100000  nop",
      "0000000000100001  ud2",
    ]);
    const int = await run(two, ...flat, "--trace", "int");
    expect(int.err.split("\n")[0]).toBe("fault #UD at 0x8:0000000000100001");
    const mmu = await run(two, ...flat, "--trace", "mmu");
    expect(mmu.err.split("\n")[0]).toBe("walk 0000000000100000 supervisor fetch: none");
  });

  it("names what it cannot use in one line, with exit code 2", async () => {
    const text = image("text", "90 90 90 90");
    for (const [args, message] of [
      [["/nowhere"], "/nowhere: no such file"],
      [[text], "expected a Linux bzImage, a multiboot kernel or an ELF64 file"],
      [[text, "--cpu", "max,-foo"], "cpu: expected a feature of"],
      [[text, "--memory", "1M"], "ramBytes: expected whole pages, at least 2 MiB"],
      [[text, "--dimm", "256M"], "--dimm: expected SIZE@ADDRESS"],
      [[text, "--flat", "odd@0"], "--flat: expected real, protected or long"],
      [[text, "--trace", "all"], "--trace: expected one of mmu, exec, int"],
      [[text, "--tlb", "big"], "--tlb: expected one of default, none, lazy"],
    ] as const) {
      const args2 = message.startsWith("--trace") ? [...args, "--flat", "real@7c00"] : args;
      const { code, err } = await run(...args2);
      expect(err).toContain(message);
      expect(code).toBe(2);
    }
  });
});
