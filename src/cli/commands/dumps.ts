/** `pml5 dumps`: two real kernels' page tables, walked and verified. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { byteSize, hex, hex64 } from "../../base/hex.ts";
import { type CoreFile, openCoreFile } from "../../inspect/core-file.ts";
import { leaves } from "../../inspect/mappings.ts";
import { type PagingContext, pagingContext } from "../../inspect/paging-context.ts";
import { qemuTlbLine } from "../../inspect/qemu-tlb.ts";
import { TableReader } from "../../inspect/table-reader.ts";
import { FETCH, READ, USER } from "../../mmu/access.ts";
import { describeEntry } from "../../mmu/entry.ts";
import { describeFault } from "../../mmu/fault.ts";
import { LEVEL_NAMES } from "../../mmu/paging-mode.ts";
import { RIGHT } from "../../mmu/rights.ts";
import { type WalkResult, type WalkStep, walk } from "../../mmu/walk.ts";
import type { Command } from "../command.ts";
import type { Io } from "../io.ts";
import { packageRoot } from "../package-root.ts";
import { beside, padEnd, type Style } from "../style.ts";

export const dumpsCommand: Command = {
  name: "dumps",
  summary: "walk and verify the page tables of a running Linux, with 4 and with 5 levels",
  operands: [],
  options: {},
  details:
    "Reads two dumps of a running Linux 6.1 that come with pml5 (examples/data), one of 4 levels and\n" +
    "one of 5. Walks one address of each kind in both, side by side, and compares all mappings with\n" +
    "what QEMU's monitor listed when the dumps were taken. The exit code is 1 if one differs.",
  examples: [["dumps", "the walks entry by entry; npm start prints the short form"]],
  run: dumps,
};

/** One kind of address, with one example in each dump. */
interface Example {
  readonly title: string;
  readonly access: number;
  /** By the dump: 4 levels, 5 levels. */
  readonly linear: readonly [bigint, bigint];
}

const EXAMPLES: readonly Example[] = [
  {
    title: "user stack",
    access: READ | USER,
    linear: [0x7ffd_adbc_df20n, 0x7ffe_3b8d_ef20n],
  },
  {
    title: "direct map",
    access: READ,
    linear: [0xffff_8880_0f82_2e80n, 0xff2c_318f_4ed0_2e80n],
  },
  {
    title: "vmemmap",
    access: READ,
    linear: [0xffff_ea00_0003_e080n, 0xffc7_8e15_0003_e080n],
  },
  {
    title: "kernel text, where RIP stood",
    access: FETCH,
    linear: [0xffff_ffff_81a1_7a0bn, 0xffff_ffff_9aa1_7a0bn],
  },
];

export interface Dump extends PagingContext {
  readonly levels: number;
  readonly core: CoreFile;
}

async function dumps(_args: unknown, io: Io): Promise<number> {
  const good = await withRealDumps((dumps) => {
    printHeading(dumps, io);
    const walked = EXAMPLES.map((example) => printExample(example, dumps, io));
    io.out.line();
    const verified = dumps.map((dump) => printVerification(dump, io));
    return [...walked, ...verified].every((each) => each);
  });
  io.out.line();
  io.out.line("Next: ./pml5 maps examples/data/linux-6.1-5level.elf.gz, or ./pml5 help");
  return good ? 0 : 1;
}

/** The same in short: where each address leads, and the verification. @returns whether all is well */
export function verifyRealDumps(io: Io): Promise<boolean> {
  return withRealDumps((dumps) => {
    const heading =
      "The page tables of a running Linux 6.1, with 4 levels and with 5, walked by pml5";
    io.out.line(io.style.paint("heading", heading));
    const walked = EXAMPLES.map((example) => printShortExample(example, dumps, io));
    const verified = dumps.map((dump) => printVerification(dump, io));
    return [...walked, ...verified].every((each) => each);
  });
}

/** Opens the dumps that come with pml5, of 4 and of 5 levels, for as long as `body` takes. */
async function withRealDumps<T>(body: (dumps: readonly Dump[]) => T): Promise<T> {
  const dumps: Dump[] = [];
  try {
    for (const levels of [4, 5]) {
      const core = await openCoreFile(dataPath(levels, "elf"));
      dumps.push({ levels, core, ...pagingContext(core) });
    }
    return body(dumps);
  } finally {
    for (const { core } of dumps) core.close();
  }
}

function dataPath(levels: number, kind: string): string {
  return join(packageRoot(), "examples", "data", `linux-6.1-${levels}level.${kind}.gz`);
}

function printHeading(dumps: readonly Dump[], io: Io): void {
  io.out.line(io.style.paint("heading", "The page tables of a running Linux 6.1, walked by pml5"));
  printBeside(
    dumps.map(({ mode, registers }) => `${mode.kind} paging, CR3 ${hex(registers.cr3)}`),
    io,
  );
  const legend =
    "entry, index, where it lies, raw, bits (all have P; AD: accessed, dirty; XD: no execute)";
  io.out.line(io.style.paint("faint", legend));
}

