/**
 * Operators of the builder. All integers of the guest are i64; `size` is an operand size in bytes.
 * Where both operands are known, so is the result: that is what a region compiler folds away.
 */
import { OP } from "../../wasm/opcodes.ts";
import { binary, const32, const64, select, unary, type Value } from "./value.ts";

/** 1, 2, 4 or 8. */
export type Size = 1 | 2 | 4 | 8;

type Operand = Value | bigint | number;

/** A number means an i64 constant. */
export function wide(a: Operand): Value {
  return typeof a === "object" ? a : const64(BigInt(a));
}

/** A number means an i32 constant. */
function narrow(a: Operand): Value {
  return typeof a === "object" ? a : const32(Number(a));
}

type Fold = (a: bigint, b: bigint) => bigint;

function arithmetic(opcode: number, fold?: Fold, identity?: bigint) {
  return (left: Operand, right: Operand): Value => {
    const a = wide(left);
    const b = wide(right);
    if (fold && a.known !== undefined && b.known !== undefined) {
      return const64(fold(a.known, b.known));
    }
    if (identity !== undefined && b.known === identity) return a;
    return binary(opcode, "i64", a, b);
  };
}

function comparison(opcode: number) {
  return (left: Operand, right: Operand): Value => binary(opcode, "i32", wide(left), wide(right));
}

function logical32(opcode: number) {
  return (left: Operand, right: Operand): Value =>
    binary(opcode, "i32", narrow(left), narrow(right));
}

const EXTEND_SIGN = { 1: OP.i64Extend8S, 2: OP.i64Extend16S, 4: OP.i64Extend32S } as const;

/** Arithmetic on i64. Shift counts are taken modulo 64. */
export const ops = {
  add: arithmetic(OP.i64Add, (a, b) => a + b, 0n),
  sub: arithmetic(OP.i64Sub, (a, b) => a - b, 0n),
  mul: arithmetic(OP.i64Mul, (a, b) => a * b, 1n),
  divS: arithmetic(OP.i64DivS),
  divU: arithmetic(OP.i64DivU),
  remS: arithmetic(OP.i64RemS),
  remU: arithmetic(OP.i64RemU),
  and: arithmetic(OP.i64And, (a, b) => a & b, 0xffff_ffff_ffff_ffffn),
  or: arithmetic(OP.i64Or, (a, b) => a | b, 0n),
  xor: arithmetic(OP.i64Xor, (a, b) => a ^ b, 0n),
  shl: arithmetic(OP.i64Shl, (a, b) => a << (b & 63n), 0n),
  shrU: arithmetic(OP.i64ShrU, (a, b) => a >> (b & 63n), 0n),
  shrS: arithmetic(OP.i64ShrS, (a, b) => BigInt.asIntN(64, a) >> (b & 63n), 0n),
  rotl: arithmetic(OP.i64Rotl, (a, b) => (a << (b & 63n)) | (a >> (64n - (b & 63n))), 0n),
  rotr: arithmetic(OP.i64Rotr, (a, b) => (a >> (b & 63n)) | (a << (64n - (b & 63n))), 0n),

  clz: (a: Value) => unary(OP.i64Clz, "i64", a),
  ctz: (a: Value) => unary(OP.i64Ctz, "i64", a),
  popcnt: (a: Value) => unary(OP.i64Popcnt, "i64", a),
  not: (a: Value) => binary(OP.i64Xor, "i64", a, const64(-1n)),

  // Comparisons give an i32, 0 or 1.
  eqz: (a: Value) => unary(a.type === "i64" ? OP.i64Eqz : OP.i32Eqz, "i32", a),
  eq: comparison(OP.i64Eq),
  ne: comparison(OP.i64Ne),
  ltU: comparison(OP.i64LtU),
  ltS: comparison(OP.i64LtS),
  leU: comparison(OP.i64LeU),
  leS: comparison(OP.i64LeS),
  gtU: comparison(OP.i64GtU),
  gtS: comparison(OP.i64GtS),
  geU: comparison(OP.i64GeU),
  geS: comparison(OP.i64GeS),

  // On i32: conditions and small integers.
  and32: logical32(OP.i32And),
  or32: logical32(OP.i32Or),
  xor32: logical32(OP.i32Xor),
  add32: logical32(OP.i32Add),
  sub32: logical32(OP.i32Sub),
  mul32: logical32(OP.i32Mul),
  shl32: logical32(OP.i32Shl),
  shrU32: logical32(OP.i32ShrU),
  shrS32: logical32(OP.i32ShrS),
  eq32: logical32(OP.i32Eq),
  ne32: logical32(OP.i32Ne),
  ltS32: logical32(OP.i32LtS),
  ltU32: logical32(OP.i32LtU),
  popcnt32: (a: Value) => unary(OP.i32Popcnt, "i32", a),

  /** i64 to its low 32 bits, and back. */
  wrap: (a: Value) => unary(OP.i32WrapI64, "i32", a),
  widenU: (a: Value) => unary(OP.i64ExtendI32U, "i64", a),
  widenS: (a: Value) => unary(OP.i64ExtendI32S, "i64", a),

  select,

  /** The low `size` bytes, sign-extended. */
  signed(size: Size, a: Value): Value {
    if (size === 8) return a;
    if (a.known !== undefined) return const64(BigInt.asIntN(size * 8, a.known));
    return unary(EXTEND_SIGN[size], "i64", a);
  },

  /** The low `size` bytes, zero-extended. */
  unsigned(size: Size, a: Value): Value {
    if (size === 8) return a;
    if (a.known !== undefined) return const64(BigInt.asUintN(size * 8, a.known));
    if (size === 4) return ops.widenU(ops.wrap(a));
    return ops.and(a, size === 1 ? 0xffn : 0xffffn);
  },
} as const;
