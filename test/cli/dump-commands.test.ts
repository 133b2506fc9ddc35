import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { buildCore, Frames, withFile } from "../inspect/core-builder.ts";
import { dataPath, pml5 } from "./harness.ts";

const four = dataPath(4, "elf");
const five = dataPath(5, "elf");

describe.each([4, 5] as const)("pml5 maps, Linux 6.1 with %i levels", (levels) => {
  it("is byte-equal to QEMU's list with --format qemu-tlb", async () => {
    const { code, out, err } = await pml5([
      "maps",
      dataPath(levels, "elf"),
      "--format",
      "qemu-tlb",
    ]);
    const expected = gunzipSync(readFileSync(dataPath(levels, "info-tlb.txt"))).toString();
    expect({ code, err, equal: out === expected }).toEqual({ code: 0, err: "", equal: true });
  });

  it("covers with its ranges exactly what the leaves map", async () => {
    const { out } = await pml5(["maps", dataPath(levels, "elf"), "--format=json"]);
    const ranges = JSON.parse(out) as { start: string; end: string; pageBytes: number }[];
    const covered = new Set<string>();
    for (const { start, end, pageBytes } of ranges) {
      for (let at = BigInt(start); at < BigInt(end); at += BigInt(pageBytes)) {
        covered.add(at.toString(16).padStart(16, "0"));
      }
    }
    const list = gunzipSync(readFileSync(dataPath(levels, "info-tlb.txt"))).toString();
    const expected = list
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(0, 16));
    expect(covered.size).toBe(expected.length);
    expect(expected.every((linear) => covered.has(linear))).toBe(true);
  });
});

describe("pml5 maps", () => {
  it("prints ranges like a kernel's page-table dump", async () => {
    const { code, out } = await pml5(["maps", four]);
    const lines = out.split("\n");
    expect(code).toBe(0);
    expect(lines[0]).toBe("---[ lower half: user space ]---");
    expect(lines[1]).toBe(
      "0x0000000000400000-0x0000000000401000           4K   4K   USR ro                     NX pte",
    );
    expect(lines).toContain("---[ upper half: kernel space ]---");
    expect(lines).toContain(
      "0xffffffffff5fc000-0xffffffffff5fe000           8K   4K       RW PWT PCD         GLB NX pte",
    );
    expect(out).not.toContain("\u001b");
  });

  it("lists holes too, so that all of the address space is there", async () => {
    const { out } = await pml5(["maps", four, "--holes", "--format", "json"]);
    const ranges = JSON.parse(out) as { start: string; end: string; kind: string }[];
    expect(ranges[0]).toMatchObject({ start: "0x0", kind: "hole" });
    expect(ranges.at(-1)).toMatchObject({ end: "0x10000000000000000", kind: "hole" });
    const joints = ranges.slice(1).map((range, i) => [ranges[i]?.end, range.start]);
    const middle = joints.filter(([end, start]) => end !== start);
    expect(middle).toEqual([["0x800000000000", "0xffff800000000000"]]);
  });

  it("refuses to list 2^45 leaves, and says how many there are", async () => {
    const frames = new Frames().fill(0x1000, () => 0x1007n);
    const core = buildCore({ cpus: [{ cr3: 0x1000n, cr4: 0x1020n }], loads: frames.loads });
    await withFile(core, async (path) => {
      expect(await pml5(["maps", path, "--format", "qemu-tlb"])).toEqual({
        code: 2,
        out: "",
        err:
          "pml5 maps: 35,184,372,088,832 leaves are more than the limit of 67,108,864; give --limit, " +
          "or see ranges without --format\nsee pml5 maps --help\n",
      });
    });
  });

  it("stops at --limit ranges with exit code 1", async () => {
    const { code, out, err } = await pml5(["maps", five, "--limit", "3"]);
    expect(out.split("\n")).toHaveLength(5);
    expect({ code, err }).toEqual({
      code: 1,
      err: "pml5 maps: stopped after 3 ranges (--limit)\n",
    });
  });

  it("keeps JSON whole when there is nothing, or when it stops", async () => {
    const frames = new Frames().set(0x1000, 0, 0n);
    const core = buildCore({ cpus: [{ cr3: 0x1000n }], loads: frames.loads });
    await withFile(core, async (path) => {
      expect(await pml5(["maps", path, "--format", "json"])).toEqual({
        code: 0,
        out: "[]\n",
        err: "",
      });
    });
    const { out } = await pml5(["maps", five, "--limit", "3", "--format", "json"]);
    expect(JSON.parse(out)).toHaveLength(3);
  });

  it("exits with 1 when a table is not in the dump", async () => {
    const frames = new Frames().set(0x1000, 0, 0x5007n).set(0x1000, 1, 0x5007n);
    const core = buildCore({ cpus: [{ cr3: 0x1000n }], loads: frames.loads });
    await withFile(core, async (path) => {
      expect(await pml5(["maps", path])).toMatchObject({
        code: 1,
        out: "---[ lower half: user space ]---\n0x0000000000000000-0x0000010000000000           1T       table of puds not in the dump\n",
      });
      const tlb = await pml5(["maps", path, "--format", "qemu-tlb"]);
      expect(tlb).toEqual({
        code: 1,
        out: "",
        err: "pml5 maps: 2 times a table is not in the dump (pml5 stats tells which)\n",
      });
    });
  });
});

