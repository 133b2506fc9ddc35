/** What single instructions need of registers and memory so that they do not only fault. */
import { type DecodedInstruction, NO_REGISTER } from "../../src/cpu/decode/decoded.ts";
import type { InstructionRow } from "../../src/cpu/decode/row.ts";
import { CODE_MAX_BYTES, PLACE, WINDOW_BYTES } from "./cases.ts";
import { type Draft, getGpr, setFlags, setGpr, setMemory } from "./draft.ts";

type Scene = (draft: Draft, i: DecodedInstruction, row: InstructionRow) => void;

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const RSP = 4;
const RBP = 5;
const RSI = 6;
const RDI = 7;
const TF = 0x100;
/** Bytes of the jump behind the code. */
const JUMP_BYTES = 14;

/** RSP near the middle of the window, mostly aligned. */
const stack: Scene = (draft) => {
  const { random } = draft;
  const pointer = draft.windowAt + WINDOW_BYTES / 2 + 8 * (random.below(8) - 4);
  setGpr(draft, RSP, BigInt(random.once(4) ? pointer + random.below(8) : pointer));
};

const leave: Scene = (draft, i, row) => {
  stack(draft, i, row);
  setGpr(draft, RBP, getGpr(draft, RSP));
  if (draft.random.once(2)) stack(draft, i, row);
};

/** An address in the page of INT3, but not in the code. */
function landing(draft: Draft): number {
  const { random } = draft;
  const after = PLACE.code + CODE_MAX_BYTES + JUMP_BYTES + random.below(32);
  return random.once(2) ? PLACE.code - 16 - random.below(64) : after;
}

const ret: Scene = (draft, i, row) => {
  stack(draft, i, row);
  if (draft.random.once(8)) return;
  setMemory(draft, Number(getGpr(draft, RSP)), BigInt(landing(draft)));
};

/** The image on the stack must not switch single-stepping on. */
const popf: Scene = (draft, i, row) => {
  stack(draft, i, row);
  let pointer = Number(getGpr(draft, RSP));
  if (pointer > PLACE.readOnly - 8) pointer = draft.windowAt;
  setGpr(draft, RSP, BigInt(pointer));
  const image = BigInt(draft.random.u32()) & ~BigInt(TF | 0x4_0000);
  setMemory(draft, pointer, image);
};

/** CALL and JMP through a register or memory; the relative ones are patched by the generator. */
const branch: Scene = (draft, i, row) => {
  stack(draft, i, row);
  // Whether a CALL checks its target or its stack first is the vendor's matter: no fault by both.
  const pointer = Number(getGpr(draft, RSP));
  if (pointer > PLACE.readOnly || pointer < PLACE.data + 16) {
    setGpr(draft, RSP, BigInt(PLACE.data + 16));
  }
  if (i.memory === 0) {
    // A stack in the page of INT3 would spoil it.
    if (i.rm !== RSP && !draft.random.once(8)) setGpr(draft, i.rm, BigInt(landing(draft)));
  } else if (!draft.random.once(8)) setMemory(draft, draft.target, BigInt(landing(draft)));
};

const count: Scene = (draft) => {
  if (draft.random.once(2)) setGpr(draft, RCX, BigInt(draft.random.below(3)));
};

/** Pointers into the window, equal bytes in places, a small count or one that runs into a fault. */
const string: Scene = (draft, i) => {
  const { random, windowAt } = draft;
  const place = () => BigInt(windowAt + 8 + random.below(WINDOW_BYTES - 24));
  setGpr(draft, RSI, place() - BigInt(i.segment === 5 ? PLACE.gsBase : 0));
  setGpr(draft, RDI, place());
  if (i.addressBytes === 4 && random.once(2)) {
    setGpr(draft, RSI, getGpr(draft, RSI) | (BigInt(random.u32()) << 32n));
  }
  if (i.rep === 0 || !random.once(6)) setGpr(draft, RCX, BigInt(random.below(8)));
  if (random.once(2)) {
    const value = BigInt(random.below(2));
    for (let at = 0; at < WINDOW_BYTES; at += 8) setMemory(draft, windowAt + at, value);
    setGpr(draft, RAX, random.once(2) ? value : getGpr(draft, RAX));
  }
};

/** Both pointers never leave their page in one iteration: vendors begin with different ones. */
const compareStrings: Scene = (draft, i, row) => {
  string(draft, i, row);
  const distance = BigInt(8 * (draft.random.below(5) - 2));
  const base = BigInt(i.segment === 5 ? PLACE.gsBase : 0);
  setGpr(draft, RDI, BigInt.asUintN(32, getGpr(draft, RSI) + base + distance));
};

/** A count of 0 is checked before the permission by Intel's processors, after it by AMD's. */
const stringPort: Scene = (draft, i, row) => {
  string(draft, i, row);
  setGpr(draft, RCX, BigInt(1 + draft.random.below(7)));
};

