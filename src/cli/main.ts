#!/usr/bin/env node
/** The command line: the table of commands, and the process around them. */
import type { Command } from "./command.ts";
import { dumpsCommand } from "./commands/dumps.ts";
import { mapsCommand } from "./commands/maps.ts";
import { runCommand } from "./commands/run.ts";
import { scenarioCommand } from "./commands/scenario.ts";
import { startCommand } from "./commands/start.ts";
import { statsCommand } from "./commands/stats.ts";
import { walkCommand } from "./commands/walk.ts";
import type { Keyboard, Sink } from "./io.ts";
import { packageVersion } from "./package-root.ts";
import { run } from "./run.ts";

/** In the order of the help. A new command is one line here. */
const COMMANDS: readonly Command[] = [
  startCommand,
  scenarioCommand,
  runCommand,
  walkCommand,
  mapsCommand,
  statsCommand,
  dumpsCommand,
];

/** 128 + SIGPIPE: what a shell shows for a program that the pipe's reader left. */
const EXIT_PIPE_CLOSED = 141;

function sinkOf(stream: NodeJS.WriteStream): Sink {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT_PIPE_CLOSED);
    // A full disk, a terminal that is gone: what was asked for cannot be given.
    if (stream !== process.stderr) process.stderr.write(`pml5: cannot write: ${error.message}\n`);
    process.exit(2);
  });
  return {
    isTerminal: stream.isTTY === true,
    columns: stream.columns ?? 100,
    write: (text) => new Promise((resolve) => stream.write(text, () => resolve())),
  };
}

/** Standard input; nothing is read before somebody listens. */
function keyboardOf(stream: NodeJS.ReadStream): Keyboard {
  return {
    isTerminal: stream.isTTY === true,
    listen: (received, ended) => {
      if (stream.isTTY) stream.setRawMode(true);
      stream.on("data", received);
      stream.on("end", ended);
      stream.on("error", ended);
      return () => {
        if (stream.isTTY) stream.setRawMode(false);
        stream.removeListener("data", received);
        // A pipe that stays open must not keep the process.
        stream.destroy();
      };
    },
  };
}

process.exitCode = await run(process.argv.slice(2), {
  commands: COMMANDS,
  version: packageVersion(),
  out: sinkOf(process.stdout),
  err: sinkOf(process.stderr),
  keyboard: keyboardOf(process.stdin),
  env: process.env,
});
