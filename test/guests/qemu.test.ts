/**
 * The same guests on QEMU (TCG), where it is installed: an independent reading of the manual.
 * What is excepted is where QEMU 7.2 is known to be wrong, or where the manual leaves room.
 */
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { EXPECTED, smp } from "./expected.ts";
import { guestPath, linesOf } from "./guest-run.ts";

const QEMU = "qemu-system-x86_64";
const TIMEOUT_MS = 8_000;

const version = spawnSync(QEMU, ["--version"], { encoding: "utf8" });
const isInstalled = version.status === 0;
if (!isInstalled) console.log(`skipped: ${QEMU} is not installed`);

/** Lines that differ, by how they begin, with the reason; `until` is where QEMU loses the thread. */
interface Exceptions {
  readonly lines: Readonly<Record<string, string>>;
  readonly until?: string;
  readonly cpus?: number;
}

const GUESTS: Readonly<Record<string, Exceptions>> = {
  faults: {
    lines: {
      "read, reserved bit": "RSVD comes without P",
      "user write, reserved bit": "RSVD comes without P",
      "PKRS AD: user read": "PK only where the other rights allow the access",
      "stack segment, not canonical": "#GP instead of #SS by rBP",
    },
  },
  levels: { lines: {}, until: "PG cleared in 64-bit mode" },
  tlb: { lines: { may: "another TLB" }, until: "may: PCID 1 kept" },
  events: {
    lines: {
      "INT 0x81, DPL 0": "the index is multiplied by 16 instead of 8",
      "UD2 without a gate": "the index is multiplied by 16, EXT is missing",
      "RFLAGS after SYSRET": "RF is not set in the image of a fault",
      "in ring 0": "SYSRET faults in ring 3, as AMD's does",
    },
    until: "LSTAR not canonical",
  },
  smc: { lines: {} },
  smp: { lines: { may: "another TLB" }, cpus: 2 },
};

function onQemu(name: string, depth: 4 | 5, cpus: number): string[] {
  const options = [
    ...["-cpu", "max", "-smp", String(cpus), "-display", "none", "-no-reboot"],
    ...["-serial", "stdio", "-monitor", "none"],
    ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", guestPath(name, depth)],
  ];
  const { stdout } = spawnSync(QEMU, options, {
    encoding: "latin1",
    timeout: TIMEOUT_MS,
    stdio: ["ignore", "pipe", "ignore"],
    killSignal: "SIGKILL",
  });
  return linesOf(stdout);
}

/** Without the excepted lines, and up to where QEMU goes astray. */
function comparable(lines: readonly string[], { lines: excepted, until }: Exceptions): string[] {
  const end = until === undefined ? -1 : lines.findIndex((line) => line.startsWith(until));
  const before = end < 0 ? lines : lines.slice(0, end);
  return before.filter((line) => !Object.keys(excepted).some((start) => line.startsWith(start)));
}

describe.skipIf(!isInstalled)("Guests on QEMU", () => {
  for (const [name, exceptions] of Object.entries(GUESTS)) {
    // A guest that QEMU cannot finish hangs until the time is over.
    const isLong = exceptions.until !== undefined && process.env.PML5_TEST_ALL !== "1";
    it.skipIf(isLong).each([4, 5] as const)(
      `${name} says the same, %i levels`,
      (depth) => {
        const expected = name === "smp" ? smp(true) : (EXPECTED[name]?.(depth) ?? []);
        const qemu = onQemu(name, depth, exceptions.cpus ?? 1);
        expect(comparable(qemu, exceptions)).toEqual(comparable(expected, exceptions));
      },
      TIMEOUT_MS * 2,
    );
  }
});
