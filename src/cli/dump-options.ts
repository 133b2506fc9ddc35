/** What the commands over dumps share: their options, and opening a dump by them. */
import { ArgumentError } from "../base/errors.ts";
import { type CoreFile, openCoreFile } from "../inspect/core-file.ts";
import { type PagingChoice, type PagingContext, pagingContext } from "../inspect/paging-context.ts";
import { TableReader } from "../inspect/table-reader.ts";
import type { Arguments } from "./arguments.ts";
import { type Options, UsageError } from "./command.ts";
import type { Io } from "./io.ts";
import { bytes, decimal, hexadecimal, hexadecimal32 } from "./values.ts";

export const DUMP_OPTIONS: Options = {
  cpu: { value: "N", help: "take the registers of processor N (0 unless given)" },
  cr3: { value: "HEX", help: "the top table, instead of the dump's CR3" },
  cr4: { value: "HEX", help: "CR4, instead of the dump's" },
  efer: { value: "HEX", help: "EFER, which no dump holds (NXE = 1, LMA by the ELF machine)" },
  maxphyaddr: { value: "BITS", help: "width of a physical address, 36..52 (52)" },
  levels: { value: "N", help: "2 (32-bit), 3 (PAE), 4 or 5, whatever the registers say" },
  "expand-limit": { value: "SIZE", help: "refuse gzip files that expand to more (16G)" },
};

/** What people should know of files that every such command reads. */
export const DUMP_DETAILS =
  "FILE is an ELF core of physical memory, as QEMU's dump-guest-memory or Linux's /proc/vmcore\n" +
  "gives it, gzip-compressed or not; - is standard input. CR3 and CR4 come from QEMU's notes, or\n" +
  "from VMCOREINFO. Numbers called HEX need no 0x.";

export interface OpenDump extends PagingContext {
  readonly core: CoreFile;
}

/** Runs `use` with the dump that the first operand names, and closes it. */
export async function withDump<T>(
  args: Arguments,
  io: Io,
  use: (dump: OpenDump) => Promise<T>,
): Promise<T> {
  const choice = pagingChoice(args);
  const path = args.operands[0] as string;
  const limit = args.value("expand-limit", bytes);
  const progress = io.progress(`reading ${path}`);
  const core = await openCoreFile(path, {
    ...(limit === undefined ? {} : { expandLimitBytes: limit }),
    onProgress: (done, total) => progress.update(done, total, "bytes"),
  });
  progress.end();
  try {
    return await use({ core, ...contextOf(core, choice) });
  } finally {
    core.close();
  }
}

/** A reader over the dump's tables. @throws UsageError where there are none */
export function tablesOf({ core, mode, registers, origin }: OpenDump, io: Io): TableReader {
  if (mode.kind === "none") {
    throw new UsageError(`${core.name}: ${origin}: paging is off (CR0.PG = 0); give --levels`);
  }
  const reader = new TableReader(core, mode, registers);
  if (mode.kind !== "pae" && !core.isPresent(reader.top.address)) {
    const top = `0x${reader.top.address.toString(16)}`;
    throw new UsageError(`${core.name}: CR3 (${origin}) is ${top}, which is not in the dump`);
  }
  const progress = io.progress("reading page tables:");
  reader.onProgress = (count) => progress.update(count, undefined, "tables");
  return reader;
}

function pagingChoice(args: Arguments): PagingChoice {
  const levels = args.value("levels", decimal(2, 5)) as PagingChoice["levels"];
  const given = {
    cpu: args.value("cpu", decimal(0, 1_000_000)),
    cr3: args.value("cr3", hexadecimal),
    cr4: args.value("cr4", hexadecimal32),
    efer: args.value("efer", hexadecimal32),
    maxPhyAddr: args.value("maxphyaddr", decimal(36, 52)),
    levels,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function contextOf(core: CoreFile, choice: PagingChoice): PagingContext {
  try {
    return pagingContext(core, choice);
  } catch (error) {
    if (error instanceof ArgumentError) throw new UsageError(`--${error.message}`);
    throw error;
  }
}
