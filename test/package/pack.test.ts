/** What `npm pack` ships works in another folder: import, types, command. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TSC = join(ROOT, "node_modules", "typescript", "bin", "tsc");

const CONSUMER = `
import { type MemoryRegion, type MmioHandler, OverlapError, PhysicalMemory } from "pml5";

const device: MmioHandler = { read: (offset) => offset, write() {} };
const memory = new PhysicalMemory({ addressBits: 40, linearBytes: 64 * 2 ** 20 });
const remove: () => void = memory.mapMmio(0xfee0_0000, 4096, device);
memory.mapRam(0, 2 ** 20);
memory.write64(8, 0x1122_3344_5566_7788n);
const word: bigint = memory.read64(8);
const regions: readonly MemoryRegion[] = memory.regions;
let refused = "";
try {
  memory.mapRam(0x1000, 4096);
} catch (error) {
  if (error instanceof OverlapError) refused = error.name;
}
remove();
console.log(word.toString(16), regions.length, memory.residentBytes, refused);
`;

/** The types are checked too in what is shipped: no skipLibCheck. */
const CONSUMER_TSCONFIG = {
  compilerOptions: {
    target: "es2023",
    lib: ["es2023", "dom"],
    module: "nodenext",
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
  },
  files: ["consumer.ts"],
};

describe("The packed package", () => {
  const folder = mkdtempSync(join(tmpdir(), "pml5-pack-"));
  const installed = join(folder, "node_modules", "pml5");
  const run = (command: string, args: string[], cwd = folder) =>
    execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

  beforeAll(() => {
    run("npm", ["pack", "--silent", "--pack-destination", folder], ROOT);
    const archive = readdirSync(folder).find((name) => name.endsWith(".tgz")) as string;
    mkdirSync(installed, { recursive: true });
    run("tar", ["-xzf", archive, "--strip-components=1", "-C", installed]);
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, "consumer.ts"), CONSUMER);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(CONSUMER_TSCONFIG));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("ships types that a strict program compiles against, and code that this program runs", () => {
    run(process.execPath, [TSC, "-p", "tsconfig.json"]);
    expect(run(process.execPath, ["consumer.js"])).toBe("1122334455667788 1 65536 OverlapError\n");
  });

  it("brings the command", () => {
    const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    const command = join(installed, manifest.bin.pml5);
    expect(run(process.execPath, [command, "--version"])).toBe(`${manifest.version}\n`);
    expect(readFileSync(command, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it("needs no package but a disassembler, and ships no tests, benchmarks or sources", () => {
    const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    expect(Object.keys(manifest.dependencies)).toEqual(["iced-x86"]);
    const names = readdirSync(installed, { recursive: true, encoding: "utf8" });
    expect(names.filter((name) => /(^|\/)(test|bench|scripts)\//.test(name))).toEqual([]);
    expect(names.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))).toEqual([]);
    expect(names).toContain("LICENSE");
  });
});
