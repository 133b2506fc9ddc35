import { describe, expect, it } from "vitest";
import { pml5 } from "./harness.ts";

describe("pml5 start", () => {
  it("tells the story of 2017 and verifies the real dumps, in 100 columns", async () => {
    const { code, out, err } = await pml5(["start"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const lines = out.split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines.length).toBeLessThan(70);
    // Each kernel once at each depth; the BUG once, the checker one operation before it.
    expect(out.match(/add again {2}ok/g)).toHaveLength(3);
    expect(out.match(/add again {2}kernel BUG in sync_global_pgds/g)).toHaveLength(1);
    expect(out).toContain("checker, remove: top entry 274 (ffff890000000000) of pid 1, pid 2");
    expect(out).toContain("free STALE  pid 1, pid 2");
    expect(out).toContain("empty pud table  all");
    expect(out).not.toContain("DIFFERENT");
    expect(out).toContain("ok  4 levels: 8,597 leaves, compared with QEMU's list: all equal\n");
    expect(out).toContain("ok  5 levels: 8,598 leaves, compared with QEMU's list: all equal\n");
  });
});
