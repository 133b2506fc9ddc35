/** Builds C programs of ours, each once for each content and set of definitions. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./root.ts";

/** Where sources are and where programs go. */
export interface BuildFolders {
  readonly sources: string;
  readonly cache: string;
}

const BASELINES: BuildFolders = {
  sources: join(ROOT, "bench", "baseline"),
  cache: join(ROOT, ".cache", "bench"),
};
const FLAGS = ["-O3", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"];

export class CCompiler {
  readonly command: string;
  /** First line of what the compiler says of itself. */
  readonly version: string;

  constructor(command: string, version: string) {
    this.command = command;
    this.version = version;
  }

  /** `CC` if it is set, else gcc, cc or clang, whichever runs first. */
  static find(): CCompiler | undefined {
    const named = process.env.CC;
    for (const command of named ? [named] : ["gcc", "cc", "clang"]) {
      const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
      if (status === 0) return new CCompiler(command, stdout.split("\n")[0] ?? command);
    }
    return undefined;
  }

  /**
   * Compiles <name>.c unless that was done before.
   * @param definitions macros of the build, the constants that our side generates code for
   * @param folders those of the baselines by default
   * @returns the program's path
   */
  build(
    name: string,
    definitions: Readonly<Record<string, number>> = {},
    { sources, cache } = BASELINES,
  ): string {
    const macros = Object.entries(definitions).map(([key, value]) => `-D${key}=${value}`);
    const program = join(cache, `${name}-${this.#fingerprint(macros, sources)}`);
    if (existsSync(program)) return program;
    mkdirSync(cache, { recursive: true });
    // Renamed into place, so that two runs at once never see half a program.
    const fresh = `${program}.${process.pid}`;
    const source = join(sources, `${name}.c`);
    const { status, stderr, error } = spawnSync(
      this.command,
      [...FLAGS, ...macros, source, "-o", fresh],
      { encoding: "utf8" },
    );
    if (status !== 0) {
      throw new Error(`${this.command} failed on ${source}\n${error?.message ?? stderr}`);
    }
    renameSync(fresh, program);
    return program;
  }

  /** Over all C sources, as headers are shared. */
  #fingerprint(macros: readonly string[], sources: string): string {
    const hash = createHash("sha256")
      .update(this.version)
      .update([...FLAGS, ...macros].join("\0"));
    const files = readdirSync(sources).filter((file) => /\.[ch]$/.test(file));
    for (const file of files.sort()) {
      hash.update(`\0${file}\0`).update(readFileSync(join(sources, file)));
    }
    return hash.digest("hex").slice(0, 16);
  }
}
