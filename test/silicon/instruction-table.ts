/**
 * docs/instructions.md: every row of the instruction tables, and for each mode what holds it to the
 * manual: silicon with the number of instances of the last long run, a guest or a test of ours.
 */
import { operandForForm } from "../../src/cpu/decode/operand.ts";
import type { InstructionRow } from "../../src/cpu/decode/row.ts";
import { instructionRows } from "../../src/cpu/decode/rows.ts";
import type { CaseMode } from "./cases.ts";
import { type Counts, keyOfRow } from "./record.ts";
import { isImplemented, reasonToSkip } from "./rows.ts";

/** Tests of ours for what silicon cannot be asked, by semantic. */
const OWN_TESTS: Readonly<Record<string, readonly string[]>> = {
  "test/cpu/exceptions.test.ts": ["iret", "hlt", "sti", "popf", "pushf"],
  "test/cpu/system.test.ts": ["cpuid", "rdmsr", "wrmsr", "rdtsc"],
  "test/cpu/task-switch.test.ts": ["jmpf", "callf", "iret", "ltr"],
  "test/cpu/virtual-8086.test.ts": ["int", "pushf", "popf", "cli", "sti", "arpl", "lar"],
};

/** Rows of which the own guests of test/guests execute at least one, by semantic. */
export type GuestRows = ReadonlySet<string>;

const TESTS_OF = new Map<string, string[]>();
for (const [file, semantics] of Object.entries(OWN_TESTS)) {
  for (const semantic of semantics) {
    TESTS_OF.set(semantic, [...(TESTS_OF.get(semantic) ?? []), file]);
  }
}

type Column = CaseMode | 16;

function existsIn(row: InstructionRow, column: Column): boolean {
  return column === 64 ? !row.invalid64 : !row.only64;
}

function cell(row: InstructionRow, column: Column, counts: Counts, guests: GuestRows): string {
  if (!existsIn(row, column)) return "–";
  if (!isImplemented(row)) return "#UD";
  const oracles: string[] = [];
  const cases = column === 16 ? 0 : (counts[column][keyOfRow(row)] ?? 0);
  if (cases > 0) oracles.push(`silicon ${cases}`);
  if (guests.has(`${column} ${keyOfRow(row)}`)) oracles.push("guest");
  if (TESTS_OF.has(row.semantic) && cases === 0) oracles.push("test");
  if (oracles.length > 0) return oracles.join(", ");
  if (column === 16 && (counts[32][keyOfRow(row)] ?? 0) > 0) return "as 32-bit";
  return "none";
}

function operandsOf(row: InstructionRow): string {
  const memory = row.form === "memory";
  return row.operands.map((operand) => operandForForm(operand, memory)).join(", ");
}

function line(row: InstructionRow, counts: Counts, guests: GuestRows): string {
  const cells = ([64, 32, 16] as const).map((column) => cell(row, column, counts, guests));
  const name = row.mnemonics.length > 4 ? row.semantic : row.mnemonics.join("/");
  const shown = [name, `\`${row.encoding}\``, operandsOf(row), row.feature, ...cells];
  return `| ${shown.join(" | ")} |`;
}

function total(counts: Counts, mode: CaseMode): number {
  return Object.values(counts[mode]).reduce((sum, count) => sum + count, 0);
}

/** Why rows that exist and have a meaning are not run natively, with their names. */
function skipped(): string[] {
  const byReason = new Map<string, Set<string>>();
  for (const row of instructionRows) {
    if (!isImplemented(row)) continue;
    const reason = reasonToSkip(row, row.invalid64 ? 32 : 64);
    if (reason === undefined) continue;
    byReason.set(reason, (byReason.get(reason) ?? new Set()).add(row.semantic));
  }
  return [...byReason].map(([reason, names]) => `- ${reason}: ${[...names].sort().join(", ")}`);
}

/** The whole page. */
export function instructionTable(counts: Counts, guests: GuestRows): string {
  const tests = Object.entries(OWN_TESTS).map(([file, names]) => `- ${file}: ${names.join(", ")}`);
  return [
    "# Instructions, and what holds them to the manual",
    "",
    "Generated; `PML5_SILICON_RECORD=1 npx vitest run test/silicon/instruction-table` writes it anew;",
    "a test fails while it is out of date. The counts are of the long run that was recorded last.",
    "",
    `- *silicon n*: n random instances left the same registers, flags, memory and exception in pml5 as`,
    `  on a real processor, in the last long run (${total(counts, 64)} in 64-bit mode,`,
    `  ${total(counts, 32)} in compatibility mode, which is 32-bit code); see test/silicon/harness.ts.`,
    "- *guest*: a bare-metal guest of test/guests contains it on a path that is executed; those guests",
    "  say the same on QEMU.",
    "- *test*: a test of ours, listed below.",
    "- *as 32-bit*: no oracle runs it in 16-bit code. Its meaning is written once for all modes, and",
    "  what differs (widths, prefixes) is the decoder's, which test/cpu/decode holds to iced-x86.",
    "- *none*: nothing but the review of the code. *#UD*: not announced, raises #UD. –: not in that mode.",
    "",
    "Operands are in the notation of src/cpu/decode/operand.ts. With an unannounced feature the row",
    "does not exist.",
    "",
    "| instruction | encoding | operands | feature | 64-bit | 32-bit | 16-bit |",
    "|---|---|---|---|---|---|---|",
    ...instructionRows.map((row) => line(row, counts, guests)),
    "",
    "## Not run natively",
    "",
    ...skipped(),
    "",
    "## Tests of ours",
    "",
    ...tests,
    "",
  ].join("\n");
}
