/** QEMU's side of `cpu/*`: the same image, timed by the marks that it writes. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = "qemu-system-x86_64";
const OPTIONS =
  "-accel tcg -cpu max -m 64 -display none -nodefaults -no-reboot -debugcon stdio".split(" ");

let present: boolean | undefined;

export function hasQemu(): boolean {
  present ??= spawnSync(PROGRAM, ["--version"]).status === 0;
  return present;
}

/** @returns milliseconds between the marks "S" and "E" */
export function runQemu(image: Uint8Array): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "pml5-bench-"));
  const file = join(folder, "image");
  writeFileSync(file, image);
  const exit = "isa-debug-exit,iobase=0xf4,iosize=0x04";
  const child = spawn(PROGRAM, [...OPTIONS, "-device", exit, "-kernel", file]);
  return new Promise<number>((resolve, reject) => {
    let begin = 0;
    let end = 0;
    let complaint = "";
    child.stdout.on("data", (data: Buffer) => {
      const now = performance.now();
      if (data.includes("S")) begin = now;
      if (data.includes("E")) end = now;
    });
    child.stderr.on("data", (data: Buffer) => {
      complaint += data.toString();
    });
    child.on("error", reject);
    child.on("close", () => {
      if (end > 0) resolve(end - begin);
      else reject(new Error(`${PROGRAM}: the guest did not end: ${complaint}`));
    });
  }).finally(() => rmSync(folder, { recursive: true }));
}
