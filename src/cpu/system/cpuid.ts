/** CPUID (SDM 2A, "CPUID—CPU Identification"). */
import { CR4 } from "../../mmu/control-bits.ts";
import type { Cpu } from "../cpu.ts";
import { type CpuidRegister, FEATURE_BITS } from "../features.ts";
import { CONTROL, RAX, RBX, RCX, RDX } from "../layout.ts";
import { CPU_SIGNATURE, MISC_ENABLE } from "../reset.ts";
import { TSC_HZ } from "../time.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";
import { XSTATE_COMPONENTS, xsaveBytes } from "./xstate.ts";

export type CpuidResult = Record<CpuidRegister, number>;

const MAX_BASIC_LEAF = 0x15;
const MAX_EXTENDED_LEAF = 0x8000_000a;
const BRAND = "pml5 virtual processor";
const CLFLUSH_LINE = 8;

/** The bytes of a text as little-endian words. */
function wordsOf(text: string, words: number): number[] {
  const bytes = new TextEncoder().encode(text.padEnd(words * 4, "\0"));
  const view = new DataView(bytes.buffer);
  return Array.from({ length: words }, (_, i) => view.getUint32(i * 4, true));
}

const VENDOR = wordsOf("GenuineIntel", 3) as [number, number, number];
const BRAND_WORDS = wordsOf(BRAND, 12);

type Leaf = (cpu: Cpu, subleaf: number, result: CpuidResult) => void;

/** What a leaf has besides the features, which the table of features adds. */
const LEAVES: ReadonlyMap<number, Leaf> = new Map<number, Leaf>([
  [
    0,
    (_cpu, _subleaf, r) => {
      Object.assign(r, { eax: MAX_BASIC_LEAF, ebx: VENDOR[0], edx: VENDOR[1], ecx: VENDOR[2] });
    },
  ],
  [1, version],
  [2, (_cpu, _subleaf, r) => Object.assign(r, { eax: 0x00ff_ff01 })],
  [4, cache],
  // MONITOR lines of 64 bytes, extensions enumerated.
  [5, (_cpu, _subleaf, r) => Object.assign(r, { eax: 64, ebx: 64, ecx: 3 })],
  [7, extendedFeatures],
  [0xb, topology],
  [0xd, extendedState],
  // The core crystal clock is what the local APIC's timer counts: TSC = crystal * EBX / EAX.
  [0x15, (_cpu, _subleaf, r) => Object.assign(r, { eax: 1, ebx: 1, ecx: TSC_HZ })],
  [0x8000_0000, (_cpu, _subleaf, r) => Object.assign(r, { eax: MAX_EXTENDED_LEAF })],
  [0x8000_0001, extendedVersion],
  [0x8000_0002, (_cpu, _subleaf, r) => brand(0, r)],
  [0x8000_0003, (_cpu, _subleaf, r) => brand(1, r)],
  [0x8000_0004, (_cpu, _subleaf, r) => brand(2, r)],
  // L2: 256 KiB, 8 ways, lines of 64 bytes.
  [0x8000_0006, (_cpu, _subleaf, r) => Object.assign(r, { ecx: 0x0100_6040 })],
  [
    0x8000_0008,
    ({ mmu }, _subleaf, r) => {
      const { maxPhyAddr, la57 } = mmu.registers.features;
      r.eax = maxPhyAddr | ((la57 ? 57 : 48) << 8);
    },
  ],
]);

function version(cpu: Cpu, _subleaf: number, r: CpuidResult): void {
  r.eax = CPU_SIGNATURE;
  r.ebx = (CLFLUSH_LINE << 8) | (cpu.count << 16) | ((apicId(cpu) & 0xff) << 24);
  if (cpu.mmu.cr4 & CR4.OSXSAVE) r.ecx |= 1 << 27;
  if (!(cpu.state.get64(CONTROL.miscEnable) & MISC_ENABLE.monitor)) r.ecx &= ~(1 << 3);
  if (cpu.count > 1) r.edx |= 1 << 28;
  if (cpu.apic?.mode === "disabled") r.edx &= ~(1 << 9);
}

