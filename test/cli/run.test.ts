import { describe, expect, it } from "vitest";
import { type Command, UsageError } from "../../src/cli/command.ts";
import { editDistance } from "../../src/cli/suggestion.ts";
import { bytes, decimal, hexadecimal, hexadecimal32 } from "../../src/cli/values.ts";
import { pml5 } from "./harness.ts";

const echo: Command = {
  name: "echo",
  summary: "says what it was given",
  operands: ["FIRST", "[SECOND]"],
  options: {
    loud: { help: "louder" },
    times: { value: "N", short: "n", help: "so often" },
  },
  details: "Details.",
  examples: [["echo a", "says a"]],
  run: (args, io) => {
    if (args.operands[0] === "boom") throw new Error("first line\nsecond line");
    io.out.line(
      JSON.stringify({
        operands: args.operands,
        loud: args.has("loud"),
        times: args.value("times", decimal(1, 9)) ?? 1,
        style: io.style.paint("good", "x"),
      }),
    );
    return args.has("loud") ? 1 : 0;
  },
};
const run = (args: string[], more = {}) => pml5(args, { commands: [echo], ...more });

describe("The command line", () => {
  it("passes operands and options, and gives the command's exit code", async () => {
    expect(await run(["echo", "a", "-n", "3", "--loud"])).toEqual({
      code: 1,
      out: '{"operands":["a"],"loud":true,"times":3,"style":"x"}\n',
      err: "",
    });
    expect((await run(["echo", "a", "--times=2", "--", "--b"])).out).toContain('["a","--b"]');
  });

  const wrong: [string[], string][] = [
    [["echoo"], 'pml5: unknown command "echoo"; did you mean echo?\nsee pml5 --help\n'],
    [["xyzzy"], 'pml5: unknown command "xyzzy"\nsee pml5 --help\n'],
    [["echo"], "pml5 echo: FIRST is missing\nsee pml5 echo --help\n"],
    [
      ["echo", "a", "b", "c"],
      'pml5 echo: expected FIRST [SECOND], got "c" too\nsee pml5 echo --help\n',
    ],
    [
      ["echo", "a", "--lout"],
      "pml5 echo: unknown option --lout; did you mean --loud?\nsee pml5 echo --help\n",
    ],
    [["echo", "a", "-q"], "pml5 echo: unknown option -q\nsee pml5 echo --help\n"],
    [
      ["echo", "a", "--times"],
      "pml5 echo: --times needs a value: --times N\nsee pml5 echo --help\n",
    ],
    [
      ["echo", "a", "--times", "--loud"],
      "pml5 echo: --times needs a value: --times N\nsee pml5 echo --help\n",
    ],
    [
      ["echo", "a", "--loud=yes"],
      'pml5 echo: --loud takes no value, got "yes"\nsee pml5 echo --help\n',
    ],
    [
      ["echo", "a", "-n", "10"],
      'pml5 echo: --times: expected 1..9, got "10"\nsee pml5 echo --help\n',
    ],
    [["help", "ecko"], 'pml5: unknown command "ecko"; did you mean echo?\nsee pml5 --help\n'],
  ];
  it.each(wrong)("refuses %j with exit code 2", async (args, err) => {
    expect(await run(args)).toEqual({ code: 2, out: "", err });
  });

  it("turns any other error into one line", async () => {
    const err = "pml5 echo: first line (PML5_DEBUG=1 shows where)\n";
    expect(await run(["echo", "boom"])).toEqual({ code: 2, out: "", err });
  });

  it("prints the version", async () => {
    for (const word of ["--version", "-V", "version"]) {
      expect(await run([word])).toEqual({ code: 0, out: "1.2.3\n", err: "" });
    }
  });

  it("prints help: general, of a command by two ways, and on stderr when nothing was asked", async () => {
    const general = await run(["--help"]);
    expect(general.code).toBe(0);
    expect(general.out).toContain("  echo  says what it was given\n");
    expect((await run(["help"])).out).toBe(general.out);
    expect(await run([])).toEqual({ code: 2, out: "", err: general.out });
    const own = `pml5 echo: says what it was given

usage: pml5 echo [OPTIONS] FIRST [SECOND]

Details.

options
  --loud         louder
  -n, --times N  so often
  --color        colour even if the output is no terminal
  --no-color     no colour; so does NO_COLOR in the environment
  -h, --help     this text

examples
  pml5 echo a
      says a
`;
    for (const args of [
      ["help", "echo"],
      ["echo", "--help"],
      ["echo", "-h", "too", "many", "operands"],
    ]) {
      expect(await run(args)).toEqual({ code: 0, out: own, err: "" });
    }
  });

  it("colours on a terminal only, unless told otherwise", async () => {
    const coloured = async (args: string[], more = {}) =>
      (await run(["echo", "a", ...args], more)).out.includes("[32m");
    expect(await coloured([])).toBe(false);
    expect(await coloured(["--color"])).toBe(true);
    expect(await coloured([], { isTerminal: true })).toBe(true);
    expect(await coloured(["--no-color"], { isTerminal: true })).toBe(false);
    expect(await coloured([], { isTerminal: true, env: { NO_COLOR: "1" } })).toBe(false);
    expect(await coloured(["--color"], { env: { NO_COLOR: "1" } })).toBe(true);
    expect(await coloured([], { isTerminal: true, env: { TERM: "dumb" } })).toBe(false);
  });
});

describe("Values", () => {
  const read = <T>(reader: (text: string, what: string) => T, text: string) => {
    try {
      return reader(text, "X");
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      return (error as Error).message;
    }
  };

  it("are hexadecimal with or without 0x", () => {
    expect(
      ["ff", "0xFF", "ffff_8880`0000_0000", "0"].map((text) => read(hexadecimal, text)),
    ).toEqual([0xffn, 0xffn, 0xffff_8880_0000_0000n, 0n]);
    const message = (text: string) =>
      `X: expected up to 16 hexadecimal digits, with or without 0x, got ${JSON.stringify(text)}`;
    for (const text of ["", "0x", "xyz", "-1", "12345678123456789", "1 2"]) {
      expect(read(hexadecimal, text)).toBe(message(text));
    }
    expect(read(hexadecimal32, "80000011")).toBe(-0x7fffffef);
    expect(read(hexadecimal32, "100000000")).toBe('X: expected at most ffffffff, got "100000000"');
  });

  it("are decimal numbers and sizes with limits", () => {
    expect(read(decimal(36, 52), "46")).toBe(46);
    expect(read(decimal(36, 52), "35")).toBe('X: expected 36..52, got "35"');
    expect(read(decimal(36, 52), "0x30")).toBe('X: expected 36..52, got "0x30"');
    expect(["4096", "64K", "2m", "3G", "1T"].map((text) => read(bytes, text))).toEqual([
      4096, 65536, 2097152, 3221225472, 1099511627776,
    ]);
    expect(read(bytes, "1.5G")).toBe('X: expected a number of bytes such as 64G, got "1.5G"');
  });
});

describe("Edit distance", () => {
  it("counts insertions, deletions, substitutions and swaps", () => {
    const pairs = [
      ["maps", "maps"],
      ["mps", "maps"],
      ["mapss", "maps"],
      ["mabs", "maps"],
      ["amps", "maps"],
      ["", "maps"],
    ];
    expect(pairs.map(([a = "", b = ""]) => editDistance(a, b))).toEqual([0, 1, 1, 1, 1, 4]);
  });
});
