import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openCoreFile } from "../../src/inspect/core-file.ts";
import { leaves } from "../../src/inspect/mappings.ts";
import { pagingContext } from "../../src/inspect/paging-context.ts";
import { qemuTlbLine } from "../../src/inspect/qemu-tlb.ts";
import { TableReader } from "../../src/inspect/table-reader.ts";

describe.each([4, 5])("The dump of Linux 6.1 with %i levels", (levels) => {
  const file = (suffix: string) =>
    new URL(`../../examples/data/linux-6.1-${levels}level.${suffix}.gz`, import.meta.url).pathname;

  it("has exactly the leaves that QEMU listed", async () => {
    const core = await openCoreFile(file("elf"));
    const { mode, registers } = pagingContext(core);
    expect(mode.levels).toBe(levels);
    const expected = gunzipSync(readFileSync(file("info-tlb.txt"))).toString();
    let listed = "";
    for (const leaf of leaves(new TableReader(core, mode, registers))) {
      listed += `${qemuTlbLine(leaf, mode)}\n`;
    }
    expect(listed === expected).toBe(true);
    core.close();
  });
});
