import { describe, expect, it } from "vitest";
import { buildCore, Frames, withFile } from "../inspect/core-builder.ts";
import { dataPath, pml5 } from "./harness.ts";

const four = dataPath(4, "elf");
const five = dataPath(5, "elf");

describe("pml5 walk", () => {
  const text = async (...args: string[]) => {
    const { code, out } = await pml5(["walk", ...args]);
    return { code, lines: out.trimEnd().split("\n") };
  };

  it("prints each step, then the translation with its attributes", async () => {
    const { code, lines } = await text(four, "ffffffff81a17a0b");
    expect(code).toBe(0);
    expect(lines).toEqual([
      "0xffffffff81a17a0b  4-level paging, CR3 0x5590000 (CPU 0 of 1), translation only",
      "",
      "entry  index  at         raw               bits        leads to",
      "PML4E  511    0x5590ff8  0000000002a15067  P RW US A   table 0x2a15000",
      "PDPTE  510    0x2a15ff0  0000000002a16063  P RW A      table 0x2a16000",
      "PDE    13     0x2a16068  0000000001a001e1  P A D PS G  2M page 0x1a00000",
      "",
      "physical  0x1a17a0b (this frame is not in the dump)",
      "page      2M at 0x1a00000",
      "rights    supervisor, read-only, executable",
      "type      WB (PAT entry 0 is WB in IA32_PAT as after reset; MTRRs taken as WB)",
      "global    yes",
      "key       0",
    ]);
    expect((await text(four, "0xffffffff81a17a0b")).lines).toEqual(lines);
    expect((await text(four, "rip")).lines).toEqual(lines);
  });

  it("takes five steps with five levels", async () => {
    const { lines } = await text(five, "7ffe3b8def20");
    const names = lines.map((line) => line.split(" ", 1)[0]);
    expect(names.slice(3, 8)).toEqual(["PML5E", "PML4E", "PDPTE", "PDE", "PTE"]);
    expect(lines).toContain("physical  0xcffbf20 (this frame is not in the dump)");
  });

  it("takes PAT from --pat: uncached memory of the I/O APIC", async () => {
    expect((await text(four, "ffffffffff5fc000")).lines).toContain(
      "type      UC (PAT entry 3 is UC in IA32_PAT as after reset; MTRRs taken as WB)",
    );
    expect((await text(four, "ffffffffff5fc000", "--pat", "0407050600070106")).lines).toContain(
      "type      UC (PAT entry 3 is UC in IA32_PAT 0x407050600070106; MTRRs taken as WB)",
    );
  });

  const faults: [string, string[], string][] = [
    [
      "a page that is not present",
      ["500000000000"],
      "#PF(0)  the PML4E at 0x5590500 is not present (P = 0)",
    ],
    [
      "a user write to a read-only page",
      ["400000", "--user", "--access", "w"],
      "#PF(0x7: P WR US)  user write denied: not writable: R/W = 0 in PTE",
    ],
    [
      "a user fetch from a page with XD",
      ["400000", "--user", "--access=x"],
      "#PF(0x15: P US ID)  user fetch denied: not executable: XD = 1 in PTE",
    ],
    [
      "a user read of the kernel",
      ["ffffffff81a17a0b", "--user"],
      "#PF(0x5: P US)  user read denied: not a user page: U/S = 0 in PDPTE, PDE",
    ],
    [
      "a supervisor read of a user page with SMAP",
      ["400000", "--access", "r"],
      "#PF(0x1: P)  supervisor read denied: SMAP: supervisor access to a user page with EFLAGS.AC = 0",
    ],
    [
      "a supervisor fetch from a user page with SMEP",
      ["401000", "--access", "x"],
      "#PF(0x11: P ID)  supervisor fetch denied: SMEP: supervisor fetch from a user page",
    ],
    [
      "a supervisor write to a read-only page",
      ["ffffffff81a17a0b", "--access", "w"],
      "#PF(0x3: P WR)  supervisor write denied: not writable: R/W = 0 in PDE",
    ],
    [
      "XD where EFER.NXE is 0",
      ["400000", "--efer", "500"],
      "#PF(0x9: P RSVD)  the PTE at 0x55b9000 has reserved bits set: 63",
    ],
    [
      "a non-canonical address",
      ["800000000000"],
      "#GP(0)  0x800000000000 is not canonical: bits 63:47 must all be equal in 4-level paging",
    ],
  ];
  it.each(faults)("tells the fault of %s", async (_, args, line) => {
    const { code, lines } = await text(four, ...args);
    expect(code).toBe(1);
    expect(lines).toContain(line);
  });

  it("tells a protection-key fault by PKRU", async () => {
    const frames = new Frames()
      .set(0x1000, 0, 0x2007n)
      .set(0x2000, 0, 0x3007n)
      .set(0x3000, 0, 0x87n | (3n << 59n));
    const core = buildCore({ cpus: [{ cr3: 0x1000n, cr4: 0x4000a0n }], loads: frames.loads });
    await withFile(core, async (path) => {
      const { code, lines } = await text(path, "1000", "--user", "--access", "w", "--pkru", "80");
      expect(code).toBe(1);
      expect(lines).toContain(
        "#PF(0x27: P WR US PK)  user write denied: protection key 3 denies it by PKRU",
      );
      expect(lines).toContain(
        "PDE    0      0x3000  1800000000000087  P RW US PS key=3  2M page 0x0",
      );
      expect((await text(path, "1000", "--user", "--pkru", "80")).code).toBe(0);
    });
  });

  it("tells a protection-key fault by IA32_PKRS", async () => {
    const frames = new Frames()
      .set(0x1000, 0, 0x2007n)
      .set(0x2000, 0, 0x3007n)
      .set(0x3000, 0, 0x83n | (3n << 59n));
    const core = buildCore({ cpus: [{ cr3: 0x1000n, cr4: 0x10000a0n }], loads: frames.loads });
    await withFile(core, async (path) => {
      expect((await text(path, "1000", "--access", "r")).code).toBe(0);
      const { code, lines } = await text(path, "1000", "--access", "r", "--pkrs", "40");
      expect(code).toBe(1);
      expect(lines).toContain(
        "#PF(0x21: P PK)  supervisor read denied: protection key 3 denies it by IA32_PKRS",
      );
    });
  });

  it("takes EFLAGS.AC from the dump, which suspends SMAP", async () => {
    const loads = new Frames()
      .set(0x1000, 0, 0x2007n)
      .set(0x2000, 0, 0x3007n)
      .set(0x3000, 0, 0x87n).loads;
    const cr4 = 0x2000a0n;
    for (const [rflags, code] of [
      [0x2n, 1],
      [0x40002n, 0],
    ] as const) {
      const core = buildCore({ cpus: [{ cr3: 0x1000n, cr4, rflags }], loads });
      await withFile(core, async (path) => {
        expect((await text(path, "1000", "--access", "w")).code).toBe(code);
      });
    }
  });

  it("names the ignored bits of the entry that maps the page", async () => {
    const loads = new Frames()
      .set(0x1000, 0, 0x2067n)
      .set(0x2000, 0, 0x3067n)
      .set(0x3000, 0, 0xa87n | (1n << 58n)).loads;
    await withFile(buildCore({ cpus: [{ cr3: 0x1000n }], loads }), async (path) => {
      const { lines } = await text(path, "1000");
      expect(lines.slice(3, 6)).toEqual([
        "PML4E  0      0x1000  0000000000002067  P RW US A                     table 0x2000",
        "PDPTE  0      0x2000  0000000000003067  P RW US A                     table 0x3000",
        "PDE    0      0x3000  0400000000000a87  P RW US PS ignored 58, 11, 9  2M page 0x0",
      ]);
    });
  });

  it("says where the dump lacks a table", async () => {
    const core = buildCore({
      cpus: [{ cr3: 0x1000n }],
      loads: new Frames().set(0x1000, 0, 0x9007n).loads,
    });
    await withFile(core, async (path) => {
      const { code, lines } = await text(path, "1000");
      expect(code).toBe(1);
      expect(lines.slice(2)).toEqual([
        "entry  index  at      raw               bits     leads to",
        "PML4E  0      0x1000  0000000000009007  P RW US  table 0x9000",
        "PDPTE  0      0x9000  ?                          not in the dump",
        "",
        "unknown  the PDPTE at 0x9000 is not in the dump",
      ]);
    });
  });

  it("prints JSON", async () => {
    const { out } = await pml5([
      "walk",
      four,
      "400000",
      "--user",
      "--access",
      "w",
      "--format",
      "json",
    ]);
    expect(JSON.parse(out)).toMatchObject({
      linear: "0x400000",
      mode: "4-level",
      access: "user write",
      steps: [
        { name: "PML4E" },
        { name: "PDPTE" },
        { name: "PDE" },
        {
          name: "PTE",
          entry: "0x80000000032a7025",
          bits: ["P", "US", "A", "XD"],
          ignored: "0x0",
          reserved: "0x0",
          address: "0x32a7000",
        },
      ],
      missingTable: null,
      fault: { vector: 14, errorCode: 7 },
      translation: {
        physical: "0x32a7000",
        pageBytes: 4096,
        user: true,
        write: false,
        execute: false,
      },
    });
  });

  const usage: [string[], string][] = [
    [[four, "xyz"], 'ADDRESS: expected up to 16 hexadecimal digits, with or without 0x, got "xyz"'],
    [[four, "0", "--access", "rw"], '--access: expected one of r, w, x, got "rw"'],
    [[four, "0", "--cpu", "1"], "--cpu: expected 0..0, got 1"],
    [[four, "0", "--maxphyaddr", "53"], '--maxphyaddr: expected 36..52, got "53"'],
    [[four, "0", "--levels", "6"], '--levels: expected 2..5, got "6"'],
    [[four, "0", "--pat", "2"], "--pat: expected eight types of 0, 1, 4, 5, 6 or 7, got 0x2"],
    [[four], "ADDRESS is missing"],
  ];
  it.each(usage)("refuses %j", async (args, message) => {
    const { code, err } = await pml5(["walk", ...args]);
    expect({ code, err }).toEqual({
      code: 2,
      err: `pml5 walk: ${message}\nsee pml5 walk --help\n`,
    });
  });
});
