/** `pml5 stats FILE` */
import { byteSize, hex, hex64 } from "../../base/hex.ts";
import { countLeaves, mappedRanges } from "../../inspect/mappings.ts";
import { describeRange, rangeLine } from "../../inspect/range-text.ts";
import { LEAF, type TableReader } from "../../inspect/table-reader.ts";
import {
  FILL_CLASSES,
  type Suspicion,
  type SuspicionKind,
  type TableStats,
  tableStats,
} from "../../inspect/table-stats.ts";
import type { Command } from "../command.ts";
import { DUMP_DETAILS, DUMP_OPTIONS, type OpenDump, tablesOf, withDump } from "../dump-options.ts";
import type { Io } from "../io.ts";
import { padStart, table } from "../style.ts";

/** Tables of more ranges than this are not searched to their end for W+X. */
const RANGE_LIMIT = 1_000_000;
const SHOWN = 4;

export const statsCommand: Command = {
  name: "stats",
  summary: "how many tables and pages a dump has, and what is suspicious about them",
  operands: ["FILE"],
  options: { format: { value: "text|json", help: "text unless given" }, ...DUMP_OPTIONS },
  details: `${DUMP_DETAILS}

Suspicious are: reserved bits that are set; kernel pages that are both writable and executable;
tables that are referenced more than once, by their own entries, or at two levels; and tables
that are not in the dump. Some kernels share tables on purpose (KASAN's shadow, espfix). The exit
code is 1 if anything suspicious was found.`,
  examples: [
    ["stats vm.elf.gz", "a summary"],
    ["stats vm.elf --maxphyaddr 46", "with the reserved bits of a processor of 46 address bits"],
  ],
  run: (args, io) =>
    withDump(args, io, async (dump) => {
      const format = args.choice("format", ["text", "json"]);
      const found = gather(tablesOf(dump, io));
      if (format === "json") io.out.line(JSON.stringify(jsonOf(found, dump), null, 2));
      else for (const line of textOf(found, dump, io)) io.out.line(line);
      return suspicionCount(found) > 0 ? 1 : 0;
    }),
};

interface Found {
  readonly stats: TableStats;
  /** Leaves by level over the whole address space, shared ones as often as they are mapped. */
  readonly mapped: readonly number[];
  /** Ranges of kernel pages that are writable and executable: how many, and the first lines. */
  readonly writableCode: { readonly count: number; readonly first: readonly string[] };
  readonly searchedAll: boolean;
}

function gather(reader: TableReader): Found {
  const stats = tableStats(reader);
  const mapped = countLeaves(reader).byLevel;
  const first: string[] = [];
  let count = 0;
  let ranges = 0;
  for (const range of mappedRanges(reader)) {
    ranges += 1;
    if (ranges > RANGE_LIMIT) break;
    const { kind, user, write, execute } = describeRange(range, reader.mode);
    if (kind !== "mapped" || user || !write || !execute || range.attributes & LEAF.RESERVED)
      continue;
    count += 1;
    if (first.length < SHOWN) first.push(rangeLine(range, reader.mode));
  }
  return { stats, mapped, writableCode: { count, first }, searchedAll: ranges <= RANGE_LIMIT };
}

function suspicionCount({ stats, writableCode }: Found): number {
  const counts = Object.values(stats.suspicions).map(({ count }) => count);
  return counts.reduce((sum, count) => sum + count, writableCode.count);
}

function textOf(found: Found, { mode, registers, origin, core }: OpenDump, io: Io): string[] {
  const { style } = io;
  const heading = (text: string) => style.paint("heading", text);
  return [
    `${heading(core.name)}  ${mode.kind} paging, CR3 ${hex(registers.cr3)} (${origin})`,
    "",
    heading("tables"),
    ...tableLines(found, io),
    "",
    heading("pages"),
    ...pageLines(
      found,
      mode.formats.map(({ shift }) => 2 ** shift),
    ),
    "",
    heading("suspicious"),
    ...suspicionLines(found, io),
  ];
}

function tableLines({ stats }: Found, { style }: Io): string[] {
  const right = (text: string | number) => text.toLocaleString("en");
  const heading = [
    "  level",
    "tables",
    "entries",
    "full to",
    ...FILL_CLASSES.map(({ name }) => name),
  ];
  const rows = [...stats.levels].reverse().map((level) => {
    const room = level.tables * level.entriesPerTable;
    const part = room === 0 ? "-" : `${((100 * level.presentEntries) / room).toFixed(1)}%`;
    const fill = level.fill.map((count) => (count === 0 ? "." : right(count)));
    return [`  ${level.name}`, right(level.tables), right(level.presentEntries), part, ...fill];
  });
  const bytes = roughSize(stats.tableFrames * 4096);
  const lines = alignRight([heading, ...rows]);
  lines[0] = style.paint("faint", lines[0] ?? "");
  return [...lines, `  ${stats.tableFrames.toLocaleString("en")} frames in all, ${bytes}`];
}

