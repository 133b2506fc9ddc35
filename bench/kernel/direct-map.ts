/** `teardown/*`: a GiB of direct map in 4 KiB leaves, built, cleared, dropped whole. */
import { GIB, MIB } from "../../src/base/units.ts";
import { bootKernel } from "../../src/kernel/boot.ts";
import { entryOf, initMemoryMapping } from "../../src/kernel/direct-map.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { removePagetable } from "../../src/kernel/teardown.ts";
import type { CCompiler } from "../harness/c-compiler.ts";
import { CProcess } from "../harness/c-process.ts";
import { type BenchCase, type BenchContext, type Trial, WrongAnswer } from "../harness/case.ts";
import { resettingSide } from "../harness/samplers.ts";

const AT = 512 * GIB;
const TABLES = 512;
const PAGES = TABLES * 512;

class DirectMap {
  readonly #k: Kernel;
  readonly #from: number;

  constructor() {
    this.#k = bootKernel({ levels: 4, debugPagealloc: true, linearBytes: 256 * MIB });
    this.#from = this.#k.layout.directPage(AT);
    this.build();
    this.clear();
  }

  get mapped(): boolean {
    return entryOf(this.#k, this.#from, 1) !== undefined;
  }

  build(): void {
    if (!this.mapped) initMemoryMapping(this.#k, AT, AT + GIB);
  }

  /** Each entry is cleared, then the table found empty. */
  clear(): void {
    if (this.mapped) removePagetable(this.#k, this.#from, this.#from + PAGES, true);
  }

  /** Tables go as they are. */
  drop(): void {
    if (!this.mapped) return;
    removePagetable(this.#k, this.#from, this.#from + PAGES, true, undefined, true);
  }

  /** Leaves, and their sum as 64-bit words. */
  contents(): { readonly pages: bigint; readonly sum: bigint } {
    this.build();
    let [pages, sum] = [0n, 0n];
    for (let page = 0; page < PAGES; page++) {
      const found = entryOf(this.#k, this.#from + page, 1);
      if (found === undefined) continue;
      pages += 1n;
      sum += this.#k.tables.word(found.table, found.index);
    }
    this.clear();
    return { pages, sum: BigInt.asUintN(64, sum) };
  }
}

async function startC(compiler: CCompiler, clears: 0 | 1): Promise<CProcess> {
  const c = new CProcess(compiler.build("direct-map", { CLEARS: clears }));
  await c.start([AT, TABLES], []);
  return c;
}

async function prepare(
  { compiler }: BenchContext,
  what: "build" | "clear" | "drop",
): Promise<Trial> {
  const map = new DirectMap();
  const reset = () => (what === "build" ? map.clear() : map.build());
  const ours = resettingSide("pml5", PAGES, () => map[what](), reset);
  const c = compiler && what !== "drop" ? await startC(compiler, what === "clear" ? 1 : 0) : null;
  const cleared = new DirectMap();
  const each = resettingSide(
    "each entry cleared",
    PAGES,
    () => cleared.clear(),
    () => cleared.build(),
  );
  return {
    ours,
    baselines: c ? [c] : what === "drop" ? [each] : [],
    async check() {
      const { pages, sum } = map.contents();
      if (pages !== BigInt(PAGES)) throw new WrongAnswer(`pages: expected ${PAGES}, got ${pages}`);
      if (!c) return;
      const theirs = await c.results();
      const expected = theirs.readBigUInt64LE(8);
      if (theirs.readBigUInt64LE(0) !== pages || expected !== sum) {
        throw new WrongAnswer(`sum of leaves: expected ${expected}, got ${sum}`);
      }
    },
    close: () => c?.close(),
  };
}

export const directMapCases: readonly BenchCase[] = [
  {
    name: "teardown/1g/4k-leaves/build",
    operation: "entry",
    targets: [{ against: "C", atMost: 1.3 }],
    quick: true,
    prepare: (context) => prepare(context, "build"),
  },
  {
    name: "teardown/1g/4k-leaves/clear",
    operation: "entry",
    targets: [{ against: "C", atMost: 1.0 }],
    quick: true,
    prepare: (context) => prepare(context, "clear"),
  },
  {
    name: "teardown/1g/4k-leaves/whole-tables",
    operation: "entry",
    targets: [{ against: "each entry cleared", atMost: 1 / 60 }],
    quick: true,
    prepare: (context) => prepare(context, "drop"),
  },
];