describe("Registers", () => {
  const oneGiB = (table: number) =>
    new Frames().set(table, 0, BigInt(table) + 0x1003n).set(table + 0x1000, 0, 0x83n);
  const both = [...oneGiB(0x1000).loads, ...oneGiB(0x5000).set(0x5000, 1, 0x6003n).loads];
  const core = buildCore({ cpus: [{ cr3: 0x1000n }, { cr3: 0x5000n }], loads: both });
  const count = async (path: string, ...args: string[]) =>
    JSON.parse((await pml5(["maps", path, "--format", "json", ...args])).out).length as number;

  it("come from processor 0, or the one of --cpu, or --cr3", async () => {
    await withFile(core, async (path) => {
      expect(await count(path)).toBe(1);
      expect(await count(path, "--cpu", "1")).toBe(2);
      expect(await count(path, "--cr3", "0x5000")).toBe(2);
    });
  });

  it("come from VMCOREINFO where there is no QEMU note", async () => {
    const text =
      "OSRELEASE=6.1.0\nSYMBOL(swapper_pg_dir)=ffffffff82a05000\nNUMBER(phys_base)=-44040192\n";
    const contents = new TextEncoder().encode(text);
    const vmcore = buildCore({ notes: [{ name: "VMCOREINFO", type: 0, contents }], loads: both });
    await withFile(vmcore, async (path) => {
      const { code, out } = await pml5(["walk", path, "8000000000"]);
      expect(code).toBe(0);
      expect(out).toContain("CR3 0x5000 (swapper_pg_dir in VMCOREINFO)");
    });
  });

  it("are asked for where the dump has none", async () => {
    const bare = buildCore({ loads: both });
    await withFile(bare, async (path) => {
      const { code, err } = await pml5(["maps", path]);
      const message = `pml5 maps: ${path}: expected a note named QEMU or VMCOREINFO to tell CR3, got none; give --cr3\n`;
      expect({ code, err }).toEqual({ code: 2, err: message });
      expect(await count(path, "--cr3", "1000")).toBe(1);
    });
  });

  it("must lead into the dump, and have paging on", async () => {
    await withFile(core, async (path) => {
      const { code, err } = await pml5(["stats", path, "--cr3", "9000"]);
      expect(code).toBe(2);
      expect(err).toContain(
        "CR3 (CR3 as given, else CPU 0 of 2) is 0x9000, which is not in the dump\n",
      );
    });
    const off = buildCore({ cpus: [{ cr3: 0x1000n, cr0: 0x11n }], loads: both });
    await withFile(off, async (path) => {
      const { code, err } = await pml5(["maps", path]);
      expect(code).toBe(2);
      expect(err).toContain("CPU 0 of 1: paging is off (CR0.PG = 0); give --levels\n");
      expect(await count(path, "--levels", "4")).toBe(1);
      const walked = await pml5(["walk", path, "1234"]);
      expect(walked.code).toBe(0);
      expect(walked.out).toContain("physical  0x1234\n");
    });
  });

  it("obey --levels: a PML4 read as a PML5", async () => {
    const { out } = await pml5(["walk", four, "0", "--levels", "5"]);
    expect(out).toContain("5-level paging");
    expect(out).toContain("PML5E  0      0x5590000");
  });
});

describe("pml5 stats", () => {
  it("counts the tables and pages of Linux 6.1, and finds nothing suspicious", async () => {
    const { code, out } = await pml5(["stats", four, "--format", "json"]);
    const { levels, mode } = JSON.parse(out);
    expect(code).toBe(0);
    expect(mode).toBe("4-level");
    // 8,597 lines of QEMU's list, 267 of them with P.
    expect(
      levels.map((level: { name: string; mappedPages: number }) => [level.name, level.mappedPages]),
    ).toEqual([
      ["PTE", 8330],
      ["PDE", 267],
      ["PDPTE", 0],
      ["PML4E", 0],
    ]);
    const text = await pml5(["stats", four]);
    expect(text.out).toMatch(/\nsuspicious\n {2}nothing\n$/);
  });

  it("exits with 1 for kernel pages that are writable and executable", async () => {
    const frames = new Frames().set(0x1000, 0, 0x2003n).set(0x2000, 0, 0x83n).set(0x2000, 1, 0x87n);
    const core = buildCore({
      cpus: [{ cr3: 0x1000n, cr4: 0xa0n }],
      loads: frames.set(0x1000, 0, 0x2007n).loads,
    });
    await withFile(core, async (path) => {
      const { code, out } = await pml5(["stats", path]);
      expect(code).toBe(1);
      expect(out).toContain(
        "  1 ranges of kernel pages that are writable and executable\n    0x0000000000000000-0x0000000040000000",
      );
    });
  });
});

describe("pml5 dumps", () => {
  it("walks four addresses in both dumps and verifies all 17,195 leaves", async () => {
    const { code, out, err } = await pml5(["dumps"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("ok  4 levels: 8,597 leaves, compared with QEMU's list: all equal\n");
    expect(out).toContain("ok  5 levels: 8,598 leaves, compared with QEMU's list: all equal\n");
    expect(out.match(/^= 0x/gm)).toHaveLength(4);
    expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});
