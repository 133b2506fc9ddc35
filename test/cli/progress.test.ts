/** The progress line: it must not stand among the output, however a command ends. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Command, UsageError } from "../../src/cli/command.ts";
import { pml5 } from "./harness.ts";

const WIPED = "\r\u001b[K";

/** A command that works for two seconds, then prints, or fails. */
const command = (end: () => void): Command => ({
  name: "work",
  summary: "",
  operands: [],
  options: {},
  details: "",
  examples: [],
  run: (_args, io) => {
    const progress = io.progress("working:");
    progress.update(1, 4, "things");
    vi.advanceTimersByTime(2000);
    progress.update(2, 4, "things");
    io.out.line("done");
    end();
    return 0;
  },
});

describe("The progress line", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const bar = `working: [${"#".repeat(15)}${"-".repeat(15)}] 50% of 4 things`;

  it("appears after a second on a terminal, and is wiped before the output", async () => {
    const ran = await pml5(["work"], { commands: [command(() => {})], isTerminal: true });
    expect(ran).toEqual({ code: 0, out: "done\n", err: `\r${bar}\u001b[K${WIPED}` });
  });

  it("is wiped before the message of a command that fails", async () => {
    const fail = () => {
      throw new UsageError("no");
    };
    const { err } = await pml5(["work"], { commands: [command(fail)], isTerminal: true });
    expect(err).toBe(`\r${bar}\u001b[K${WIPED}pml5 work: no\nsee pml5 work --help\n`);
  });

  it("is absent where the output is no terminal", async () => {
    const ran = await pml5(["work"], { commands: [command(() => {})] });
    expect(ran).toEqual({ code: 0, out: "done\n", err: "" });
  });
});