/** Every column but the first to the right. */
function alignRight(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row) => (row[i] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[0] ?? 0) : padStart(cell, widths[i] ?? 0)))
      .join("  "),
  );
}

function pageLines({ stats, mapped }: Found, pageBytes: readonly number[]): string[] {
  const rows = stats.levels
    .filter(({ leaves }) => leaves > 0)
    .map(({ level, leaves, accessed, dirty, presentEntries }) => {
      const size = pageBytes[level] ?? 0;
      const count = mapped[level] ?? 0;
      const twice = count === leaves ? "" : ` (${leaves.toLocaleString("en")} entries)`;
      const used =
        level === 1 || presentEntries === leaves
          ? `, accessed ${accessed.toLocaleString("en")}`
          : "";
      return [
        `  ${byteSize(size)}`,
        `${count.toLocaleString("en")}${twice}`,
        roughSize(count * size),
        `dirty ${dirty.toLocaleString("en")}${used}`,
      ];
    });
  return rows.length === 0 ? ["  none"] : table(rows);
}

const SIZE_UNITS = ["K", "M", "G", "T", "P"] as const;

/** A size for the eye: exact below 1M, else in the largest unit with one decimal. */
function roughSize(bytes: number): string {
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < SIZE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)}${SIZE_UNITS[unit]}`;
}

const SUSPICIONS: readonly (readonly [SuspicionKind, string])[] = [
  ["reserved-bits", "entries with reserved bits set"],
  ["missing-table", "entries whose table is not in the dump"],
  ["self-reference", "entries that reference their own table"],
  ["two-levels", "entries whose table is used at another level too"],
  ["shared-table", "entries whose table is referenced elsewhere too"],
];

function suspicionLines(found: Found, { style }: Io): string[] {
  const lines: string[] = [];
  const group = (count: number, what: string, first: readonly string[]) => {
    if (count === 0) return;
    lines.push(style.paint("warning", `  ${count.toLocaleString("en")} ${what}`));
    lines.push(...first.slice(0, SHOWN).map((line) => `    ${line}`));
    if (count > SHOWN) lines.push(style.paint("faint", "    ..."));
  };
  for (const [kind, what] of SUSPICIONS) {
    const { count, first } = found.stats.suspicions[kind];
    group(count, what, first.map(suspicionLine));
  }
  const { count, first } = found.writableCode;
  group(count, "ranges of kernel pages that are writable and executable", first);
  if (!found.searchedAll)
    lines.push(`  (only the first ${RANGE_LIMIT} ranges were searched for W+X)`);
  return lines.length === 0 ? [style.paint("good", "  nothing")] : lines;
}

function suspicionLine({ kind, linear, level, entryAddress, entry, target }: Suspicion): string {
  const where = entryAddress < 0 ? "register" : `at ${hex(entryAddress)}`;
  const what = kind === "reserved-bits" ? "" : ` -> ${hex(target)}`;
  return `0x${hex64(linear)}  level ${level} entry ${where}: ${hex64(entry)}${what}`;
}

function jsonOf(found: Found, { mode, registers, origin }: OpenDump): object {
  const { stats, mapped, writableCode } = found;
  return {
    mode: mode.kind,
    cr3: hex(registers.cr3),
    origin,
    tableFrames: stats.tableFrames,
    levels: stats.levels.map(({ fill, ...level }) => ({
      ...level,
      pageBytes: 2 ** (mode.formats[level.level]?.shift ?? 12),
      mappedPages: mapped[level.level] ?? 0,
      fill: Object.fromEntries(FILL_CLASSES.map(({ name }, i) => [name, fill[i] ?? 0])),
    })),
    suspicious: {
      ...Object.fromEntries(
        Object.entries(stats.suspicions).map(([kind, { count, first }]) => [
          kind,
          {
            count,
            first: first.map((each) => ({
              linear: hex(each.linear),
              level: each.level,
              entryAddress: each.entryAddress < 0 ? null : hex(each.entryAddress),
              entry: hex(each.entry),
              target: hex(each.target),
            })),
          },
        ]),
      ),
      "writable-and-executable": { count: writableCode.count, first: writableCode.first },
    },
  };
}
