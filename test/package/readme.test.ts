/** The README's example does what its comments say: each `expression; // = value` is compared. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as library from "../../src/index.ts";

const api: Readonly<Record<string, unknown>> = { ...library };
const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const CHECKED = /^(.*);\s+\/\/ = ("[^"]*"|[^\s:;]+)/;

/** The lines of the indented block that imports from the package, without the indentation. */
function example(): string[] {
  const lines = README.split("\n");
  const start = lines.findIndex((line) => /^ {4}import .* from "pml5";$/.test(line));
  const rest = lines.slice(start);
  const end = rest.findIndex((line) => line !== "" && !line.startsWith("    "));
  return rest.slice(0, end).map((line) => line.slice(4));
}

describe("The README's example", () => {
  const [first = "", ...body] = example();
  const names = /\{ (.*) \}/.exec(first)?.[1]?.split(", ") ?? [];

  it("imports what is public", () => {
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !(name in api))).toEqual([]);
  });

  it("gives the values that it tells", () => {
    const seen: [string, unknown, unknown][] = [];
    const lines = body.map((line) => {
      const [, expression, value] = CHECKED.exec(line) ?? [];
      return expression === undefined
        ? line
        : `seen.push([${JSON.stringify(expression)}, ${expression}, ${value}]);`;
    });
    new Function("seen", ...names, lines.join("\n"))(seen, ...names.map((name) => api[name]));
    expect(seen).toHaveLength(body.filter((line) => line.includes("// = ")).length);
    for (const [expression, got, wanted] of seen)
      expect([expression, got]).toEqual([expression, wanted]);
  });
});
