/**
 * What goes to the silicon and comes back: cases and results as bytes, the structures of native.c.
 *
 *     case     0 length   8 code   64 GPRs   192 flags   200 window's address   208 window
 *     result   0 trap, error   8 rip   16 cr2   24 flags   32 GPRs   160 window   288 stray write
 *
 * GPRs stand in the order of their encoding. With vectors, an FXSAVE image of 512 bytes follows.
 */

/** Linear addresses, the same natively and in pml5; none that a random value hits easily. */
export const PLACE = {
  /** A page of INT3; the code lies in its middle. */
  codePage: 0x1234_5000,
  code: 0x1234_5800,
  /** Two writable pages, then a read-only one. Nothing is mapped before and behind. */
  data: 0x2345_6000,
  readOnly: 0x2345_8000,
  dataEnd: 0x2345_9000,
  gsBase: 0x7000,
  /** Where 32-bit code leaves natively. */
  stubPage: 0x1357_9000,
} as const;

export const PAGE_BYTES = 4096;
export const CODE_MAX_BYTES = 56;
/** Bytes of memory that a case sets and a result shows. */
export const WINDOW_BYTES = 128;
export const FX_BYTES = 512;

export const CASE = {
  length: 0,
  code: 8,
  gpr: 64,
  flags: 192,
  windowAt: 200,
  window: 208,
  fx: 336,
} as const;

export const RESULT = {
  /** i32: vector of the exception, -1 for none. u32: its error code. */
  trap: 0,
  error: 4,
  rip: 8,
  /** Of a page fault, else 0. */
  cr2: 16,
  flags: 24,
  gpr: 32,
  window: 160,
  /** i32: offset in the writable pages of the first 8 bytes changed outside the window, -1. u64. */
  stray: 288,
  strayValue: 296,
  fx: 304,
} as const;

/** RFLAGS that are compared: status flags, DF, NT, AC, ID. */
export const COMPARED_FLAGS = 0x24_4cd5;

/** The byte at an offset of the read-only page; native.c fills it alike. */
export function readOnlyByte(offset: number): number {
  return (offset * 37 + 11) & 0xff;
}

/** How many bytes of a window can be written. */
export function writableBytes(windowAt: number): number {
  return Math.max(0, Math.min(WINDOW_BYTES, PLACE.readOnly - windowAt));
}

/** 32: compatibility mode, with flat 32-bit segments. */
export type CaseMode = 32 | 64;

/** Records of one kind, one behind the other. */
export class Records {
  readonly count: number;
  /** The mode in which cases run. */
  readonly mode: CaseMode;
  readonly strideBytes: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(
    count: number,
    strideBytes: number,
    mode: CaseMode,
    bytes: Uint8Array<ArrayBufferLike> = new Uint8Array(count * strideBytes),
  ) {
    this.count = count;
    this.mode = mode;
    this.strideBytes = strideBytes;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Offset of record `index`. */
  at(index: number): number {
    return index * this.strideBytes;
  }
}

export function newCases(count: number, vectors: boolean, mode: CaseMode): Records {
  return new Records(count, CASE.fx + (vectors ? FX_BYTES : 0), mode);
}

export function newResults({ count, mode }: Records, vectors: boolean): Records {
  return new Records(count, RESULT.fx + (vectors ? FX_BYTES : 0), mode);
}
