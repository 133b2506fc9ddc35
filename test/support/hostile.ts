/** Processors in every mode over random memory: code, tables and registers are what chance gives. */
import type { Random } from "../../src/base/random.ts";
import type { Cpu } from "../../src/cpu/cpu.ts";
import { ACTIVITY, CONTROL, CS, LDTR, TR } from "../../src/cpu/layout.ts";
import type { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { CR0, CR4, EFER, RESET_REGISTERS } from "../../src/mmu/control-bits.ts";

export const RAM_BYTES = 4 << 20;

const AT = { tables: 0x1000, gdt: 0x6000, idt: 0x7000, tss: 0x8000, code: 0x10000 } as const;
const CODE_BYTES = 0x4000;
const DATA_SEGMENTS = [0, 2, 3, 4, 5];

export interface HostileMode {
  readonly name: string;
  readonly cpl: number;
  readonly cr0: number;
  readonly cr4: number;
  readonly efer: number;
  /** Rights of CS and of the data segments for CPL 0. */
  readonly code: number;
  readonly data: number;
  readonly flags: number;
}

const PAGED = CR0.PE | CR0.PG | CR0.WP | CR0.NE | CR0.ET;
const LONG = EFER.LME | EFER.LMA | EFER.NXE | EFER.SCE;
const V86 = (1 << 17) | (3 << 12);

const PROTECTED = {
  cpl: 0,
  cr0: PAGED,
  cr4: CR4.PSE,
  efer: 0,
  code: 0xc09b,
  data: 0xc093,
  flags: 0,
};
const WIDE = { ...PROTECTED, cr4: CR4.PAE | CR4.PGE, efer: LONG };

export const HOSTILE_MODES: readonly HostileMode[] = [
  { ...PROTECTED, name: "real-address mode", cr0: CR0.ET, cr4: 0, code: 0x9b, data: 0x93 },
  { ...PROTECTED, name: "virtual-8086 mode", cpl: 3, code: 0xfb, data: 0xf3, flags: V86 },
  { ...PROTECTED, name: "16-bit protected mode", cr0: CR0.PE | CR0.ET, code: 0x9b, data: 0x93 },
  { ...PROTECTED, name: "32-bit protected mode, CPL 0" },
  { ...PROTECTED, name: "32-bit protected mode, CPL 1", cpl: 1 },
  { ...PROTECTED, name: "32-bit protected mode, CPL 3", cpl: 3 },
  { ...PROTECTED, name: "PAE paging, CPL 0", cr4: CR4.PAE },
  { ...WIDE, name: "compatibility mode, CPL 0" },
  { ...WIDE, name: "compatibility mode, CPL 3", cpl: 3 },
  { ...WIDE, name: "64-bit mode, CPL 0", code: 0xa09b },
  { ...WIDE, name: "64-bit mode, CPL 3", cpl: 3, code: 0xa09b },
  { ...WIDE, name: "64-bit mode, 5-level, CPL 0", cr4: WIDE.cr4 | CR4.LA57, code: 0xa09b },
];

/** Puts the processor into a mode, with new random code and tables. */
export function prepare(cpu: Cpu, memory: PhysicalMemory, mode: HostileMode, random: Random): void {
  writeRandom(memory, AT.code, CODE_BYTES, random);
  writeTables(memory, mode);
  writeDescriptors(memory, mode, random);
  revive(cpu, mode, random);
}

/** Begins anew somewhere in the code; memory stays as it is. */
export function revive(cpu: Cpu, mode: HostileMode, random: Random): void {
  cpu.mmu.restoreRegisters({
    ...RESET_REGISTERS,
    cr0: mode.cr0,
    cr3: BigInt(AT.tables),
    cr4: mode.cr4,
    efer: mode.efer,
    pdptes: [0x2001n, 0n, 0n, 0n],
  });
  setState(cpu, mode, random);
}

function setState(cpu: Cpu, mode: HostileMode, random: Random): void {
  const { state } = cpu;
  const rpl = mode.cpl << 5;
  const segmented = mode.cr0 & CR0.PE && !(mode.flags & (1 << 17));
  const selector = segmented ? 8 | mode.cpl : AT.code >> 4;
  const base = segmented ? 0n : BigInt(AT.code);
  const limit = mode.code & 0x8000 ? 0xffff_ffff : segmented ? 0x1ffff : 0xffff;
  state.setSegment(CS, { selector, base, limit, rights: mode.code | rpl });
  for (const index of DATA_SEGMENTS) {
    const data = segmented ? 0x10 | mode.cpl : AT.code >> 4;
    state.setSegment(index, { selector: data, base, limit, rights: mode.data | rpl });
  }
  state.setSegment(LDTR, { selector: 0, base: 0n, limit: 0, rights: 0 });
  state.setSegment(TR, { selector: 0x30, base: BigInt(AT.tss), limit: 0x2fff, rights: 0x8b });
  state.set64(CONTROL.gdtBase, BigInt(AT.gdt));
  state.set32(CONTROL.gdtLimit, 0xff);
  state.set64(CONTROL.idtBase, BigInt(AT.idt));
  state.set32(CONTROL.idtLimit, 0xfff);
  state.set32(CONTROL.activity, ACTIVITY.running);
  state.flags = mode.flags | 2 | (random.next() & 0x8d5);
  for (let index = 0; index < 16; index++) state.setGpr(index, randomWord(random));
  state.setGpr(4, BigInt(AT.code + 0x8000 + (random.next() & 0xff)));
  const start = random.next() % CODE_BYTES;
  state.rip = BigInt(segmented ? AT.code + start : start);
  cpu.cpl = mode.cpl;
  cpu.modeChanged();
}

/** Addresses within the RAM, small numbers, and anything. */
function randomWord(random: Random): bigint {
  const word = random.next();
  switch (word & 3) {
    case 0:
      return BigInt(random.next() % RAM_BYTES);
    case 1:
      return BigInt(random.next() & 0xff);
    default:
      return (BigInt(random.next()) << 32n) | BigInt(random.next());
  }
}

function writeRandom(memory: PhysicalMemory, at: number, bytes: number, random: Random): void {
  for (let i = 0; i < bytes; i += 4) memory.write32(at + i, random.next());
}

/** The whole address space leads to the first 4 MiB, by large pages. */
function writeTables(memory: PhysicalMemory, { cr4, efer }: HostileMode): void {
  if (!(cr4 & CR4.PAE)) {
    for (let i = 0; i < 1024; i++) memory.write32(AT.tables + 4 * i, i < 4 ? 0x87 : 0);
    return;
  }
  const levels = !(efer & EFER.LMA) ? 1 : cr4 & CR4.LA57 ? 3 : 2;
  for (let level = 0; level < levels; level++) {
    memory.write64(AT.tables + level * 0x1000, BigInt(AT.tables + (level + 1) * 0x1000 + 7));
  }
  memory.write64(AT.tables + levels * 0x1000, 0x87n);
  memory.write64(AT.tables + levels * 0x1000 + 8, 0x20_0087n);
}

/** Some descriptors and gates that work; the others are random. */
function writeDescriptors(memory: PhysicalMemory, mode: HostileMode, random: Random): void {
  writeRandom(memory, AT.gdt, 0x100, random);
  writeRandom(memory, AT.idt, 0x1000, random);
  const flat = [0n, 0x00cf_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn, 0x00cf_fb00_0000_ffffn];
  const more = [0x00cf_f300_0000_ffffn, 0x00af_fb00_0000_ffffn, 0x0000_8b00_8000_2fffn];
  [...flat, ...more, 0n, 0x00af_9b00_0000_ffffn].forEach((word, i) => {
    memory.write64(AT.gdt + 8 * i, word);
  });
  writeRandom(memory, AT.tss, 0x80, random);
  memory.write64(AT.tss + 4, BigInt(AT.code + 0x9000));
  memory.write64(AT.tss + 8, 0x10n);
  for (let vector = 0; vector < 32; vector++) {
    if ((random.next() & 15) !== 0) writeGate(memory, mode, vector, random);
  }
}

function writeGate(
  memory: PhysicalMemory,
  { efer }: HostileMode,
  vector: number,
  random: Random,
): void {
  const long = (efer & EFER.LMA) !== 0;
  const at = AT.idt + vector * (long ? 16 : 8);
  const target = AT.code + (random.next() % CODE_BYTES);
  const type = 0x8e | (random.next() & 0x61);
  memory.write32(at, (target & 0xffff) | ((long ? 0x40 : 0x08) << 16));
  memory.write32(at + 4, (target & 0xffff_0000) | (type << 8));
  if (long) memory.write64(at + 8, 0n);
}
