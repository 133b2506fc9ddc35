/** `pml5 walk FILE ADDRESS` */
import { byteSize, hex, hex64 } from "../../base/hex.ts";
import {
  describeRights,
  explainFault,
  knownSteps,
  missingStep,
  type WalkQuestion,
} from "../../inspect/explain-walk.ts";
import { describeAccess, FETCH, READ, USER, WRITE } from "../../mmu/access.ts";
import { describeEntry } from "../../mmu/entry.ts";
import { describeFault, faultErrorCode, faultVector } from "../../mmu/fault.ts";
import {
  isLawfulPat,
  memoryTypeName,
  memoryTypeOf,
  patType,
  RESET_PAT,
} from "../../mmu/memory-type.ts";
import { RIGHT } from "../../mmu/rights.ts";
import { type WalkResult, type WalkStep, walk } from "../../mmu/walk.ts";
import type { Arguments } from "../arguments.ts";
import { type Command, UsageError } from "../command.ts";
import { DUMP_DETAILS, DUMP_OPTIONS, type OpenDump, withDump } from "../dump-options.ts";
import type { Io } from "../io.ts";
import { table } from "../style.ts";
import { hexadecimal, hexadecimal32 } from "../values.ts";
import { stepTable } from "../walk-text.ts";

const KINDS = { r: READ, w: WRITE, x: FETCH } as const;

export const walkCommand: Command = {
  name: "walk",
  summary: "how a linear address is translated, entry by entry",
  operands: ["FILE", "ADDRESS"],
  options: {
    access: { value: "r|w|x", help: "judge a read, write or instruction fetch" },
    user: { help: "by user mode (CPL 3); else by supervisor mode" },
    pkru: { value: "HEX", help: "PKRU, for user pages with a protection key (0)" },
    pkrs: { value: "HEX", help: "IA32_PKRS, the same for kernel pages (0)" },
    pat: { value: "HEX", help: "IA32_PAT, which no dump holds (its value after reset)" },
    format: { value: "text|json", help: "text unless given" },
    ...DUMP_OPTIONS,
  },
  details: `${DUMP_DETAILS}

ADDRESS is hexadecimal, with or without 0x, or one of rip, rsp, cr2: that register of the
processor. Without --access and --user the address is translated and its rights are shown, but
not judged; with one of them the walk faults as the processor would, CR0.WP and EFLAGS.AC being as
the dump has them. Nothing is written: A and D bits stay as they are.`,
  examples: [
    ["walk vm.elf.gz ffffffff81a17a0b", "translate an address of the kernel"],
    ["walk vm.elf rip --access x", "may the processor fetch where it stands?"],
    ["walk vm.elf 400000 --user --access w", "the page fault of a write to read-only memory"],
  ],
  run: (args, io) => withDump(args, io, async (dump) => report(dump, args, io)),
};

interface Answer extends WalkQuestion {
  readonly result: WalkResult;
  /** Whether the access is judged, or the address only translated. */
  readonly judged: boolean;
  readonly pat: bigint;
  /** Whether the frame that the address leads to is in the dump. */
  readonly frameInDump: boolean;
}

function report(dump: OpenDump, args: Arguments, io: Io): number {
  const format = args.choice("format", ["text", "json"]);
  const { core, mode } = dump;
  const judged = args.has("access") || args.has("user");
  const kind = KINDS[args.choice("access", ["r", "w", "x"])];
  const access = kind | (args.has("user") ? USER : 0);
  const key = (name: string) => args.value(name, hexadecimal32) ?? 0;
  const registers = { ...dump.registers, pkru: key("pkru"), pkrs: key("pkrs") };
  const linear = addressOf(args.operands[1] as string, dump, args);
  const result = walk(core, mode, registers, linear, access);
  const frameInDump = core.isPresent(result.physical);
  const pat = patOf(args);
  const answer = { mode, registers, linear, access, result, judged, pat, frameInDump };
  if (format === "json") io.out.line(JSON.stringify(jsonOf(answer), null, 2));
  else for (const line of textOf(answer, dump, io)) io.out.line(line);
  return isTranslated(answer) ? 0 : 1;
}

function addressOf(text: string, { core }: OpenDump, args: Arguments): bigint {
  if (text !== "rip" && text !== "rsp" && text !== "cr2") return hexadecimal(text, "ADDRESS");
  const cpu = core.cpus[Number(args.text("cpu") ?? 0)];
  if (!cpu) throw new UsageError(`ADDRESS: the dump has no QEMU note to tell ${text}`);
  return cpu[text];
}

function patOf(args: Arguments): bigint {
  const pat = args.value("pat", hexadecimal) ?? RESET_PAT;
  if (!isLawfulPat(pat)) {
    throw new UsageError(`--pat: expected eight types of 0, 1, 4, 5, 6 or 7, got ${hex(pat)}`);
  }
  return pat;
}

