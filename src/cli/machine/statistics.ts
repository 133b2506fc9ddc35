/** What `pml5 run --stats` prints. */
import { byteSize } from "../../base/hex.ts";
import type { Machine } from "../../machine/machine.ts";
import type { MmuStatistics } from "../../mmu/statistics.ts";
import { type Style, table } from "../style.ts";
import { vectorName } from "./vector-names.ts";

export class MachineStatistics {
  readonly #machine: Machine;
  readonly #started = performance.now();
  /** Exceptions and interrupts by vector. */
  readonly #events = new Map<number, number>();

  constructor(machine: Machine) {
    this.#machine = machine;
    for (const { cpu } of machine.processors) {
      const other = cpu.onEvent;
      cpu.onEvent = (event) => {
        other?.(event);
        this.#events.set(event.vector, (this.#events.get(event.vector) ?? 0) + 1);
      };
    }
  }

  lines(style: Style): string[] {
    const machine = this.#machine;
    const seconds = (performance.now() - this.#started) / 1000;
    const { instructions } = machine;
    const name = (text: string) => style.paint("name", text);
    const rows = [
      [name("instructions"), instructions.toLocaleString("en")],
      [name("host time"), `${seconds.toFixed(2)} s, ${mips(instructions, seconds)} MIPS`],
      [name("guest time"), `${(machine.time / 1e9).toFixed(6)} s`],
    ];
    machine.processors.forEach(({ cpu }, index) => {
      const who = machine.processors.length > 1 ? `cpu${index} ` : "";
      rows.push(...mmuRows(cpu.mmu.statistics()).map(([what, text]) => [name(who + what), text]));
    });
    const events = [...this.#events].sort(([a], [b]) => a - b);
    rows.push([
      name("events"),
      events.map(([vector, count]) => `${vectorName(vector)} ${count}`).join(", ") || "none",
    ]);
    return table(rows);
  }
}

function mips(instructions: number, seconds: number): string {
  return (instructions / seconds / 1e6).toFixed(0);
}

function mmuRows(s: MmuStatistics): [string, string][] {
  const hits = [...s.tlbHits.values()].reduce((sum, count) => sum + count, 0);
  const bySize = [...s.tlbHits].map(([bytes, count]) => `${byteSize(bytes)} ${count}`);
  const upper = s.upperHits.reduce((sum, count) => sum + count, 0);
  const read = s.entriesRead.map((count, level) => (level > 0 ? `L${level} ${count}` : ""));
  const faults = Object.entries(s.faults).filter(([, count]) => count > 0);
  const flushes = [...s.invalidations].map(([what, count]) => `${what} ${count}`);
  return [
    ["walks", `${s.walks}; entries read: ${read.filter((text) => text).join(", ")}`],
    ["TLB", `${rate(hits, s.tlbMisses)} behind the fast table (${bySize.join(", ") || "no hits"})`],
    ["upper caches", rate(upper, s.upperMisses)],
    ["MMU faults", faults.map(([kind, count]) => `${kind} ${count}`).join(", ") || "none"],
    ["invalidations", flushes.join(", ") || "none"],
  ];
}

function rate(hits: number, misses: number): string {
  const all = hits + misses;
  return all === 0 ? "unused" : `${((100 * hits) / all).toFixed(1)} % of ${all} hit`;
}
