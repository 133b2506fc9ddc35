/** The program that runs cases on the processor at hand, and what that processor can do. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CCompiler } from "../../bench/harness/c-compiler.ts";
import { newResults, PLACE, RESULT, type Records } from "./cases.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAGIC = 0x706d_6c35;
/** Long enough for any batch on a busy host; a case that loops for ever shall not hang the test. */
const TIMEOUT_MS = 120_000;
const BREAKPOINT = 3;
const PAGE_FAULT = 14;
const PAGE_FAULT_PRESENT = 1;
/** Behind a process's last page Linux always reports a protection violation. */
const PROCESS_END = 0x7fff_ffff_f000n;

export class Native {
  readonly #program: string;
  /** Name of the processor, for reports. */
  readonly processor: string;
  readonly #flags: ReadonlySet<string>;

  private constructor(program: string, cpuinfo: string) {
    this.#program = program;
    this.processor = /^model name\s*: (.*)$/m.exec(cpuinfo)?.[1] ?? "unknown";
    this.#flags = new Set(/^flags\s*: (.*)$/m.exec(cpuinfo)?.[1]?.split(" "));
  }

  /** @returns the reason if native runs are not possible here */
  static open(): Native | string {
    if (process.arch !== "x64" || process.platform !== "linux") return "not Linux on x86-64";
    if (!existsSync("/proc/cpuinfo")) return "no /proc/cpuinfo";
    const compiler = CCompiler.find();
    if (!compiler) return "no C compiler";
    const definitions = {
      CODE_PAGE: PLACE.codePage,
      CODE_OFFSET: PLACE.code - PLACE.codePage,
      DATA: PLACE.data,
      GS_BASE: PLACE.gsBase,
      STUB_PAGE: PLACE.stubPage,
    };
    const folders = {
      sources: join(ROOT, "test", "silicon"),
      cache: join(ROOT, ".cache", "silicon"),
    };
    const program = compiler.build("native", definitions, folders);
    return new Native(program, readFileSync("/proc/cpuinfo", "utf8"));
  }

  /** Whether the processor has a CPUID feature, named as QEMU does. */
  has(feature: string): boolean {
    return feature === "" || this.#flags.has(LINUX_NAMES[feature] ?? feature.replace(".", "_"));
  }

  /** Runs all cases. @throws Error if the program fails */
  run(cases: Records, vectors: boolean): Records {
    const header = Uint32Array.of(MAGIC, cases.count, vectors ? 1 : 0, cases.mode);
    const results = newResults(cases, vectors);
    const { status, signal, stdout, stderr } = spawnSync(this.#program, [], {
      input: Buffer.concat([new Uint8Array(header.buffer), cases.bytes]),
      timeout: TIMEOUT_MS,
      maxBuffer: results.bytes.length + 4096,
    });
    if (status !== 0 || stdout.length !== results.bytes.length) {
      throw new Error(`native: status ${status}, signal ${signal}: ${stderr}`);
    }
    results.bytes.set(stdout);
    for (let index = 0; index < cases.count; index++) normalise(results, index);
    return results;
  }
}

/** Names in /proc/cpuinfo that are not QEMU's. */
const LINUX_NAMES: Readonly<Record<string, string>> = { sse3: "pni", clflush: "clflush" };

/**
 * Makes a result say the same as pml5's: INT3 behind the code is no exception, and what Linux adds
 * to a page fault is taken away.
 */
function normalise(results: Records, index: number): void {
  const { view } = results;
  const at = results.at(index);
  if (results.mode === 32) keepLowHalves(view, at);
  const trap = view.getInt32(at + RESULT.trap, true);
  if (trap === BREAKPOINT) {
    view.setInt32(at + RESULT.trap, -1, true);
    view.setBigUint64(at + RESULT.rip, view.getBigUint64(at + RESULT.rip, true) - 1n, true);
  }
  if (trap !== PAGE_FAULT) {
    view.setBigUint64(at + RESULT.cr2, 0n, true);
  } else if (view.getBigUint64(at + RESULT.cr2, true) >= PROCESS_END) {
    const error = view.getUint32(at + RESULT.error, true);
    view.setUint32(at + RESULT.error, error & ~PAGE_FAULT_PRESENT, true);
  }
}

/** Outside 64-bit mode the upper halves of registers are undefined (SDM 1, "General-Purpose Registers"). */
function keepLowHalves(view: DataView, at: number): void {
  for (let index = 0; index < 16; index++) {
    view.setUint32(at + RESULT.gpr + index * 8 + 4, 0, true);
    if (index >= 8) view.setUint32(at + RESULT.gpr + index * 8, 0, true);
  }
}
