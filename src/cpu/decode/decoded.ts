/** What a decode leaves behind: one reusable object of small integers. */

/** Numbers of the segment registers, as `segment` and a `Sw` operand's `reg` hold them. */
export const SEGMENT_ES = 0;
export const SEGMENT_CS = 1;
export const SEGMENT_SS = 2;
export const SEGMENT_DS = 3;
export const SEGMENT_FS = 4;
export const SEGMENT_GS = 5;

/** `base` or `index` of a memory operand that has none. */
export const NO_REGISTER = -1;

/**
 * One decoded instruction. `Decoder.decode` fills every field on `DECODE_OK`; after any other
 * status the fields are unspecified. All are int32, so that decoding allocates nothing.
 */
export class DecodedInstruction {
  /** Index into `instructionRows`. */
  row = 0;
  /** 1..15. */
  length = 0;
  /** Effective operand size: 1, 2, 4 or 8 (1 in rows that are `byteSized`). */
  operandBytes = 0;
  /** Effective address size: 2, 4 or 8. */
  addressBytes = 0;
  /**
   * Segment of the memory operand (ModRM, moffs, or rSI/rBX of string instructions and XLAT):
   * an override, else SS with rSP/rBP as base, else DS. Overrides by ES, CS, SS and DS do not
   * exist in 64-bit mode.
   */
  segment = SEGMENT_DS;
  /** 1 if `segment` came from a prefix. */
  segmentOverridden = 0;
  /** 1 if LOCK is there (and legal). */
  lock = 0;
  /** The last of the prefixes F2 and F3 (0xF2, 0xF3), or 0; also where it means nothing. */
  rep = 0;
  /**
   * REX byte 0x40..0x4F, or 0 without. Byte registers 4..7 are AH, CH, DH, BH if this is 0, else
   * SPL, BPL, SIL, DIL. REX.R, X and B are already in the register numbers. 0 with VEX.
   */
  rex = 0;
  /** ModRM.mod, 3 also for a register in the opcode; 0 for moffs. */
  mod = 0;
  /** ModRM.reg with REX.R (0..15); 0..7 for MMX, segment and /digit. */
  reg = 0;
  /** Register 0..15 of the register form (`mod` = 3), of an opcode register, or ST(i). */
  rm = 0;
  /** 1 if there is a memory operand by ModRM or moffs: then `base` … `disp` and `segment` count. */
  memory = 0;
  /** Base register 0..15, or `NO_REGISTER`. */
  base = NO_REGISTER;
  /** Index register 0..15, or `NO_REGISTER`. */
  index = NO_REGISTER;
  /** Shift 0..3 of the index. */
  scale = 0;
  /** 1 if the address is relative to the next instruction (`base` and `index` are none). */
  ripRelative = 0;
  /** Displacement, sign-extended to 64 bits; a moffs is zero-extended. */
  dispHi = 0;
  dispLo = 0;
  /** Immediate, branch displacement or far offset, extended to 64 bits as its operand says. */
  immHi = 0;
  immLo = 0;
  /** Second immediate: nesting level of ENTER, selector of a far pointer. */
  imm2 = 0;
  /** Register 0..15 in VEX.vvvv. */
  vvvv = 0;
  /** Condition 0..15 of Jcc, SETcc and CMOVcc (low opcode bits), else 0. */
  condition = 0;
}

/** The instruction is decoded. */
export const DECODE_OK = 0;
/** The bytes end inside the instruction; call again with more (at most 15 are ever needed). */
export const DECODE_MORE = 1;
/** Invalid opcode or an illegal combination: #UD. */
export const DECODE_INVALID = 2;
/** Longer than 15 bytes: #GP(0). */
export const DECODE_TOO_LONG = 3;

export type DecodeStatus = 0 | 1 | 2 | 3;
