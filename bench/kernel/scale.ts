/** Adding and removing very large ranges: what it costs the host, by the size of the range. */
import { GIB, MIB, TIB } from "../../src/base/units.ts";
import { Checker } from "../../src/check/checker.ts";
import { type BootOptions, bootKernel } from "../../src/kernel/boot.ts";
import { memremapPages, memunmapPages } from "../../src/kernel/device-memory.ts";
import { plugDimm, unplugDimm } from "../../src/kernel/hotplug.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { createProcess } from "../../src/kernel/process.ts";
import { KernelView } from "../../src/kernel/view.ts";

export interface ScaleOptions extends BootOptions {
  readonly bytes: number;
  readonly processes?: number;
  /** Whether a checker looks on. */
  readonly checked?: boolean;
}

/** A kernel with its processes, into which one range goes, and out of it again, any number of times. */
export class ScaleScene {
  readonly kernel: Kernel;
  readonly #start: number;
  readonly #bytes: number;
  readonly #checker: Checker | undefined;

  constructor({ bytes, processes = 0, checked = false, ...options }: ScaleOptions) {
    this.kernel = bootKernel({ linearBytes: 512 * MIB, ...options });
    for (let i = 0; i < processes; i++) createProcess(this.kernel);
    if (checked) this.#checker = new Checker(new KernelView(this.kernel));
    this.#bytes = bytes;
    this.#start = Math.max(bytes, GIB * 512);
    plugDimm(this.kernel, this.#start, bytes);
  }

  get sections(): number {
    return this.#bytes / (128 * MIB);
  }

  /** Host memory of the simulated RAM now, tables and what else was written. */
  get hostBytes(): number {
    return this.kernel.memory.residentBytes;
  }

  /** The memmap lies in the range itself, and its struct pages are not written. */
  add(): void {
    const options = { memmapOnDevice: true, leaveStructPages: true };
    this.#do("add", (k) => memremapPages(k, this.#start, this.#bytes, options));
  }

  remove(): void {
    this.#do("remove", (k) => memunmapPages(k, this.#start));
  }

  close(): void {
    this.#checker?.close();
    unplugDimm(this.kernel, this.#start, this.#bytes);
  }

  #do(name: string, body: (k: Kernel) => number): void {
    const { errno, message, bug } = this.kernel.operation(name, () => body(this.kernel));
    const found = this.#checker?.findings[0];
    if (errno !== 0 || bug || found) {
      throw new Error(`${name}: ${message} ${bug?.condition ?? ""} ${found?.message ?? ""}`);
    }
  }
}

/** The ranges whose cost is shown as a curve. */
export const SCALE: readonly (ScaleOptions & { readonly name: string })[] = [
  ...[1, 4, 16, 32].map((tib) => ({
    name: `4-level/1g-leaves/${tib}tib`,
    levels: 4 as const,
    bytes: tib * TIB,
  })),
  ...[1, 16, 64].map((tib) => ({
    name: `5-level/1g-leaves/${tib}tib`,
    levels: 5 as const,
    bytes: tib * TIB,
  })),
  ...[16, 64, 256].map((gib) => ({
    name: `4-level/4k-leaves/${gib}gib`,
    levels: 4 as const,
    bytes: gib * GIB,
    debugPagealloc: true,
    ramBytes: 1024 * MIB,
    linearBytes: 1536 * MIB,
  })),
];
