/** Finds the command, runs it, and turns what is thrown into one line and exit code 2. */
import { FormatError } from "../base/byte-source.ts";
import { ArgumentError } from "../base/errors.ts";
import { type Arguments, readArguments } from "./arguments.ts";
import { type Command, UsageError } from "./command.ts";
import { commandHelp, generalHelp } from "./help.ts";
import { type Io, type IoOptions, makeIo } from "./io.ts";
import { suggestion } from "./suggestion.ts";

export interface RunOptions extends IoOptions {
  readonly commands: readonly Command[];
  readonly version: string;
}

/**
 * @param args the command line without node and script
 * @returns the exit code: what the command says, or 2
 */
export async function run(args: readonly string[], options: RunOptions): Promise<number> {
  const [name = "", ...rest] = args;
  const plain = makeIo(options);
  const special = SPECIAL[name];
  if (special) return finish(plain, () => special(rest, options, plain));
  const command = options.commands.find((each) => each.name === name);
  if (command === undefined) {
    return finish(plain, () => {
      throw new UsageError(`unknown command ${JSON.stringify(name)}${suggest(name, options)}`);
    });
  }
  let io = plain;
  return finish(
    plain,
    async () => {
      const parsed = readArguments(rest, command.options);
      io = makeIo({ ...options, color: colorChoice(parsed) });
      try {
        return await runCommand(command, parsed, io);
      } finally {
        await io.out.flush();
        await io.err.flush();
      }
    },
    command,
  );
}

type Special = (rest: readonly string[], options: RunOptions, io: Io) => number;

const SPECIAL: Readonly<Record<string, Special>> = {
  "": noCommand,
  help,
  "--help": help,
  "-h": help,
  version,
  "--version": version,
  "-V": version,
};

function noCommand(_rest: readonly string[], { commands }: RunOptions, io: Io): number {
  io.err.line(generalHelp(commands, io.style));
  return 2;
}

function help([name]: readonly string[], options: RunOptions, io: Io): number {
  const command = options.commands.find((each) => each.name === name);
  if (name !== undefined && !command) {
    throw new UsageError(`unknown command ${JSON.stringify(name)}${suggest(name, options)}`);
  }
  io.out.line(command ? commandHelp(command, io.style) : generalHelp(options.commands, io.style));
  return 0;
}

function version(_rest: readonly string[], options: RunOptions, io: Io): number {
  io.out.line(options.version);
  return 0;
}

async function runCommand(command: Command, args: Arguments, io: Io): Promise<number> {
  if (args.has("help")) {
    io.out.line(commandHelp(command, io.style));
    return 0;
  }
  const given = args.operands.length;
  const required = command.operands.filter((operand) => !operand.startsWith("["));
  if (given < required.length) throw new UsageError(`${required[given]} is missing`);
  if (given > command.operands.length && !command.operands.at(-1)?.includes("...")) {
    const extra = JSON.stringify(args.operands[command.operands.length]);
    throw new UsageError(
      `expected ${command.operands.join(" ") || "no operand"}, got ${extra} too`,
    );
  }
  return command.run(args, io);
}

/** Runs `action`; whatever it throws becomes one line on stderr. */
async function finish(
  io: Io,
  action: () => number | Promise<number>,
  command?: Command,
): Promise<number> {
  const who = command ? `pml5 ${command.name}` : "pml5";
  let code = 2;
  try {
    code = await action();
  } catch (error) {
    io.err.line(`${who}: ${messageOf(error)}`);
    if (error instanceof UsageError) io.err.line(`see ${who} --help`);
  }
  await io.out.flush();
  await io.err.flush();
  return code;
}

function messageOf(error: unknown): string {
  const { message, stack } = error as Error;
  const line = String(message).split("\n", 1)[0] ?? "";
  const expected = [UsageError, FormatError, ArgumentError].some((kind) => error instanceof kind);
  if (expected) return line;
  return process.env.PML5_DEBUG ? String(stack) : `${line} (PML5_DEBUG=1 shows where)`;
}

function colorChoice(args: Arguments): boolean | undefined {
  if (args.has("no-color")) return false;
  return args.has("color") ? true : undefined;
}

function suggest(name: string, { commands }: RunOptions): string {
  return suggestion(name, [...commands.map((command) => command.name), "help"]);
}
