/** `pml5 run --trace`: what happens, line by line on stderr. */
import { hex, hex64 } from "../../base/hex.ts";
import { disassemble } from "../../machine/disassemble.ts";
import type { Machine } from "../../machine/machine.ts";
import { describeAccess } from "../../mmu/access.ts";
import { describeFault } from "../../mmu/fault.ts";
import { UsageError } from "../command.ts";
import type { Io } from "../io.ts";
import { codeBytes } from "./code.ts";
import { vectorName } from "./vector-names.ts";

export const TRACES = ["mmu", "exec", "int"] as const;

/** @returns to be called at the end: prints what is still to come */
export function traceMachine(
  machine: Machine,
  kind: string | undefined,
  io: Io,
): () => Promise<void> {
  if (kind === undefined) return async () => {};
  const trace = TRACES.find((each) => each === kind);
  if (trace === undefined) {
    throw new UsageError(`--trace: expected one of ${TRACES.join(", ")}, got ${kind}`);
  }
  const line = (cpu: number, text: string) =>
    io.err.line(machine.processors.length > 1 ? `cpu${cpu} ${text}` : text);
  if (trace === "mmu") traceMmu(machine, line);
  if (trace === "int") traceEvents(machine, line);
  return trace === "exec" ? traceInstructions(machine, line) : async () => {};
}

type Line = (cpu: number, text: string) => void;

function traceMmu(machine: Machine, line: Line): void {
  machine.processors.forEach(({ cpu }, index) => {
    cpu.mmu.observer = {
      walked: (linear, access, fault) =>
        line(index, `walk ${hex64(linear)} ${describeAccess(access)}: ${describeFault(fault)}`),
      faulted: (linear, access, fault) =>
        line(index, `fault ${hex64(linear)} ${describeAccess(access)}: ${describeFault(fault)}`),
      filled: ({ physical, pageBytes, pcid, global }) => {
        const tag = global ? "global" : `pcid ${pcid}`;
        line(index, `fill ${hex(physical)} ${pageBytes} bytes ${tag}`);
      },
      invalidated: (what, linear) => line(index, `invalidate ${what} ${hex64(linear)}`),
    };
  });
}

function traceEvents(machine: Machine, line: Line): void {
  machine.processors.forEach(({ cpu }, index) => {
    cpu.onEvent = ({ vector, kind, errorCode, faultLinear }) => {
      const code = errorCode === undefined ? "" : ` error ${hex(errorCode)}`;
      const address = faultLinear === undefined ? "" : ` cr2 ${hex64(faultLinear)}`;
      const where = `${hex(cpu.state.selector(1))}:${hex64(cpu.state.rip)}`;
      line(index, `${kind} ${vectorName(vector)}${code}${address} at ${where}`);
    };
  });
}

/** Disassembly is asynchronous: code is gathered as it runs and printed in order. */
function traceInstructions(machine: Machine, line: Line): () => Promise<void> {
  let printed = Promise.resolve();
  machine.onInstruction = (index) => {
    const { cpu } = machine.processors[index] ?? {};
    if (!cpu) return;
    const bytes = codeBytes(cpu);
    const { rip } = cpu.state;
    const mode = cpu.codeWidth;
    printed = printed.then(async () => {
      const [instruction] = await disassemble(bytes, rip, mode, 1);
      line(index, `${hex64(rip)}  ${instruction?.text ?? "(not mapped)"}`);
    });
  };
  return () => printed;
}
