/**
 * Pre-decoded instructions: 64 bytes each in the linear memory, successive ones of a block in a
 * row. Generated code reads operands from here: registers as host addresses, so that AH and XMM3
 * are found like RAX.
 */

export const RECORD_BYTES = 64;

export const RECORD = {
  /** u16: number of the handler. */
  handler: 0,
  /** u8: instructions in the block that begins here; valid in a block's first record. */
  blockLength: 2,
  /** i8: instructions of the block after this one; -1 in records that are no instruction. */
  after: 3,
  /** u16: offset of the instruction in its 4-KiB page. */
  offset: 4,
  /** u8: length in bytes. */
  length: 6,
  /** u8: shift 0..3 of the index; `COMPLEX` added if segment, mask or limits matter. */
  scale: 7,
  /** i32 each: host addresses of register operands by slot. */
  slot: 8,
  /** i32 each: host addresses of base and index. */
  base: 24,
  index: 28,
  /**
   * i64: displacement (relative to the instruction pointer: from the start of the page); for a
   * relative branch the mask of its target.
   */
  displacement: 32,
  /** i64: immediate, or branch target as offset from the start of the page. */
  immediate: 40,
  /**
   * i32: block at the branch target, `LINK_UNKNOWN` or `LINK_ELSEWHERE`; of HANDLER_APART the
   * number of its function.
   */
  link: 48,
  /** i32: for helpers the number of the decoded instruction, for relative branches of the page. */
  detail: 52,
  /** i32: for complex addresses: host address of the segment register. */
  segment: 56,
  /** u8 each: address size in bytes; 1 in 64-bit mode; 1 if the memory operand's segment is SS. */
  addressBytes: 60,
  long: 61,
  stack: 62,
} as const;

/** In `RECORD.scale`: take the long way to the linear address. */
export const COMPLEX = 4;

export const LINK_UNKNOWN = 0;
/** The target lies in another page: it must be looked up each time. */
export const LINK_ELSEWHERE = 1;

/** Handlers that are not instructions. */
export const HANDLER_STALE = 0;
/** Goes on at the target without counting as an instruction. */
export const HANDLER_FALL_THROUGH = 1;
/** Leaves generated code after the instruction at the record cell. */
export const HANDLER_STOP = 2;
/** Calls the TypeScript helper of the instruction. */
export const HANDLER_HELPER = 3;
/** Raises the fault in the record's immediate. */
export const HANDLER_FAULT = 4;
/** Leaves generated code at the target, after a single instruction. */
export const HANDLER_STEP_END = 5;
/** Calls the instruction's own function. */
export const HANDLER_APART = 6;
export const FIRST_INSTRUCTION_HANDLER = 7;
/** Added to the number of a function where handlers are chosen: not one of the records' numbers. */
export const APART = 0x10000;
