import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { guestRows } from "./guest-rows.ts";
import { instructionTable } from "./instruction-table.ts";
import { RECORDS, readCounts } from "./record.ts";

const PAGE = new URL("../../docs/instructions.md", import.meta.url);

describe("docs/instructions.md", () => {
  it("says what covers each instruction", () => {
    const table = instructionTable(readCounts(), guestRows());
    if (RECORDS) writeFileSync(PAGE, table);
    expect(readFileSync(PAGE, "utf8")).toBe(table);
  });
});
