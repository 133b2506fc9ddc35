/** Tells why the machine stopped, on stderr; of a triple fault everything that is known. */
import { hex, hex64 } from "../../base/hex.ts";
import type { Cpu } from "../../cpu/cpu.ts";
import type { DeliveredEvent, ShutdownCause } from "../../cpu/event.ts";
import { VECTOR } from "../../cpu/faults.ts";
import { CONTROL } from "../../cpu/layout.ts";
import { explainFault } from "../../inspect/explain-walk.ts";
import { GENERAL_REGISTERS, SEGMENT_REGISTERS } from "../../machine/boot/entry-state.ts";
import { disassemble } from "../../machine/disassemble.ts";
import type { Machine } from "../../machine/machine.ts";
import type { MachineStop } from "../../machine/stop.ts";
import { describeAccess, FETCH, READ, USER, WRITE } from "../../mmu/access.ts";
import { PF_ERROR } from "../../mmu/fault.ts";
import type { Io } from "../io.ts";
import { stepTable } from "../walk-text.ts";
import { codeBytes } from "./code.ts";
import { vectorName } from "./vector-names.ts";

export async function stopLines(machine: Machine, stop: MachineStop, io: Io): Promise<string[]> {
  switch (stop.reason) {
    case "triple-fault":
      return tripleFaultLines(machine, stop.cpu, stop.cause, io);
    case "reset":
      return [`pml5 run: the guest asked for a reset (${stop.source})`];
    case "limit":
      return ["pml5 run: --max-instructions have run"];
    case "halted":
      return ["pml5 run: all processors are halted with interrupts off"];
    case "idle":
      return ["pml5 run: all processors are halted and no timer is armed"];
    case "exhausted":
      return [`pml5 run: ${stop.message}`];
    default:
      return [];
  }
}

async function tripleFaultLines(
  machine: Machine,
  index: number,
  cause: ShutdownCause,
  io: Io,
): Promise<string[]> {
  const { cpu } = machine.processors[index] as Machine["processors"][number];
  const chain = cause.events.map(eventText).join(", then ");
  const bytes = codeBytes(cpu);
  const [instruction] = await disassemble(bytes, cause.rip, cpu.codeWidth, 1);
  const code = instruction
    ? `${hex64(cause.rip)}  ${instruction.text}`
    : `${hex64(cause.rip)}  (not mapped)`;
  const lines = [
    `${io.style.paint("bad", "triple fault")} on processor ${index}: ${chain}`,
    code,
    "",
    ...registerLines(cpu),
  ];
  for (const event of cause.events) {
    if (event.vector === VECTOR.PF && event.faultLinear !== undefined) {
      lines.push("", ...walkLines(cpu, event, io));
    }
  }
  return lines;
}

function eventText({ vector, errorCode, faultLinear }: DeliveredEvent): string {
  const code = errorCode === undefined ? "" : `(${hex(errorCode)})`;
  const address = faultLinear === undefined ? "" : ` at ${hex64(faultLinear)}`;
  return vectorName(vector) + code + address;
}

export function registerLines(cpu: Cpu): string[] {
  const { state, mmu } = cpu;
  const cells = GENERAL_REGISTERS.map((name, i) => `${name.padEnd(3)} ${hex64(state.gpr(i))}`);
  cells.push(`rip ${hex64(state.rip)}`, `rfl ${hex64(BigInt(state.flags))}`);
  cells.push(`cr0 ${hex64(mmu.cr0 >>> 0)}`, `cr2 ${hex64(state.get64(CONTROL.cr2))}`);
  cells.push(`cr3 ${hex64(mmu.cr3)}`, `cr4 ${hex64(mmu.cr4 >>> 0)}`);
  cells.push(`efer ${hex(mmu.efer)}`, `cpl ${cpu.cpl}`);
  const lines: string[] = [];
  for (let i = 0; i < cells.length; i += 4) lines.push(cells.slice(i, i + 4).join("  "));
  SEGMENT_REGISTERS.forEach((name, i) => {
    const { selector, base, limit, rights } = state.segment(i);
    const where = `base ${hex64(base)} limit ${hex(limit)} rights ${hex(rights)}`;
    lines.push(`${name.padEnd(4)} ${hex(selector).padEnd(6)} ${where}`);
  });
  for (const [name, base, limit] of [
    ["gdtr", CONTROL.gdtBase, CONTROL.gdtLimit],
    ["idtr", CONTROL.idtBase, CONTROL.idtLimit],
  ] as const) {
    lines.push(`${name}        base ${hex64(state.get64(base))} limit ${hex(state.get32(limit))}`);
  }
  return lines;
}

function walkLines(cpu: Cpu, event: DeliveredEvent, io: Io): string[] {
  const linear = event.faultLinear as bigint;
  const code = event.errorCode ?? 0;
  const kind = code & PF_ERROR.ID ? FETCH : code & PF_ERROR.WR ? WRITE : READ;
  const access = kind | (code & PF_ERROR.US ? USER : 0);
  const { mode } = cpu.mmu;
  const result = cpu.mmu.explain(linear, access);
  const question = { mode, registers: cpu.mmu.registers.now, linear, access };
  const why = result.fault === 0 ? "the tables allow it now" : explainFault(result, question);
  return [
    `walk of ${hex64(linear)} for a ${describeAccess(access)}: ${why}`,
    ...stepTable(result, mode, io.style),
  ];
}