/** A fault that comes of judging does not count where only the translation was asked for. */
function isTranslated({ result, judged, mode }: Answer): boolean {
  if (missingStep(result)) return false;
  return result.fault === 0 || (!judged && (result.level > 0 || mode.levels === 0));
}

function textOf(answer: Answer, { origin, registers }: OpenDump, io: Io): string[] {
  const { mode, result, linear, access, judged } = answer;
  const { style } = io;
  const asked = judged ? describeAccess(access) : "translation only";
  const kind = mode.kind === "none" ? "no" : mode.kind;
  const top = `${kind} paging, CR3 ${hex(registers.cr3)} (${origin}), ${asked}`;
  const lines = [`${style.paint("heading", `0x${hex64(linear)}`)}  ${style.paint("faint", top)}`];
  if (knownSteps(result).length > 0) lines.push("", ...stepTable(result, mode, style));
  lines.push("");
  const missing = missingStep(result);
  if (missing) {
    const at = hex(missing.entryAddress);
    lines.push(`${style.paint("bad", "unknown")}  the ${missing.name} at ${at} is not in the dump`);
    return lines;
  }
  if (!isTranslated(answer)) {
    const fault = style.paint("bad", describeFault(result.fault));
    lines.push(`${fault}  ${explainFault(result, answer)}`);
  }
  if (result.level > 0 || result.fault === 0) lines.push(...table(translationRows(answer, io)));
  return lines;
}

function translationRows(answer: Answer, { style }: Io): string[][] {
  const { mode, result, frameInDump } = answer;
  const name = (text: string) => style.paint("name", text);
  const physical = style.paint("address", hex(result.physical));
  const rows = [
    [name("physical"), frameInDump ? physical : `${physical} (this frame is not in the dump)`],
  ];
  if (mode.levels === 0) return rows;
  const base = result.physical - (result.physical % result.pageBytes);
  rows.push(
    [name("page"), `${byteSize(result.pageBytes)} at ${hex(base)}`],
    [name("rights"), describeRights(result.rights)],
    [name("type"), memoryTypeText(answer)],
    [name("global"), result.global ? "yes" : "no"],
    [name("key"), mode.levels >= 4 ? String(result.protectionKey) : "none in this mode"],
  );
  return rows;
}

function memoryTypeText({ pat, result }: Answer): string {
  const fromPat = patType(pat, result.patIndex);
  const effective = memoryTypeName(memoryTypeOf({ pat }, result.patIndex, result.physical));
  const which = pat === RESET_PAT ? "IA32_PAT as after reset" : `IA32_PAT ${hex(pat)}`;
  const entry = `PAT entry ${result.patIndex} is ${memoryTypeName(fromPat)}`;
  return `${effective} (${entry} in ${which}; MTRRs taken as WB)`;
}

function jsonOf(answer: Answer): object {
  const { mode, result, linear, access, judged, pat, frameInDump } = answer;
  const missing = missingStep(result);
  const translated = missing === undefined && (result.level > 0 || result.fault === 0);
  const fault = isTranslated(answer) || missing ? 0 : result.fault;
  return {
    linear: hex(linear),
    mode: mode.kind,
    access: judged ? describeAccess(access) : null,
    steps: knownSteps(result).map((step) => stepJson(step, answer)),
    missingTable: missing ? hex(missing.entryAddress - (missing.entryAddress % 4096)) : null,
    fault:
      fault === 0
        ? null
        : {
            vector: faultVector(fault),
            errorCode: faultErrorCode(fault),
            text: describeFault(fault),
            reason: explainFault(result, answer),
          },
    translation: !translated
      ? null
      : {
          physical: hex(result.physical),
          inDump: frameInDump,
          pageBytes: result.pageBytes,
          user: (result.rights & RIGHT.USER) !== 0,
          write: (result.rights & RIGHT.WRITE) !== 0,
          execute: (result.rights & RIGHT.NO_EXECUTE) === 0,
          global: result.global,
          protectionKey: result.protectionKey,
          patIndex: result.patIndex,
          memoryType: memoryTypeName(memoryTypeOf({ pat }, result.patIndex, result.physical)),
        },
  };
}

function stepJson(step: WalkStep, { mode }: Answer): object {
  const { level, name, index, entryAddress, entry, absent, address } = step;
  const described = absent ? undefined : describeEntry(entry, level, mode);
  return {
    level,
    name,
    index,
    entryAddress: entryAddress < 0 ? null : hex(entryAddress),
    entry: absent ? null : hex(entry),
    bits: described?.bits ?? null,
    ignored: described ? hex(described.ignoredSet) : null,
    reserved: described?.present ? hex(described.reservedSet) : null,
    address: described?.present ? hex(address) : null,
  };
}
