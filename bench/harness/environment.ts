/** Where and on what a run was measured. */
import { spawnSync } from "node:child_process";
import { cpus, totalmem } from "node:os";
import type { CCompiler } from "./c-compiler.ts";
import { ROOT } from "./root.ts";

export interface Environment {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly commit: string;
  /** Whether the sources differ from the commit. */
  readonly modified: boolean;
  readonly node: string;
  readonly v8: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly compiler: string | null;
}

export function environment(compiler: CCompiler | undefined): Environment {
  return {
    date: new Date().toISOString(),
    commit: git("rev-parse", "--short=12", "HEAD") || "unknown",
    modified: git("status", "--porcelain") !== "",
    node: process.versions.node,
    v8: process.versions.v8 ?? "unknown",
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? "unknown",
    cpus: cpus().length,
    memoryBytes: totalmem(),
    compiler: compiler?.version ?? null,
  };
}

/** What git answers; empty where there is no git or no repository. */
function git(...args: string[]): string {
  const { status, stdout } = spawnSync("git", args, { cwd: ROOT, encoding: "utf8" });
  return status === 0 ? stdout.trim() : "";
}
