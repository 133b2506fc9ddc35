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

/** Copies src/mmu, patched, to `folder`; other folders of src are shared with the original. */
async function writeMutant(folder: string, patch: Patch): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files = (await readdir(join(SRC, "mmu"))).filter((file) => file.endsWith(".ts"));
  if (!files.includes(patch.file)) {
    throw new Error(`mutation "${patch.why}": there is no src/mmu/${patch.file}`);
  }
  for (const file of files) {
    const original = await readFile(join(SRC, "mmu", file), "utf8");
    const source = file === patch.file ? applyPatch(original, patch) : original;
    await writeFile(join(folder, file), source.replaceAll('from "../', `from "${SRC}/`));
  }
}

/** Calls `use` with the mutant's modules, and takes its folder away afterwards. */
export async function withMutant<T>(
  folder: string,
  patch: Patch,
  use: (modules: MmuModules) => T,
): Promise<T> {
  try {
    await writeMutant(folder, patch);
    const parts = await Promise.all(
      MODULE_FILES.map((file) => import(pathToFileURL(join(folder, file)).href)),
    );
    return use(Object.assign({ PhysicalMemory }, ...parts));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
