/** When a bit of a present entry is reserved and must be 0 (SDM 3A, "Paging", format tables). */
import { type FormatName, fieldNamed, fieldsOf } from "./formats.ts";
import { field, flag, isIa32e, type ModelProcessor } from "./processor.ts";

interface ReservedRule {
  readonly says: string;
  isBroken(entry: bigint, format: FormatName, cpu: ModelProcessor): boolean;
}

const RULES: readonly ReservedRule[] = [
  {
    says: "a field that the format calls reserved must be 0",
    isBroken: (entry, format) =>
      fieldsOf(format).some(
        ({ name, hi, lo }) => name === "reserved" && field(entry, hi, lo) !== 0n,
      ),
  },
  {
    says: "physical-address bits at and above MAXPHYADDR must be 0 (formats of 64 bits)",
    isBroken: (entry, format, cpu) =>
      cpu.paging !== "32-bit" &&
      fieldNamed(format, "address") !== undefined &&
      field(entry, 51, 12) >> BigInt(cpu.maxPhyAddr - 12) !== 0n,
  },
  {
    says: "XD is reserved while IA32_EFER.NXE = 0",
    isBroken: (entry, format, cpu) => {
      const xd = fieldNamed(format, "XD");
      return xd !== undefined && flag(entry, xd.hi) && !cpu.nxe;
    },
  },
  {
    says: "PS of a PDPTE is reserved where 1-GByte pages are not supported",
    isBroken: (_entry, format, cpu) => format === "PDPTE of a 1-GByte page" && !cpu.has1GBytePages,
  },
  {
    says:
      "the 4-MByte page's upper address bits end below M, the lesser of 40 and MAXPHYADDR; " +
      "without PSE-36 there are none",
    isBroken: (entry, format, cpu) => {
      const upper = fieldNamed(format, "address39:32");
      if (upper === undefined) return false;
      const m = cpu.hasPse36 ? Math.min(40, cpu.maxPhyAddr) : 32;
      return field(entry, upper.hi, upper.lo) >= 2n ** BigInt(m - 32);
    },
  },
];

/** Whether a present entry sets a bit that is reserved for this processor. */
export function setsReservedBit(entry: bigint, format: FormatName, cpu: ModelProcessor): boolean {
  return RULES.some((rule) => rule.isBroken(entry, format, cpu));
}

/** Whether loading this PDPTE register gives #GP(0) ("PDPTE Registers"). */
export function refusesPdpte(entry: bigint, cpu: ModelProcessor): boolean {
  return flag(entry, 0) && setsReservedBit(entry, "PAE PDPTE", cpu);
}

/** Whether an entry that has a PS bit maps a page by it ("CR4.PSE" counts in 32-bit paging only). */
export function pageSizeFlagCounts(cpu: ModelProcessor): boolean {
  return cpu.paging === "PAE" || isIa32e(cpu) || cpu.pse;
}
