/**
 * The processor's state as bytes in the linear memory: offsets from the state's base.
 *
 * Generated code reaches every register with one load at a constant address, so the *running*
 * processor's state always lies at the same place; a machine with several processors copies
 * (`CpuState.save` and `load`) at each change of processor.
 */

/** 16 general registers of 8 bytes, in the order of their encoding. */
export const GPR = 0;
export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;

/** Offset of general register `index` 0..15. */
export function gprOffset(index: number): number {
  return GPR + index * 8;
}

/** 16 XMM registers of 16 bytes; YMM upper halves would follow at `YMM_HIGH`. */
export const XMM = 0x100;
export const YMM_HIGH = 0x200;

export function xmmOffset(index: number): number {
  return XMM + index * 16;
}

/** 8 MMX registers, aliased to the mantissas of the 8 x87 registers (16 bytes each). */
export const X87 = 0x300;

/** Single cells. The comment tells the type; an i64 is two int32, low half first. */
export const CELL = {
  /** i64: always 0; the register of a memory operand that has no base or no index. */
  zero: 0x400,
  /** i64: instruction pointer (RIP, EIP or IP), valid whenever generated code is not running. */
  rip: 0x408,
  /** i64: instruction pointer of the first byte of the page that is being executed. */
  ipBase: 0x410,
  /** i64 each: the status flags, lazily (see builder/flags.ts). */
  flagResult: 0x418,
  flagMinuend: 0x420,
  flagSubtrahend: 0x428,
  /** i32: shift and deltas of the lazy flags. */
  flagForm: 0x430,
  /** i32: RFLAGS without the six status flags; bit 1 is always set. */
  flagsOther: 0x434,

  /** i32 each: host addresses of the fast tables of the current permission context. */
  readTable: 0x438,
  writeTable: 0x43c,
  executeTable: 0x440,
  /** i64: the fast tables' generation, part of every valid tag (see mmu/fast-table.ts). */
  fastGeneration: 0x4d0,
  /** i32: number of the current code context (width, CS base and limit). */
  codeContext: 0x444,
  /** i64: linear address of the code segment's offset 0, and the mask of a linear address. */
  codeBase: 0x448,
  codeMask: 0x450,
  /** i64: last offset of the code segment; 64 minus the width of canonical addresses. */
  codeLimit: 0x4d8,
  canonicalShift: 0x4e0,
  /** i64: mask of the stack pointer: 16, 32 or 64 ones. */
  stackMask: 0x458,
  /** i32: current privilege level. */
  cpl: 0x460,

  /** 16 bytes: value of a slow load, or to be stored by a slow store. */
  value: 0x470,
  /** i32: record at which generated code last called out or stopped. */
  record: 0x480,
  /** i32: instructions that may still begin; see `CpuState.budget`. */
  budget: 0x484,
  /** i32: a fault (see mmu/fault.ts) that a slow path found. */
  fault: 0x488,
  /** i32: 1 if generated code shall stop after the current instruction. */
  stop: 0x48c,

  /** i32: MXCSR. x87 control, status and tag words, last opcode. */
  mxcsr: 0x490,
  fpuControl: 0x494,
  fpuStatus: 0x498,
  fpuTag: 0x49c,
  fpuOpcode: 0x4a0,
  /** i64 each: x87 last instruction and data pointers. */
  fpuInstruction: 0x4a8,
  fpuData: 0x4b0,
  /** i64: instructions retired since reset. */
  instructions: 0x4b8,
  /** i64: value of `instructions` at which an STI or MOV SS shadow ends. */
  shadow: 0x4c0,
  /** i32 each: the fault that SSE and MMX instructions raise now (see faults.ts), 0 for none. */
  sseBlocked: 0x4c8,
  mmxBlocked: 0x4cc,
} as const;

/** Segment registers ES, CS, SS, DS, FS, GS, then LDTR and TR, 64 bytes each. */
export const SEGMENTS = 0x500;
export const SEGMENT_BYTES = 64;
export const LDTR = 6;
export const TR = 7;

/** Within a segment register. The windows are what a data access outside 64-bit mode may reach. */
export const SEGMENT = {
  /** i64: base. */
  base: 0,
  /** i32 each: selector, access rights (descriptor bits 40..55 as 0..15), limit in bytes. */
  selector: 8,
  rights: 12,
  limit: 16,
  /** i64 each: lowest and highest offset that may be read; lowest > highest if none. */
  readLow: 24,
  readHigh: 32,
  writeLow: 40,
  writeHigh: 48,
} as const;

export function segmentOffset(index: number): number {
  return SEGMENTS + index * SEGMENT_BYTES;
}

/** i64 each. */
export const CONTROL = {
  cr2: 0x700,
  cr8: 0x708,
  xcr0: 0x710,
  gdtBase: 0x718,
  idtBase: 0x720,
  /** i32 each. */
  gdtLimit: 0x728,
  idtLimit: 0x72c,
  /** i64 each. */
  dr0: 0x730,
  dr1: 0x738,
  dr2: 0x740,
  dr3: 0x748,
  dr6: 0x750,
  dr7: 0x758,
  star: 0x760,
  lstar: 0x768,
  cstar: 0x770,
  sfmask: 0x778,
  kernelGsBase: 0x780,
  sysenterCs: 0x788,
  sysenterEsp: 0x790,
  sysenterEip: 0x798,
  tscAux: 0x7a0,
  tscOffset: 0x7a8,
  pat: 0x7b0,
  miscEnable: 0x7b8,
  apicBase: 0x7c0,
  xss: 0x7c8,
  /** i64 each: IA32_BIOS_SIGN_ID, IA32_TSC_ADJUST, IA32_MCG_STATUS. */
  biosSign: 0x7d8,
  tscAdjust: 0x7e0,
  mcgStatus: 0x7e8,
  /** i64 each: IA32_MTRR_PHYSBASE0, PHYSMASK0 ... PHYSMASK7, the 11 fixed ones, DEF_TYPE. */
  mtrrVariable: 0x800,
  mtrrFixed: 0x880,
  mtrrDefault: 0x8d8,
  /** i32: 1 while an NMI is being served; activity: 0 running, 1 halted, 2 waiting for SIPI, 3 shutdown. */
  nmiBlocked: 0x7d0,
  activity: 0x7d4,
} as const;

export const STATE_BYTES = 0x900;

/** Values of `CONTROL.activity`. */
export const ACTIVITY = { running: 0, halted: 1, waitingForStartup: 2, shutdown: 3 } as const;

/** Numbers of segment registers, as the encoding has them. */
export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;
