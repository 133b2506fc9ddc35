/** What docs/2017.md shows is what the commands print. Frames are the allocator's choice. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../src/cli/package-root.ts";
import { pml5 } from "./harness.ts";

const text = readFileSync(join(packageRoot(), "docs", "2017.md"), "utf8");
const shown = [...text.matchAll(/From `\.\/pml5 ([^`]+)`[^\n]*\n\n```\n([^`]+)\n```/g)];
const plain = (line: string) => line.replace(/0x[0-9a-f]+/g, "0x").trimEnd();

describe("docs/2017.md", () => {
  it("shows the output of three commands", () => {
    expect(shown).toHaveLength(3);
  });

  it.each(shown.map(([, command = "", lines = ""]) => [command, lines]))(
    "shows what %s prints",
    async (command, lines) => {
      const { out } = await pml5(command.split(" "));
      const printed = out.split("\n").map(plain);
      expect(lines.split("\n").filter((line) => !printed.includes(plain(line)))).toEqual([]);
    },
  );
});
