#!/usr/bin/env node
/** The command line; each command is a thin composition of the public surface. */
import { readFileSync } from "node:fs";
import { byteSize, hex } from "../base/hex.ts";
import { TIB } from "../base/units.ts";
import { PhysicalMemory, SECTION_BYTES } from "../index.ts";

const USAGE = `usage: pml5 COMMAND

  start       plug a DIMM at 64 TiB and show what it costs
  --help      this text
  --version   the version`;

const COMMANDS: Record<string, () => number> = {
  start,
  "--help": () => print(USAGE),
  "--version": () => print(version()),
};

function start(): number {
  const memory = new PhysicalMemory();
  memory.plug(64 * TIB, SECTION_BYTES);
  memory.write64(64 * TIB, 0x1122334455667788n);
  print(`a DIMM of ${byteSize(SECTION_BYTES)} at ${hex(64 * TIB)}`);
  print(`its first word reads ${hex(memory.read64(64 * TIB))}`);
  return print(`host memory behind it: ${byteSize(memory.residentBytes)}`);
}

function version(): string {
  const manifest = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

function print(line: string): number {
  process.stdout.write(`${line}\n`);
  return 0;
}

function main(args: readonly string[]): number {
  const name = args[0] ?? "--help";
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command) return command();
  process.stderr.write(`pml5: unknown command ${JSON.stringify(name)}; see pml5 --help\n`);
  return 2;
}

process.exitCode = main(process.argv.slice(2));
