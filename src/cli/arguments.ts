/** Reads a command's arguments by its table of options. */
import { parseArgs } from "node:util";
import { COMMON_OPTIONS, type Options, UsageError } from "./command.ts";
import { suggestion } from "./suggestion.ts";

export class Arguments {
  readonly operands: readonly string[];
  readonly #values: ReadonlyMap<string, readonly (string | true)[]>;

  constructor(
    operands: readonly string[],
    values: ReadonlyMap<string, readonly (string | true)[]>,
  ) {
    this.operands = operands;
    this.#values = values;
  }

  /** Whether the option was given, be it a switch or with a value. */
  has(option: string): boolean {
    return this.#values.has(option);
  }

  /** The option's value; the last one if it was given several times. */
  text(option: string): string | undefined {
    return this.texts(option).at(-1);
  }

  /** The option's values in order, if it may be given several times. */
  texts(option: string): string[] {
    const values = this.#values.get(option) ?? [];
    return values.filter((value) => value !== true);
  }

  /** The option's value as `read` understands it; `read` throws a UsageError. */
  value<T>(option: string, read: (text: string, what: string) => T): T | undefined {
    const text = this.text(option);
    return text === undefined ? undefined : read(text, `--${option}`);
  }

  /** The option's value, which must be one of `choices`; the first one if it was not given. */
  choice<T extends string>(option: string, choices: readonly [T, ...T[]]): T {
    const text = this.text(option) ?? choices[0];
    const found = choices.find((choice) => choice === text);
    if (found === undefined) {
      const expected = choices.join(", ");
      throw new UsageError(`--${option}: expected one of ${expected}, got ${JSON.stringify(text)}`);
    }
    return found;
  }
}

/**
 * @param own the command's options, beside the common ones
 * @throws UsageError for an option that is unknown, lacks its value, or has one too many
 */
export function readArguments(args: readonly string[], own: Options): Arguments {
  const specs: Options = { ...own, ...COMMON_OPTIONS };
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { value, short }]) => [
      name,
      { type: value ? ("string" as const) : ("boolean" as const), ...(short ? { short } : {}) },
    ]),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const operands: string[] = [];
  const values = new Map<string, (string | true)[]>();
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (spec === undefined) throw unknownOption(token.rawName, specs);
    if (spec.value === undefined && token.value !== undefined) {
      throw new UsageError(`${token.rawName} takes no value, got ${JSON.stringify(token.value)}`);
    }
    if (spec.value !== undefined && (token.value ?? "--").startsWith("--")) {
      throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${spec.value}`);
    }
    values.set(token.name, [...(values.get(token.name) ?? []), token.value ?? true]);
  }
  return new Arguments(operands, values);
}

function unknownOption(rawName: string, specs: Options): UsageError {
  const names = Object.keys(specs).map((name) => `--${name}`);
  return new UsageError(`unknown option ${rawName}${suggestion(rawName, names)}`);
}
