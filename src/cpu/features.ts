/**
 * CPUID features by QEMU's names: where CPUID announces each, what the MMU makes of it, and the
 * selection `max,-la57,phys-bits=46` that people write.
 */
import { badArgument } from "../base/errors.ts";
import { CR4 } from "../mmu/control-bits.ts";
import type { MmuFeatures } from "../mmu/features.ts";

export type CpuidRegister = "eax" | "ebx" | "ecx" | "edx";

/** Leaf, subleaf, register and bit that announce a feature. */
export interface FeatureBit {
  readonly leaf: number;
  readonly subleaf: number;
  readonly register: CpuidRegister;
  readonly bit: number;
}

type BitNames = Readonly<Record<number, string>>;

const LEAVES: readonly (readonly [number, number, CpuidRegister, BitNames])[] = [
  [
    1,
    0,
    "edx",
    {
      ...{ 0: "fpu", 1: "vme", 2: "de", 3: "pse", 4: "tsc", 5: "msr", 6: "pae", 7: "mce" },
      ...{ 8: "cx8", 9: "apic", 11: "sep", 12: "mtrr", 13: "pge", 14: "mca", 15: "cmov" },
      ...{ 16: "pat", 17: "pse36", 19: "clflush", 23: "mmx", 24: "fxsr", 25: "sse", 26: "sse2" },
    },
  ],
  [
    1,
    0,
    "ecx",
    {
      ...{ 0: "pni", 1: "pclmulqdq", 3: "monitor", 9: "ssse3", 13: "cx16", 17: "pcid" },
      ...{ 19: "sse4.1", 20: "sse4.2", 21: "x2apic", 22: "movbe", 23: "popcnt" },
      ...{ 24: "tsc-deadline", 25: "aes", 26: "xsave", 30: "rdrand" },
    },
  ],
  [6, 0, "eax", { 2: "arat" }],
  [
    7,
    0,
    "ebx",
    {
      ...{ 0: "fsgsbase", 1: "tsc-adjust", 3: "bmi1", 7: "smep", 8: "bmi2", 9: "erms" },
      ...{ 10: "invpcid", 18: "rdseed", 19: "adx", 20: "smap", 23: "clflushopt", 24: "clwb" },
      ...{ 29: "sha-ni" },
    },
  ],
  [7, 0, "ecx", { 2: "umip", 3: "pku", 16: "la57", 22: "rdpid", 31: "pks" }],
  [7, 0, "edx", { 4: "fsrm" }],
  [0xd, 1, "eax", { 0: "xsaveopt", 1: "xsavec", 2: "xgetbv1", 3: "xsaves" }],
  [0x8000_0001, 0, "ecx", { 0: "lahf-lm", 5: "abm", 8: "3dnowprefetch" }],
  [0x8000_0001, 0, "edx", { 11: "syscall", 20: "nx", 26: "pdpe1gb", 27: "rdtscp", 29: "lm" }],
  [0x8000_0007, 0, "edx", { 8: "invtsc" }],
  [0x8000_0008, 0, "ebx", { 9: "wbnoinvd" }],
];

/** Every feature that has a name here, implemented or not. */
export const FEATURE_BITS: ReadonlyMap<string, FeatureBit> = new Map(
  LEAVES.flatMap(([leaf, subleaf, register, names]) =>
    Object.entries(names).map(([bit, name]) => [
      name,
      { leaf, subleaf, register, bit: Number(bit) },
    ]),
  ),
);

/** Which features let software set which other bits of CR4. PCE has none. */
const CR4_OF_FEATURE: Readonly<Record<string, number>> = {
  vme: CR4.VME | CR4.PVI,
  tsc: CR4.TSD,
  de: CR4.DE,
  mce: CR4.MCE,
  fxsr: CR4.OSFXSR,
  sse: CR4.OSXMMEXCPT,
  umip: CR4.UMIP,
  fsgsbase: CR4.FSGSBASE,
  xsave: CR4.OSXSAVE,
};

/** The features as the MMU needs to know them. */
export function mmuFeaturesOf(
  features: ReadonlySet<string>,
  physicalAddressBits: number,
): MmuFeatures {
  const has = (name: string) => features.has(name);
  return {
    maxPhyAddr: physicalAddressBits,
    la57: has("la57"),
    longMode: has("lm"),
    gbPages: has("pdpe1gb"),
    nx: has("nx"),
    pse: has("pse"),
    pse36: has("pse36"),
    pae: has("pae"),
    pge: has("pge"),
    pcid: has("pcid"),
    invpcid: has("invpcid"),
    smep: has("smep"),
    smap: has("smap"),
    pku: has("pku"),
    pks: has("pks"),
    otherCr4Bits: Object.entries(CR4_OF_FEATURE).reduce(
      (bits, [name, more]) => (has(name) ? bits | more : bits),
      CR4.PCE,
    ),
  };
}

/** What a processor announces. */
export interface CpuModel {
  readonly features: ReadonlySet<string>;
  /** Width of a physical address, 36..52. */
  readonly physicalAddressBits: number;
}

/** Leaves 51:48 of an entry reserved, and room for memory at 64 TiB. */
export const DEFAULT_PHYSICAL_BITS = 48;

/**
 * Reads `max`, then any of `+name`, `-name`, `name=on`, `name=off` and `phys-bits=N`.
 * @param implemented what `max` stands for
 * @throws ArgumentError for a feature that is unknown, or cannot be switched on
 */
export function parseCpuModel(text: string, implemented: ReadonlySet<string>): CpuModel {
  const [base, ...changes] = text.split(",");
  if (base !== "max") badArgument("cpu", "max, then features", base ?? "");
  const features = new Set(implemented);
  let physicalAddressBits = DEFAULT_PHYSICAL_BITS;
  for (const change of changes) {
    const width = /^phys-bits=(\d+)$/.exec(change);
    if (width) physicalAddressBits = checkWidth(Number(width[1]));
    else changeFeature(features, implemented, change);
  }
  return { features, physicalAddressBits };
}

function checkWidth(bits: number): number {
  if (!(bits >= 36 && bits <= 52)) badArgument("cpu phys-bits", "36..52", bits);
  return bits;
}

function changeFeature(features: Set<string>, implemented: ReadonlySet<string>, change: string) {
  const signed = /^([+-])(.+)$/.exec(change);
  const valued = /^(.+)=(on|off)$/.exec(change);
  const name = signed?.[2] ?? valued?.[1];
  if (name === undefined) badArgument("cpu", "+feature, -feature or feature=on|off", change);
  if (!FEATURE_BITS.has(name)) {
    badArgument("cpu", `a feature of ${[...implemented].sort().join(" ")}`, name);
  }
  const on = signed?.[1] === "+" || valued?.[2] === "on";
  if (!on) features.delete(name);
  else if (implemented.has(name)) features.add(name);
  else badArgument(`cpu feature ${name}`, "one that is implemented", "one that is not");
}
