/** The components of the extended state that XSAVE knows (SDM 1, "XSAVE-Supported Features"). */

export interface XstateComponent {
  /** Bit of XCR0. */
  readonly bit: number;
  /** The feature that brings it. */
  readonly feature: string;
  /** Place in the standard format; x87 and SSE lie in the legacy region. */
  readonly offset: number;
  readonly bytes: number;
}

const LEGACY_AND_HEADER_BYTES = 576;

export const XSTATE_COMPONENTS: readonly XstateComponent[] = [
  { bit: 0, feature: "xsave", offset: 0, bytes: 160 },
  { bit: 1, feature: "sse", offset: 160, bytes: 256 },
];

/** Bits of XCR0 that software may set. */
export function xcr0Bits(features: ReadonlySet<string>): number {
  return XSTATE_COMPONENTS.reduce(
    (bits, { bit, feature }) => (features.has(feature) ? bits | (1 << bit) : bits),
    0,
  );
}

/** Size of the standard format with these components. */
export function xsaveBytes(mask: number): number {
  return XSTATE_COMPONENTS.reduce(
    (size, { bit, offset, bytes }) => ((mask >> bit) & 1 ? Math.max(size, offset + bytes) : size),
    LEGACY_AND_HEADER_BYTES,
  );
}
