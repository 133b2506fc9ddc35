/**
 * The local APICs' register pages in physical memory. All CPUs usually have theirs at one address
 * and each reaches only its own, so an access depends on who makes it.
 */
import { AlignmentError, OverlapError } from "../../memory/errors.ts";
import type { MmioHandler } from "../../memory/mmio.ts";
import type { PhysicalMemory } from "../../memory/physical-memory.ts";
import type { LocalApic } from "./local-apic.ts";

const WINDOW_BYTES = 4096;

export class ApicWindows {
  /** The CPU whose accesses these are; the machine sets it when it turns to another CPU. */
  current = 0;
  readonly #memory: PhysicalMemory;
  readonly #apics: LocalApic[] = [];
  /** Pages mapped now, and how to unmap them. */
  readonly #mapped = new Map<number, () => void>();

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  /** Adds the next CPU's APIC and follows its base address. */
  attach(apic: LocalApic): void {
    this.#apics.push(apic);
    apic.onMoved = () => this.#follow();
    this.#follow();
  }

  #follow(): void {
    const wanted = new Set(this.#apics.map((apic) => apic.windowBase));
    wanted.delete(-1);
    for (const [page, unmap] of this.#mapped) {
      if (wanted.has(page)) continue;
      unmap();
      this.#mapped.delete(page);
    }
    for (const page of wanted) if (!this.#mapped.has(page)) this.#map(page);
  }

  /** A page that another device has, or beyond the memory's reach, answers no APIC. */
  #map(page: number): void {
    try {
      this.#mapped.set(page, this.#memory.mapMmio(page, WINDOW_BYTES, this.#handler(page)));
    } catch (error) {
      if (!(error instanceof OverlapError || error instanceof AlignmentError)) throw error;
    }
  }

  /** A CPU whose own page is elsewhere finds nothing here. */
  #handler(page: number): MmioHandler {
    const apic = () => {
      const own = this.#apics[this.current];
      return own?.windowBase === page ? own : undefined;
    };
    return {
      read: (offset, bytes) => apic()?.readWindow(offset, bytes) ?? 0xffffffff,
      write: (offset, bytes, value) => apic()?.writeWindow(offset, bytes, value),
    };
  }
}