const xlat: Scene = (draft, i) => {
  const base = draft.target - Number(getGpr(draft, RAX) & 0xffn);
  setGpr(draft, RBX, BigInt(base - (i.segment === 5 ? PLACE.gsBase : 0)));
};

/** The bit offset in a register moves the operand: keep it in the window, mostly. */
const bitTest: Scene = (draft, i, row) => {
  const { random } = draft;
  if (i.memory === 0 || row.operands[1] !== "Gv" || random.once(16)) return;
  if (i.reg === i.base || i.reg === i.index) return;
  setGpr(draft, i.reg, BigInt(random.below(512) - 256));
};

/** A high half that is small against the divisor, so that the quotient mostly fits. */
const divide: Scene = (draft, i) => {
  const { random } = draft;
  if (random.once(4) || i.operandBytes === 1) return;
  const low = getGpr(draft, RAX);
  const sign = random.once(2) && low >> BigInt(i.operandBytes * 8 - 1) !== 0n ? -1n : 0n;
  setGpr(draft, RDX, random.once(4) ? getGpr(draft, RDX) >> BigInt(random.below(64)) : sign);
};

/** Equal in half of the cases. */
const compareExchange: Scene = (draft, i) => {
  if (draft.random.once(2)) return;
  if (i.memory === 0) setGpr(draft, RAX, getGpr(draft, i.rm));
  else setMemory(draft, draft.target, getGpr(draft, RAX));
};

const compareExchangeWide: Scene = (draft, i) => {
  if (draft.random.once(2)) return;
  const half = i.operandBytes === 8 ? 8 : 4;
  setMemory(draft, draft.target + half, getGpr(draft, RDX));
  setMemory(draft, draft.target, getGpr(draft, RAX));
  if (half === 4) {
    const low = getGpr(draft, RAX) & 0xffff_ffffn;
    setMemory(draft, draft.target, low | ((getGpr(draft, RDX) & 0xffff_ffffn) << 32n));
  }
};

/** Where the memory operand lies: near the target, if not at it. */
function operandAddress(draft: Draft, i: DecodedInstruction): number {
  if (i.base === NO_REGISTER && i.index === NO_REGISTER) return draft.target;
  let sum = (BigInt(i.dispHi) << 32n) | BigInt(i.dispLo >>> 0);
  if (i.base !== NO_REGISTER) sum += getGpr(draft, i.base);
  if (i.index !== NO_REGISTER) sum += getGpr(draft, i.index) << BigInt(i.scale);
  const offset = Number(BigInt.asUintN(i.addressBytes * 8, sum));
  return offset + (i.segment === 5 ? PLACE.gsBase : 0);
}

/** A lawful value mostly. Bit 17 is AMD's misaligned-exception mask, which pml5 has not. */
const loadMxcsr: Scene = (draft, i) => {
  const { random } = draft;
  const word = random.u32() & ~(1 << 17);
  setMemory(draft, operandAddress(draft, i), BigInt((random.once(4) ? word : word & 0xffff) >>> 0));
};

/** rDI at the target, or where the writable pages end or begin. */
const maskedStore: Scene = (draft, i) => {
  const { random } = draft;
  const edge = random.once(2) ? PLACE.data : PLACE.readOnly;
  const place = random.once(4) ? edge + random.below(32) - 20 : draft.target;
  setGpr(draft, RDI, BigInt(place - (i.segment === 5 ? PLACE.gsBase : 0)));
};

const SCENES: Readonly<Record<string, Scene>> = {
  push: stack,
  pop: stack,
  pushf: stack,
  popf,
  leave,
  enter: leave,
  ret,
  call: branch,
  jmp: branch,
  loop: count,
  loope: count,
  loopne: count,
  jcxz: count,
  movs: string,
  cmps: compareStrings,
  stos: string,
  lods: string,
  scas: string,
  ins: stringPort,
  outs: stringPort,
  xlat,
  ldmxcsr: loadMxcsr,
  maskmovq: maskedStore,
  maskmovdqu: maskedStore,
  bt: bitTest,
  bts: bitTest,
  btr: bitTest,
  btc: bitTest,
  div: divide,
  idiv: divide,
  cmpxchg: compareExchange,
  cmpxchg8b: compareExchangeWide,
};

/** Sets the scene for a row. */
export function prepare(draft: Draft, row: InstructionRow, i: DecodedInstruction): void {
  setFlags(draft, 0, TF);
  SCENES[row.semantic]?.(draft, i, row);
}

/**
 * Makes a relative branch land on INT3.
 * @param offset of the instruction in the code
 */
export function aimBranch(
  draft: Draft,
  row: InstructionRow,
  bytes: Uint8Array,
  offset: number,
): void {
  const relative = row.operands.find((operand) => operand.startsWith("J"));
  if (relative === undefined) return;
  const distance = landing(draft) - (PLACE.code + offset + bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (relative === "Jb") view.setInt8(bytes.length - 1, distance);
  else view.setInt32(bytes.length - 4, distance, true);
}
