/** Runs the command line inside the test, its outputs in strings. */
import type { Command } from "../../src/cli/command.ts";
import { dumpsCommand } from "../../src/cli/commands/dumps.ts";
import { mapsCommand } from "../../src/cli/commands/maps.ts";
import { scenarioCommand } from "../../src/cli/commands/scenario.ts";
import { startCommand } from "../../src/cli/commands/start.ts";
import { statsCommand } from "../../src/cli/commands/stats.ts";
import { walkCommand } from "../../src/cli/commands/walk.ts";
import { run } from "../../src/cli/run.ts";

const COMMANDS = [
  startCommand,
  dumpsCommand,
  walkCommand,
  mapsCommand,
  statsCommand,
  scenarioCommand,
];

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Terminal {
  readonly isTerminal?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly commands?: readonly Command[];
}

export async function pml5(args: readonly string[], terminal: Terminal = {}): Promise<Ran> {
  let out = "";
  let err = "";
  const sink = (write: (text: string) => void) => ({
    write,
    isTerminal: terminal.isTerminal ?? false,
    columns: 100,
  });
  const code = await run(args, {
    commands: terminal.commands ?? COMMANDS,
    version: "1.2.3",
    out: sink((text) => {
      out += text;
    }),
    err: sink((text) => {
      err += text;
    }),
    env: terminal.env ?? {},
  });
  return { code, out, err };
}

export function dataPath(levels: 4 | 5, kind: "elf" | "info-tlb.txt"): string {
  const url = new URL(`../../examples/data/linux-6.1-${levels}level.${kind}.gz`, import.meta.url);
  return url.pathname;
}
