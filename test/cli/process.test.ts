/** The command as a process: what only a real pipe shows. `npm test` builds it first. */
import { execFile, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../src/cli/package-root.ts";
import { buildCore, Frames, withFile } from "../inspect/core-builder.ts";
import { dataPath } from "./harness.ts";

const main = join(packageRoot(), "dist", "src", "cli", "main.js");

describe.skipIf(!existsSync(main))("The process", () => {
  it("writes to a pipe without colour or progress, and exits with the command's code", () => {
    const ran = spawnSync(process.execPath, [main, "walk", dataPath(4, "elf"), "0"], {
      encoding: "utf8",
    });
    expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status: 1, stderr: "" });
    expect(ran.stdout).toContain("is not present (P = 0)");
    expect(ran.stdout).not.toContain("\u001b");
  });

  it("is quiet when the reader of its output leaves", async () => {
    const frames = new Frames()
      .fill(0x1000, () => 0x2007n)
      .fill(0x2000, () => 0x3007n)
      .fill(0x3000, () => 0x87n);
    const core = buildCore({ cpus: [{ cr3: 0x1000n }], loads: frames.loads });
    await withFile(core, async (path) => {
      const child = spawn(process.execPath, [
        main,
        "maps",
        path,
        "--format",
        "qemu-tlb",
        "--limit",
        "1000000000",
      ]);
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      child.stdout.once("data", () => child.stdout.destroy());
      const code = await new Promise((resolve) => child.once("close", resolve));
      expect({ code, stderr }).toEqual({ code: 141, stderr: "" });
    });
  });

  it.skipIf(!existsSync("/dev/full"))("says in one line that its output cannot be written", () => {
    const full = openSync("/dev/full", "w");
    try {
      const ran = spawnSync(process.execPath, [main, "maps", dataPath(4, "elf")], {
        encoding: "utf8",
        stdio: ["ignore", full, "pipe"],
      });
      expect(ran.status).toBe(2);
      expect(ran.stderr).toMatch(/^pml5: cannot write: ENOSPC: .*\n$/);
    } finally {
      closeSync(full);
    }
  });

  it("ends at once when it is interrupted", async () => {
    const frames = new Frames().fill(0x1000, (i) => (i % 2 ? 0x1007n : 0x1005n));
    const core = buildCore({ cpus: [{ cr3: 0x1000n, cr4: 0x1020n }], loads: frames.loads });
    await withFile(core, async (path) => {
      const child = spawn(process.execPath, [main, "maps", path, "--limit", "1000000000000"]);
      child.stdout.once("data", () => {
        child.stdout.resume();
        child.kill("SIGINT");
      });
      const ended = await new Promise((resolve) =>
        child.once("exit", (code, signal) => resolve(code ?? signal)),
      );
      // Without a handler of ours the system ends it even in a busy loop; a shell shows 130.
      expect(ended).toBe("SIGINT");
    });
  });

  it("reads a dump from a pipe, gzip or not", async () => {
    const zipped = readFileSync(dataPath(4, "elf"));
    const expected = gunzipSync(readFileSync(dataPath(4, "info-tlb.txt"))).toString();
    for (const bytes of [zipped, gunzipSync(zipped)]) {
      const out = await new Promise<string>((resolve, reject) => {
        const args = [main, "maps", "-", "--format", "qemu-tlb"];
        const child = execFile(process.execPath, args, { maxBuffer: 2 ** 24 }, (error, stdout) =>
          error ? reject(error) : resolve(stdout),
        );
        child.stdin?.end(bytes);
      });
      expect(out === expected).toBe(true);
    }
  });
});