/** Where both walks of one kind of address end, on one line. @returns whether both succeed */
function printShortExample(example: Example, dumps: readonly Dump[], io: Io): boolean {
  const { linear, access } = example;
  const results = dumps.map(({ core, mode, registers }, i) =>
    walk(core, mode, registers, linear[i] as bigint, access),
  );
  const texts = results.map((result, i) => {
    const end = result.fault === 0 ? hex(result.physical) : describeFault(result.fault);
    return `0x${hex64(linear[i] as bigint)} = ${end}, ${byteSize(result.pageBytes)}`;
  });
  const line = beside(
    [...texts.map((text) => padEnd(text, 40)), example.title.split(",")[0] ?? ""],
    40,
  );
  io.out.line(io.style.paint(results.every(({ fault }) => fault === 0) ? "plain" : "bad", line));
  return results.every(({ fault }) => fault === 0);
}

/** Both walks of one kind of address. @returns whether both succeed */
function printExample({ title, access, linear }: Example, dumps: readonly Dump[], io: Io): boolean {
  const { style } = io;
  const results = dumps.map(({ core, mode, registers }, i) =>
    walk(core, mode, registers, linear[i] as bigint, access),
  );
  io.out.line();
  printBeside(
    linear.map((address, i) => {
      const heading = style.paint("heading", `0x${hex64(address)}`);
      return i === 0 ? `${heading}  ${title}` : heading;
    }),
    io,
  );
  const most = Math.max(...dumps.map(({ mode }) => mode.levels));
  for (let level = most; level >= 1; level--) {
    const cells = results.map((result, i) => {
      const step = result.steps.find((each) => each.level === level);
      if (step) return stepText(step, dumps[i] as Dump, style);
      const above = level > (dumps[i] as Dump).mode.levels;
      return above ? style.paint("faint", `${LEVEL_NAMES[level]}  none: ${level - 1} levels`) : "";
    });
    if (cells.some((cell) => cell !== "")) printBeside(cells, io);
  }
  printBeside(
    results.map((result) => resultText(result, style)),
    io,
  );
  return results.every(({ fault }) => fault === 0);
}

/** Bits of an entry, P left out, A and D as one word, so that two walks fit beside each other. */
function stepText(step: WalkStep, { mode }: Dump, style: Style): string {
  const { bits } = describeEntry(step.entry, step.level, mode);
  const short = bits
    .filter((bit) => bit !== "P")
    .join(" ")
    .replace("A D", "AD");
  const name = style.paint("name", step.name.padEnd(5));
  const at = style.paint("address", step.entryAddress.toString(16).padStart(7));
  return `${name} ${String(step.index).padStart(3)} ${at} ${hex64(step.entry)} ${short}`;
}

function resultText({ fault, physical, pageBytes, rights }: WalkResult, style: Style): string {
  if (fault !== 0) return style.paint("bad", describeFault(fault));
  const who = rights & RIGHT.USER ? "user" : "supervisor";
  const write = rights & RIGHT.WRITE ? "RW" : "ro";
  const execute = rights & RIGHT.NO_EXECUTE ? "NX" : "x";
  const page = `${byteSize(pageBytes)} page, ${who} ${write} ${execute}`;
  return `${style.paint("good", "=")} ${style.paint("address", hex(physical))}  ${page}`;
}

/** Compares every leaf with QEMU's list. @returns whether all are equal */
function printVerification({ levels, core, mode, registers }: Dump, io: Io): boolean {
  const { style } = io;
  const list = gunzipSync(readFileSync(dataPath(levels, "info-tlb.txt"))).toString();
  const expected = list.trimEnd().split("\n");
  let count = 0;
  let difference: string | undefined;
  for (const leaf of leaves(new TableReader(core, mode, registers))) {
    const line = qemuTlbLine(leaf, mode);
    if (line !== expected[count]) {
      difference ??= `leaf ${count}: expected ${expected[count] ?? "none"}, got ${line}`;
    }
    count += 1;
  }
  if (count !== expected.length) {
    difference ??= `expected ${expected.length} leaves, got ${count}`;
  }
  const good = difference === undefined;
  const mark = good ? style.paint("good", "ok") : style.paint("bad", "DIFFERENT");
  const what = `${levels} levels: ${count.toLocaleString("en")} leaves, compared with QEMU's list`;
  io.out.line(`${mark}  ${what}${good ? ": all equal" : ""}`);
  if (difference !== undefined) io.out.line(`    ${difference}`);
  return good;
}

function printBeside(texts: readonly string[], io: Io): void {
  io.out.line(beside(texts));
}
