/** The project's structure as data: who may import whom, and how large a file may grow. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MAX_LINES = 400;

/** What the files of a folder of src may import, besides the folder itself. */
const LAYERS: Record<string, readonly string[]> = {
  base: [],
  wasm: ["base"],
  memory: ["base", "wasm"],
  mmu: ["base", "wasm", "memory"],
  inspect: ["base", "memory", "mmu"],
  check: ["base", "memory", "mmu", "inspect"],
  kernel: ["base", "memory", "mmu", "check"],
  cpu: ["base", "wasm", "memory", "mmu"],
  machine: ["base", "wasm", "memory", "mmu", "inspect", "check", "cpu"],
  cli: [
    ...["base", "wasm", "memory", "mmu", "inspect", "check", "kernel", "cpu", "machine"],
    "index.ts",
  ],
};

interface Source {
  /** From the project's top, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

function sourcesIn(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name.split(sep).join("/")}`)
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

/** The specifiers of `import … from`, `export … from`, `import "…"` and `import("…")`. */
function importsOf(text: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;'"`]*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']/g;
  return [...text.matchAll(pattern)].map((match) => (match[1] ?? match[2]) as string);
}

/** The part of src that a relative import reaches: a folder, or a file directly in src. */
function layerOf(path: string, specifier: string): string | undefined {
  const target = relative("src", join(dirname(path), specifier)).split(sep);
  return target[0] === ".." ? undefined : target[0];
}

function forbiddenImports(source: Source): string[] {
  const own = source.path.split("/")[1] as string;
  if (own === "index.ts") return [];
  const allowed = [own, ...(LAYERS[own] ?? [])];
  return importsOf(source.text)
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => layerOf(source.path, specifier) ?? specifier)
    .filter((layer) => !allowed.includes(layer))
    .map((layer) => `${source.path} imports ${layer}`);
}

const folders = ["src", "test", "bench", "examples"].filter((name) =>
  readdirSync(ROOT).includes(name),
);
const src = sourcesIn("src");
const all = folders.flatMap(sourcesIn);

describe("The layers of src", () => {
  it("have a row for each folder", () => {
    const inFolders = src.filter(({ path }) => path.split("/").length > 2);
    const unknown = inFolders.filter(({ path }) => !((path.split("/")[1] as string) in LAYERS));
    expect(unknown.map(({ path }) => path)).toEqual([]);
  });

  it("import only what their row allows", () => {
    expect(src.flatMap(forbiddenImports)).toEqual([]);
  });

  it("are read from every form of import", () => {
    const text = [
      'import { a } from "../a.ts";',
      'import type { B } from "../b.ts";',
      'export * from "../c.ts";',
      "import {\n  d,\n  e,\n} from '../d.ts';",
      'import "../e.ts";',
      'const f = await import("../f.ts");',
      'export const g = 1;\nconst from = "../no.ts";',
    ].join("\n");
    expect(importsOf(text)).toEqual(["a", "b", "c", "d", "e", "f"].map((name) => `../${name}.ts`));
    const source = { path: "src/base/x.ts", text: 'import { M } from "../memory/layout.ts";' };
    expect(forbiddenImports(source)).toEqual(["src/base/x.ts imports memory"]);
  });

  it("import no package that package.json does not name as needed at run time", () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const needed = Object.keys(manifest.dependencies);
    const foreign = src.flatMap(({ path, text }) =>
      importsOf(text)
        .filter((specifier) => !/^(\.|node:)/.test(specifier) && !needed.includes(specifier))
        .map((specifier) => `${path} imports ${specifier}`),
    );
    expect(foreign).toEqual([]);
  });

  it("export by name", () => {
    expect(src.filter(({ text }) => /^export default\b/m.test(text)).map((s) => s.path)).toEqual(
      [],
    );
  });
});

describe("A source file", () => {
  it(`has at most ${MAX_LINES} lines`, () => {
    const lines = all.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }));
    expect(lines.filter((file) => file.lines > MAX_LINES)).toEqual([]);
  });

  it("has a name in kebab-case", () => {
    const names = all.filter(({ path }) => !/^([a-z0-9-]+\/)+[a-z0-9.-]+\.ts$/.test(path));
    expect(names.map(({ path }) => path)).toEqual([]);
  });
});
