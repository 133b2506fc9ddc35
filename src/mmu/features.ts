/** Which paging features a processor has (CPUID), as the MMU needs to know them. */
import { badArgument } from "../base/errors.ts";

export interface MmuFeatures {
  /** Width of a physical address, 36..52 (CPUID.80000008H:EAX[7:0]). */
  readonly maxPhyAddr: number;
  /** 5-level paging (CPUID.7.0:ECX[16]). */
  readonly la57: boolean;
  /** Long mode, without which there is neither 4- nor 5-level paging. */
  readonly longMode: boolean;
  /** 1-GByte pages (CPUID.80000001H:EDX[26]). */
  readonly gbPages: boolean;
  /** Execute-disable (CPUID.80000001H:EDX[20]). */
  readonly nx: boolean;
  readonly pse: boolean;
  readonly pse36: boolean;
  readonly pae: boolean;
  readonly pge: boolean;
  readonly pcid: boolean;
  readonly invpcid: boolean;
  readonly smep: boolean;
  readonly smap: boolean;
  /** Protection keys for user-mode pages. */
  readonly pku: boolean;
  /** Protection keys for supervisor-mode pages. */
  readonly pks: boolean;
  /** Bits of CR4 that the processor allows and that are none of the MMU's business. */
  readonly otherCr4Bits: number;
}

/** VME PVI TSD DE MCE PCE OSFXSR OSXMMEXCPT UMIP FSGSBASE OSXSAVE. */
const OTHER_CR4_BITS = 0x00050f4f;

/** Everything supported, 52 physical address bits. */
export const ALL_FEATURES: MmuFeatures = Object.freeze({
  maxPhyAddr: 52,
  la57: true,
  longMode: true,
  gbPages: true,
  nx: true,
  pse: true,
  pse36: true,
  pae: true,
  pge: true,
  pcid: true,
  invpcid: true,
  smep: true,
  smap: true,
  pku: true,
  pks: true,
  otherCr4Bits: OTHER_CR4_BITS,
});

/** `ALL_FEATURES` but for what is given. @throws ArgumentError for a maxPhyAddr outside 36..52 */
export function mmuFeatures(changes: Partial<MmuFeatures> = {}): MmuFeatures {
  const features = { ...ALL_FEATURES, ...changes };
  const { maxPhyAddr } = features;
  if (!Number.isInteger(maxPhyAddr) || maxPhyAddr < 36 || maxPhyAddr > 52) {
    badArgument("maxPhyAddr", "36..52", maxPhyAddr);
  }
  return Object.freeze(features);
}