/** L1 data and code of 32 KiB, L2 of 256 KiB, lines of 64 bytes, 8 ways. */
function cache(cpu: Cpu, subleaf: number, r: CpuidResult): void {
  if (subleaf > 2) return;
  const type = subleaf === 0 ? 1 : subleaf === 1 ? 2 : 3;
  const level = subleaf === 2 ? 2 : 1;
  r.eax = type | (level << 5) | (1 << 8) | ((cpu.count - 1) << 26);
  r.ebx = 63 | (7 << 22);
  r.ecx = (subleaf === 2 ? 512 : 64) - 1;
}

function extendedFeatures(cpu: Cpu, subleaf: number, r: CpuidResult): void {
  if (subleaf === 0 && cpu.mmu.cr4 & CR4.PKE) r.ecx |= 1 << 4;
}

/** Each processor is a core of its own: one thread a core, `count` cores a package. */
function topology(cpu: Cpu, subleaf: number, r: CpuidResult): void {
  r.ecx = subleaf & 0xff;
  r.edx = apicId(cpu);
  if (subleaf > 1) return;
  r.eax = subleaf === 0 ? 0 : 32 - Math.clz32(cpu.count - 1);
  r.ebx = subleaf === 0 ? 1 : cpu.count;
  r.ecx |= (subleaf + 1) << 8;
}

function extendedState(cpu: Cpu, subleaf: number, r: CpuidResult): void {
  if (!cpu.features.has("xsave")) return;
  const supported = XSTATE_COMPONENTS.filter(({ feature }) => cpu.features.has(feature));
  const mask = supported.reduce((bits, { bit }) => bits | (1 << bit), 0);
  if (subleaf === 0) {
    r.eax = mask;
    r.ebx = xsaveBytes(Number(cpu.state.get64(CONTROL.xcr0)));
    r.ecx = xsaveBytes(mask);
  } else if (subleaf === 1) {
    r.ebx = xsaveBytes(Number(cpu.state.get64(CONTROL.xcr0)));
  } else {
    const component = supported.find(({ bit }) => bit === subleaf && bit > 1);
    if (component) Object.assign(r, { eax: component.bytes, ebx: component.offset });
  }
}

function extendedVersion(cpu: Cpu, _subleaf: number, r: CpuidResult): void {
  // SYSCALL is announced in 64-bit mode only.
  if (cpu.codeWidth !== 64) r.edx &= ~(1 << 11);
}

function brand(part: number, r: CpuidResult): void {
  const [eax, ebx, ecx, edx] = BRAND_WORDS.slice(part * 4, part * 4 + 4);
  Object.assign(r, { eax, ebx, ecx, edx });
}

function apicId(cpu: Cpu): number {
  return cpu.apic?.apicId ?? cpu.index;
}

/** A basic leaf beyond the last one gives the last one. */
function knownLeaf(leaf: number): number {
  const extended = leaf >= 0x8000_0000;
  return leaf <= (extended ? MAX_EXTENDED_LEAF : MAX_BASIC_LEAF) ? leaf : MAX_BASIC_LEAF;
}

/** What CPUID gives for a leaf and subleaf, as int32. */
export function cpuid(cpu: Cpu, asked: number, subleaf: number): CpuidResult {
  const leaf = knownLeaf(asked);
  const result: CpuidResult = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  for (const [name, at] of FEATURE_BITS) {
    const here = at.leaf === leaf && at.subleaf === (hasSubleaves(leaf) ? subleaf : 0);
    if (here && cpu.features.has(name)) result[at.register] |= 1 << at.bit;
  }
  LEAVES.get(leaf)?.(cpu, subleaf, result);
  return result;
}

function hasSubleaves(leaf: number): boolean {
  return leaf === 7 || leaf === 0xd;
}

const run: SystemFunction = (cpu) => {
  const { state } = cpu;
  const { eax, ebx, ecx, edx } = cpuid(cpu, state.gpr32(RAX), state.gpr32(RCX));
  state.setGpr(RAX, BigInt(eax >>> 0));
  state.setGpr(RBX, BigInt(ebx >>> 0));
  state.setGpr(RCX, BigInt(ecx >>> 0));
  state.setGpr(RDX, BigInt(edx >>> 0));
  return 0;
};

export const IDENTIFICATION: SystemGroup = { cpuid: { run, continues: true } };
