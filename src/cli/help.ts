/** Help texts, made from the commands' tables. */
import { COMMON_OPTIONS, type Command, type Options } from "./command.ts";
import { type Style, table } from "./style.ts";

const ABOUT = "pml5: an x86-64 machine whose MMU you can watch";

export function generalHelp(commands: readonly Command[], style: Style): string {
  const rows = commands.map(({ name, summary }) => [`  ${style.paint("name", name)}`, summary]);
  return [
    ABOUT,
    "",
    style.paint("heading", "usage: pml5 COMMAND [OPTIONS] [OPERANDS]"),
    "",
    ...table([
      ...rows,
      [`  ${style.paint("name", "help")}`, "this text, or a command's own: pml5 help COMMAND"],
    ]),
    "",
    "exit code: 0; 1 if a walk faults or something suspicious was found; 2 for wrong usage or a",
    "file that cannot be read. pml5 --version prints the version.",
  ].join("\n");
}

export function commandHelp(command: Command, style: Style): string {
  const usage = ["usage: pml5", command.name, "[OPTIONS]", ...command.operands].join(" ");
  return [
    `pml5 ${command.name}: ${command.summary}`,
    "",
    style.paint("heading", usage),
    "",
    command.details,
    "",
    style.paint("heading", "options"),
    ...optionLines({ ...command.options, ...COMMON_OPTIONS }, style),
    "",
    style.paint("heading", "examples"),
    ...command.examples.flatMap(([line, what]) => [`  pml5 ${line}`, `      ${what}`]),
  ].join("\n");
}

function optionLines(options: Options, style: Style): string[] {
  return table(
    Object.entries(options).map(([name, { value, short, help }]) => {
      const names = short ? `-${short}, --${name}` : `--${name}`;
      return [`  ${style.paint("name", names)}${value ? ` ${value}` : ""}`, help];
    }),
  );
}
