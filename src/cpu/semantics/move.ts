/** Data movement (SDM 1, Data Transfer Instructions). */
import { ops, type Size } from "../builder/ops.ts";
import type { Semantic } from "../builder/shape.ts";
import type { SemanticGroup } from "./group.ts";

const mov: Semantic = (b, i) => {
  if (i.src.kind === "segment") {
    b.write(i.dst, b.target.selector(i.src));
    return;
  }
  b.write(i.dst, b.read(i.src));
};

const movzx: Semantic = (b, i) => b.write(i.dst, b.readUnsigned(i.src));

const lea: Semantic = (b, i) => b.write({ ...i.dst, bytes: i.size }, b.target.offset());

/** A locked exchange by nature. */
const xchg: Semantic = (b, i) => {
  const place = b.modify(i.dst);
  const other = b.let(b.read(i.src));
  b.target.writeRegister(i.src, place.value);
  place.write(other);
};

/** The register is written even if the condition fails: 32-bit ones lose their upper half. */
const cmovcc: Semantic = (b, i) => {
  const source = b.let(b.read(i.src));
  const condition = b.let(b.flags.condition(i.condition));
  b.write(i.dst, ops.select(condition, source, b.read(i.dst)));
};

const setcc: Semantic = (b, i) => b.write(i.dst, ops.widenU(b.flags.condition(i.condition)));

/** CBW, CWDE, CDQE: the lower half of rAX, sign-extended. */
const cbw: Semantic = (b, i) => {
  b.setReg(0, ops.signed((i.size / 2) as Size, b.reg(0)), i.size);
};

/** CWD, CDQ, CQO: rDX becomes the sign of rAX. */
const cwd: Semantic = (b, i) => {
  b.setReg(2, ops.shrS(ops.signed(i.size, b.reg(0)), 63), i.size);
};

const nop: Semantic = () => {};

export const MOVES: SemanticGroup = {
  mov: { emit: mov },
  movsx: { emit: mov },
  movsxd: { emit: mov },
  movzx: { emit: movzx },
  movnti: { emit: mov },
  lea: { emit: lea },
  xchg: { emit: xchg },
  cmovcc: { emit: cmovcc },
  setcc: { emit: setcc },
  cbw: { emit: cbw },
  cwd: { emit: cwd },
  nop: { emit: nop },
  pause: { emit: nop },
  prefetch: { emit: nop },
  lfence: { emit: nop },
  mfence: { emit: nop },
  sfence: { emit: nop },
};
