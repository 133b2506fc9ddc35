/** Mutants: copies of src/mmu in a temporary folder with one patch applied, loaded beside it. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { PhysicalMemory } from "../../../src/memory/physical-memory.ts";
import type { MmuModules } from "../matrix/drivers.ts";

/** A change to one file: `find` must occur in it exactly once. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** What goes wrong with it, in the manual's words. */
  readonly why: string;
  /** In which configurations it must show, by a part of their name; 4- and 5-level if not given. */
  readonly where?: string;
}

/** The files that export what `MmuModules` asks for. */
const MODULE_FILES = [
  "walk.ts",
  "paging-mode.ts",
  "features.ts",
  "mmu.ts",
  "no-tlb.ts",
  "set-associative-tlb.ts",
  "lazy-tlb.ts",
];

const SRC = join(import.meta.dirname, "../../../src");

/** @throws Error when the patch no longer fits its file */
export function applyPatch(source: string, patch: Patch): string {
  const pieces = source.split(patch.find);
  if (pieces.length !== 2) {
    throw new Error(
      `mutation "${patch.why}": expected its text once in src/mmu/${patch.file}, ` +
        `found it ${pieces.length - 1} times: ${patch.find}`,
    );
  }
  return pieces.join(patch.replace);
}

const LOCAL_IMPORT = /from "\.\/([\w-]+\.ts)"/g;

/** The patched file and all that import it, directly or not; the rest of src can be shared. */
function affectedBy(file: string, sources: ReadonlyMap<string, string>): ReadonlySet<string> {
  const affected = new Set([file]);
  for (let before = 0; before !== affected.size; ) {
    before = affected.size;
    for (const [name, source] of sources) {
      const imports = [...source.matchAll(LOCAL_IMPORT)].map((match) => match[1] as string);
      if (imports.some((imported) => affected.has(imported))) affected.add(name);
    }
  }
  return affected;
}

async function readSources(): Promise<ReadonlyMap<string, string>> {
  const files = (await readdir(join(SRC, "mmu"))).filter((file) => file.endsWith(".ts"));
  const read = async (file: string) => [file, await readFile(join(SRC, "mmu", file), "utf8")];
  return new Map((await Promise.all(files.map(read))) as [string, string][]);
}

/** Writes the mutant's own files to `folder`. @returns their names */
async function writeMutant(folder: string, patch: Patch): Promise<ReadonlySet<string>> {
  const sources = await readSources();
  if (!sources.has(patch.file)) {
    throw new Error(`mutation "${patch.why}": there is no src/mmu/${patch.file}`);
  }
  const affected = affectedBy(patch.file, sources);
  await mkdir(folder, { recursive: true });
  for (const file of affected) {
    const original = sources.get(file) as string;
    const patched = file === patch.file ? applyPatch(original, patch) : original;
    const linked = patched
      .replaceAll('from "../', `from "${SRC}/`)
      .replaceAll(LOCAL_IMPORT, (whole, name: string) =>
        affected.has(name) ? whole : `from "${join(SRC, "mmu", name)}"`,
      );
    await writeFile(join(folder, file), linked);
  }
  return affected;
}

/** Calls `use` with the mutant's modules, and takes its folder away afterwards. */
export async function withMutant<T>(
  folder: string,
  patch: Patch,
  use: (modules: MmuModules) => T,
): Promise<T> {
  try {
    const affected = await writeMutant(folder, patch);
    const parts = await Promise.all(
      MODULE_FILES.map((file) => {
        const home = affected.has(file) ? folder : join(SRC, "mmu");
        return import(pathToFileURL(join(home, file)).href);
      }),
    );
    return use(Object.assign({ PhysicalMemory }, ...parts));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
