/** IA32_APIC_BASE and the modes that it switches between (SDM 3A, "x2APIC State Transitions"). */

export type ApicMode = "disabled" | "xAPIC" | "x2APIC";

const BIT = { boot: 0x100, x2apic: 0x400, enabled: 0x800 } as const;
const MODE_BITS = { disabled: 0, xAPIC: BIT.enabled, x2APIC: BIT.enabled | BIT.x2apic } as const;
/** Bits 7:0 and 9. */
const RESERVED_LOW = 0x2ffn;

export function encodeApicBase(base: number, mode: ApicMode, boot: boolean): bigint {
  return BigInt(base + MODE_BITS[mode] + (boot ? BIT.boot : 0));
}

/**
 * What a write of `value` makes of an APIC in mode `from`.
 * @returns undefined for #GP(0): reserved bits, x2APIC out of disabled, or back from x2APIC to xAPIC
 */
export function decodeApicBase(
  value: bigint,
  from: ApicMode,
  maxPhyAddr: number,
): { base: number; mode: ApicMode } | undefined {
  const reserved = RESERVED_LOW | ((1n << 64n) - (1n << BigInt(maxPhyAddr)));
  if (value & reserved) return undefined;
  const bits = Number(value & 0xfffn) & MODE_BITS.x2APIC;
  const mode = (["disabled", "xAPIC", "x2APIC"] as const).find((name) => MODE_BITS[name] === bits);
  if (mode === undefined) return undefined;
  if (mode === "x2APIC" && from === "disabled") return undefined;
  if (mode === "xAPIC" && from === "x2APIC") return undefined;
  return { base: Number(value & ~0xfffn), mode };
}
