/** What a command of the command line is: data, and one function. */
import type { Arguments } from "./arguments.ts";
import type { Io } from "./io.ts";

export interface OptionSpec {
  /** The value's name in the help, such as `HEX`; none: the option is a switch. */
  readonly value?: string;
  readonly short?: string;
  readonly help: string;
}

export type Options = Readonly<Record<string, OptionSpec>>;

export interface Command {
  readonly name: string;
  /** One line for the list of commands, without a full stop. */
  readonly summary: string;
  /** Names of the arguments that are no options, in order: `["FILE", "ADDRESS"]`. */
  readonly operands: readonly string[];
  readonly options: Options;
  /** Paragraphs for the command's own help. */
  readonly details: string;
  /** Command lines without `pml5`, each with what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /**
   * @returns the exit code: 0, or 1 when what was asked is answered with no (a walk faults,
   *   something suspicious was found)
   * @throws UsageError, FormatError, ArgumentError: one line and exit code 2
   */
  run(args: Arguments, io: Io): number | Promise<number>;
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}

/** Options that every command has. */
export const COMMON_OPTIONS: Options = {
  color: { help: "colour even if the output is no terminal" },
  "no-color": { help: "no colour; so does NO_COLOR in the environment" },
  help: { short: "h", help: "this text" },
};
