/** `pml5 maps FILE` */
import { countLeaves, leaves, mappedRanges } from "../../inspect/mappings.ts";
import { qemuTlbLine } from "../../inspect/qemu-tlb.ts";
import { rangeJson, rangeLine } from "../../inspect/range-text.ts";
import { LEAF, type TableReader } from "../../inspect/table-reader.ts";
import type { Arguments } from "../arguments.ts";
import { type Command, UsageError } from "../command.ts";
import { DUMP_DETAILS, DUMP_OPTIONS, tablesOf, withDump } from "../dump-options.ts";
import type { Io } from "../io.ts";
import { decimal } from "../values.ts";

/** Lines, unless --limit says otherwise: what nobody reads, yet what a real kernel may have. */
const LEAF_LIMIT = 2 ** 26;
const RANGE_LIMIT = 1_000_000;

export const mapsCommand: Command = {
  name: "maps",
  summary: "all mappings of a dump, merged to ranges or leaf by leaf",
  operands: ["FILE"],
  options: {
    format: { value: "ptdump|qemu-tlb|json", help: "ptdump unless given" },
    holes: { help: "list what is not mapped, too" },
    limit: { value: "LINES", help: `at most so many (${RANGE_LIMIT}; qemu-tlb: ${LEAF_LIMIT})` },
    ...DUMP_OPTIONS,
  },
  details: `${DUMP_DETAILS}

ptdump    ranges of the same rights and page size, in the words of Linux's page-table dump:
          USR, RW or ro, PWT, PCD, PSE (a large page), PAT, GLB, NX or x, the leaf's level.
          Rights are those of the whole walk.
qemu-tlb  every leaf as QEMU's monitor prints it for "info tlb"
json      an array of ranges

Tables that reference each other so that they map more than the limit are refused (qemu-tlb),
or end the list (ptdump, json). The exit code is 1 if a table is not in the dump or an entry has
reserved bits set.`,
  examples: [
    ["maps vm.elf.gz", "what a kernel's /sys/kernel/debug/page_tables would show"],
    ["maps vm.elf --format qemu-tlb | diff - tlb.txt", "compare with QEMU's monitor"],
    ["maps vm.elf --format json | jq '.[] | select(.write and .execute)'", "pages that are W+X"],
  ],
  run: (args, io) =>
    withDump(args, io, async (dump) => {
      const format = args.choice("format", ["ptdump", "qemu-tlb", "json"]);
      return await LISTINGS[format](tablesOf(dump, io), args, io);
    }),
};

type Listing = (reader: TableReader, args: Arguments, io: Io) => Promise<number>;

const LISTINGS: Readonly<Record<"ptdump" | "qemu-tlb" | "json", Listing>> = {
  ptdump: listText,
  json: listJson,
  "qemu-tlb": listLeaves,
};

async function listLeaves(reader: TableReader, args: Arguments, io: Io): Promise<number> {
  const counted = countLeaves(reader);
  const total = counted.byLevel.reduce((sum, count) => sum + count, 0);
  const limit = limitOf(args, LEAF_LIMIT);
  if (total > limit) {
    throw new UsageError(
      `${total.toLocaleString("en")} leaves are more than the limit of ` +
        `${limit.toLocaleString("en")}; give --limit, or see ranges without --format`,
    );
  }
  reader.onProgress = undefined;
  const progress = io.progress("listing");
  let done = 0;
  for (const leaf of leaves(reader)) {
    io.out.line(qemuTlbLine(leaf, reader.mode));
    done += 1;
    if (!io.out.isFull) continue;
    progress.update(done, total, "leaves");
    await io.out.flush();
  }
  progress.end();
  return verdict(counted.missingTables, counted.reserved, io);
}

async function listText(reader: TableReader, args: Arguments, io: Io): Promise<number> {
  const upper = 2 ** (reader.mode.linearBits - 13);
  const halves = reader.mode.linearBits > 32;
  let half = "";
  return listRanges(reader, args, io, (range) => {
    const name = range.startFrame < upper ? "lower half: user space" : "upper half: kernel space";
    if (halves && name !== half) {
      half = name;
      io.out.line(io.style.paint("heading", `---[ ${name} ]---`));
    }
    const bad = range.attributes & (LEAF.RESERVED | LEAF.MISSING);
    const line = rangeLine(range, reader.mode);
    io.out.line(bad ? io.style.paint("bad", line) : line);
  });
}

async function listJson(reader: TableReader, args: Arguments, io: Io): Promise<number> {
  let before = "[\n  ";
  const code = await listRanges(reader, args, io, (range) => {
    io.out.line(`${before}${JSON.stringify(rangeJson(range, reader.mode))}`);
    before = ", ";
  });
  io.out.line(before === ", " ? "]" : "[]");
  return code;
}

type Range = ReturnType<typeof mappedRanges> extends Generator<infer R> ? R : never;

async function listRanges(
  reader: TableReader,
  args: Arguments,
  io: Io,
  print: (range: Range) => void,
): Promise<number> {
  const limit = limitOf(args, RANGE_LIMIT);
  let missing = 0;
  let reserved = 0;
  let printed = 0;
  for (const range of mappedRanges(reader)) {
    if (range.attributes === 0 && !args.has("holes")) continue;
    if (printed === limit) {
      io.err.line(`pml5 maps: stopped after ${limit.toLocaleString("en")} ranges (--limit)`);
      return 1;
    }
    print(range);
    printed += 1;
    if (range.attributes & LEAF.MISSING) missing += 1;
    if (range.attributes & LEAF.RESERVED) reserved += 1;
    if (io.out.isFull) await io.out.flush();
  }
  return verdict(missing, reserved, io);
}

function verdict(missing: number, reserved: number, io: Io): number {
  const say = (count: number, what: string) => {
    if (count > 0) io.err.line(`pml5 maps: ${count.toLocaleString("en")} ${what}`);
  };
  say(missing, "times a table is not in the dump (pml5 stats tells which)");
  say(reserved, "times an entry has reserved bits set (pml5 stats tells which)");
  return missing + reserved > 0 ? 1 : 0;
}

function limitOf(args: Arguments, usual: number): number {
  return args.value("limit", decimal(1, Number.MAX_SAFE_INTEGER)) ?? usual;
}
