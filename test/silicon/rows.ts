/** Which rows of the instruction tables run natively, and why the others do not. */
import type { InstructionRow } from "../../src/cpu/decode/row.ts";
import { instructionRows } from "../../src/cpu/decode/rows.ts";
import { SEMANTICS } from "../../src/cpu/semantics/index.ts";
import { HELPERS } from "../../src/cpu/system/index.ts";
import type { CaseMode } from "./cases.ts";

/** Semantics that no two processors or kernels agree on, by reason. */
const NOT_COMPARABLE: Readonly<Record<string, readonly string[]>> = {
  "result depends on time or chance": ["rdtsc", "rdtscp", "rdpmc", "rdrand", "rdseed"],
  "enters the host's kernel": ["syscall", "sysenter", "int", "int1", "int3", "into"],
  "tells about the host": ["cpuid", "rdpid", "xgetbv", "rdpkru", "wrpkru"],
  "the host's kernel emulates it": ["sgdt", "sidt", "sldt", "str", "smsw"],
  "needs the host's descriptor tables": [
    ...["verr", "verw", "lar", "lsl", "movsreg", "popsreg", "lds", "les", "lss", "lfs"],
    ...["lgs", "callf", "jmpf", "retf", "iret"],
  ],
  "changes segment bases of the program that runs it": [
    ...["rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase"],
  ],
  "needs more memory than a window has": [
    ...["fxsave", "fxrstor", "xsave", "xrstor", "xsaveopt", "xsavec", "fnsave", "frstor"],
  ],
  "depends on CR4 or virtualisation": ["monitor", "mwait", "rsm", "clac", "stac"],
};

const REASONS = new Map(
  Object.entries(NOT_COMPARABLE).flatMap(([reason, names]) =>
    names.map((name) => [name, reason] as const),
  ),
);

/** Encodings by the vendor: AMD has no NOP here. */
const BY_VENDOR = ["0f 0d /r"];

/** Whether pml5 gives the row a meaning. */
export function isImplemented(row: InstructionRow): boolean {
  return row.semantic in SEMANTICS || row.semantic in HELPERS;
}

/** Why a row cannot be compared with silicon at CPL 3; undefined if it can. */
export function reasonToSkip(row: InstructionRow, mode: CaseMode): string | undefined {
  if (!isImplemented(row)) return "not implemented";
  if (mode === 64 ? row.invalid64 : row.only64) return `not in ${mode}-bit mode`;
  if (BY_VENDOR.includes(row.encoding)) return "differs between vendors";
  return REASONS.get(row.semantic);
}

/** Whether a row's meaning involves x87, MMX or XMM registers or MXCSR. */
export function usesVectors(row: InstructionRow): boolean {
  const vectorPlaces = /(^|\/)([FNPQUVW][a-z]?|ST\d|XMM\d)$/;
  if (row.operands.some((operand) => vectorPlaces.test(operand))) return true;
  return /^(mmx|sse|ssse3|sse2|sse3)$/.test(row.feature)
    ? !/^([lms]fence|movnti|prefetch)$/.test(row.semantic)
    : row.map === "1" && row.opcode >= 0xd8 && row.opcode <= 0xdf;
}

/**
 * The rows to compare.
 * @param vectors with vector registers, or those without
 * @param hostHas whether the native processor has a feature (see Native.has)
 */
export function comparableRows(
  mode: CaseMode,
  vectors: boolean,
  hostHas: (feature: string) => boolean,
): InstructionRow[] {
  return instructionRows.filter(
    (row) =>
      reasonToSkip(row, mode) === undefined && usesVectors(row) === vectors && hostHas(row.feature),
  );
}
