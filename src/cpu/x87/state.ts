/** The x87 control, status and tag words (SDM 1, "x87 FPU Control, Status and Tag Registers"). */

/** Status word. Bits 0..5 are the exception flags of float/context.ts. */
export const STATUS = {
  /** Stack fault. */
  SF: 1 << 6,
  /** An unmasked exception is pending. */
  ES: 1 << 7,
  C0: 1 << 8,
  C1: 1 << 9,
  C2: 1 << 10,
  C3: 1 << 14,
  /** Busy: equals ES. */
  B: 1 << 15,
} as const;

/** Register number of the top of the stack, bits 11..13. */
export const TOP_SHIFT = 11;
export const ANY_TOP = 7 << TOP_SHIFT;

/**
 * The tag cell holds two bits for each register: 3 empty, else 0. Whether a full one is zero or
 * special is told by its contents when somebody asks.
 */
export const ALL_VALID = 0;
export const ALL_EMPTY = 0xffff;

/** Control word: precision and rounding control, and the bits that can be written. */
export const CONTROL_WORD = {
  initial: 0x37f,
  masks: 0x3f,
  precisionShift: 8,
  roundingShift: 10,
  writable: 0x1f3f,
  /** Reads as 1. */
  fixed: 0x40,
} as const;
