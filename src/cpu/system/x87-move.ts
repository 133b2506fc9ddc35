/** FLD, FST, FILD, FIST, FBLD, FBSTP, constants, FXCH, FCMOV. */

import { FLAG } from "../builder/flags.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import type { Helper } from "../engine/helper-table.ts";
import { isOdd, noteDenormal, propagate } from "../float/arithmetic.ts";
import { EXCEPTION, ROUND } from "../float/context.ts";
import { fromInteger, toInteger } from "../float/convert.ts";
import { EXTENDED, type Float, finite, INDEFINITE, zero } from "../float/number.ts";
import { pack } from "../float/round.ts";
import { INDEFINITE_BITS, x87 } from "../x87/unit.ts";
import type { SystemGroup } from "./group.ts";
import { continuing } from "./x87-arithmetic.ts";
import {
  formatOf,
  loadBits,
  loaded,
  loadSource,
  memoryBytes,
  probeStore,
  storeBits,
} from "./x87-operands.ts";

const EXTENDED_BYTES = 10;

/** Pushes a number that fits the extended format. */
function pushExact(a: Float): void {
  x87.push(pack({ ...x87.context, precisionBits: 64 }, EXTENDED, a));
}

/** FLD: a signaling NaN or denormal of fewer than 80 bits is an exception. */
const fld = continuing((cpu, i) => {
  const raised = x87.begin(cpu) || loadSource(cpu, i, "float");
  if (raised !== 0) return raised;
  if (i.memory === 0) {
    if (!x87.isEmpty(i.rm)) x87.push(x87.bits(i.rm));
    else if (x87.underflow()) x87.pushAnyway(INDEFINITE_BITS);
  } else if (memoryBytes(cpu, i) === EXTENDED_BYTES) x87.push(loaded.bits);
  else if (x87.isFull) x87.push(0n);
  else {
    const a = loaded.value;
    pushExact(isOdd(a) ? propagate(x87.context, a, a) : a);
    // Pushed even if the exception is unmasked.
    noteDenormal(x87.context, a);
  }
  return x87.finish(i);
});

const fild = continuing((cpu, i) => {
  const raised = x87.begin(cpu) || loadSource(cpu, i, "integer");
  if (raised !== 0) return raised;
  pushExact(loaded.value);
  return x87.finish(i);
});

/** What is stored of ST(0), and what the masked response to an empty one is. */
interface Store {
  readonly convert: (a: Float, bits: bigint, bytes: number) => bigint;
  readonly indefinite: (bytes: number) => bigint;
}

/**
 * Stores in memory: nothing is stored or popped after an unmasked exception, but the memory must be
 * writable.
 */
function store(cpu: Cpu, i: DecodedInstruction, pops: boolean, how: Store): number {
  const raised = x87.begin(cpu);
  if (raised !== 0) return raised;
  const bytes = memoryBytes(cpu, i);
  const unwritable = probeStore(cpu, i, bytes);
  if (unwritable !== 0) return unwritable;
  let bits = how.indefinite(bytes);
  if (x87.isEmpty(0)) x87.underflow();
  else bits = how.convert(x87.read(0), x87.bits(0), bytes);
  if (x87.storeIsStopped) x87.forgetPrecision();
  else {
    const fault = storeBits(cpu, i, bytes, bits);
    if (fault !== 0) return fault;
    if (pops) x87.pop();
  }
  return x87.finish(i);
}

const FLOAT_STORE: Store = {
  convert: (a, bits, bytes) => {
    if (bytes === EXTENDED_BYTES) return bits;
    const { context } = x87;
    context.precisionBits = 64;
    if (isOdd(a)) return pack(context, formatOf(bytes), propagate(context, a, a));
    return pack(context, formatOf(bytes), a);
  },
  indefinite: (bytes) => pack(x87.context, formatOf(bytes), INDEFINITE),
};

function integerStore(truncates: boolean): Store {
  return {
    convert: (a, _bits, bytes) => {
      if (truncates) x87.context.rounding = ROUND.zero;
      return toInteger(x87.context, a, bytes * 8);
    },
    indefinite: (bytes) => 1n << BigInt(bytes * 8 - 1),
  };
}

/**
 * FST and FSTP: to memory, or a copy of the register as it is. FSTPNCE, which the manual does not
 * name, only pops an empty one (seen on AMD's processors).
 */
function floatStore(pops: boolean): Helper<Cpu> {
  return continuing((cpu, i) => {
    if (i.memory !== 0) return store(cpu, i, pops, FLOAT_STORE);
    const raised = x87.begin(cpu);
    if (raised !== 0) return raised;
    if (x87.isEmpty(0) && cpu.rowOf(i).mnemonics[0] === "fstpnce") {
      x87.pop();
      return x87.finish(i);
    }
    let bits = INDEFINITE_BITS;
    if (x87.isEmpty(0)) x87.underflow();
    else bits = x87.bits(0);
    if (!x87.isStopped) {
      x87.setBits(i.rm, bits);
      if (pops) x87.pop();
    }
    return x87.finish(i);
  });
}

// --- Packed decimal -------------------------------------------------------------------------------

const DIGITS = 18n;
const DECIMAL_INDEFINITE = 0xffff_c000_0000_0000_0000n;
const DECIMAL_SIGN = 1n << 79n;

const fbld = continuing((cpu, i) => {
  const raised = x87.begin(cpu) || loadBits(cpu, i, EXTENDED_BYTES);
  if (raised !== 0) return raised;
  let value = 0n;
  for (let n = DIGITS - 1n; n >= 0n; n--) value = value * 10n + ((loaded.bits >> (n * 4n)) & 15n);
  const negative = (loaded.bits & DECIMAL_SIGN) !== 0n;
  pushExact(value === 0n ? zero(negative) : fromInteger(negative ? -value : value));
  return x87.finish(i);
});

const DECIMAL_STORE: Store = {
  convert: (a) => {
    const { context } = x87;
    const before = context.flags;
    const value = BigInt.asIntN(64, toInteger(context, a, 64));
    const magnitude = value < 0n ? -value : value;
    if (context.flags & EXCEPTION.INVALID || magnitude >= 10n ** DIGITS) {
      context.flags = before | EXCEPTION.INVALID;
      return DECIMAL_INDEFINITE;
    }
    const digits = BigInt(`0x${magnitude}`);
    return a.negative ? digits | DECIMAL_SIGN : digits;
  },
  indefinite: () => DECIMAL_INDEFINITE,
};

// --- Constants ------------------------------------------------------------------------------------

/** Significands of 64 bits, cut, with two more bits that round as the rest would; exponent. */
const CONSTANTS: Readonly<Record<string, readonly [significand: bigint, exponent: number]>> = {
  fld1: [1n, 0],
  fldl2t: [(0xd49a_784b_cd1b_8afen << 2n) | 1n, -64],
  fldl2e: [(0xb8aa_3b29_5c17_f0bbn << 2n) | 3n, -65],
  fldpi: [(0xc90f_daa2_2168_c234n << 2n) | 3n, -64],
  fldlg2: [(0x9a20_9a84_fbcf_f798n << 2n) | 3n, -67],
  fldln2: [(0xb172_17f7_d1cf_79abn << 2n) | 3n, -66],
};

function constant(a: Float): Helper<Cpu> {
  return continuing((cpu, i) => {
    const raised = x87.begin(cpu);
    if (raised !== 0) return raised;
    pushExact(a);
    return x87.finish(i);
  });
}

// --- Exchanges and conditional moves --------------------------------------------------------------

const fxch = continuing((cpu, i) => {
  const raised = x87.begin(cpu);
  if (raised !== 0) return raised;
  const empty = x87.isEmpty(0) || x87.isEmpty(i.rm);
  if (!empty || x87.underflow()) {
    const [a, b] = [0, i.rm].map((n) => (x87.isEmpty(n) ? INDEFINITE_BITS : x87.bits(n)));
    x87.setBits(0, b as bigint);
    x87.setBits(i.rm, a as bigint);
  }
  return x87.finish(i);
});

function conditionalMove(flags: number, wanted: boolean): Helper<Cpu> {
  return continuing((cpu, i) => {
    const raised = x87.begin(cpu);
    if (raised !== 0) return raised;
    if (x87.isEmpty(0) || x87.isEmpty(i.rm)) {
      if (x87.underflow()) x87.setBits(0, INDEFINITE_BITS);
    } else if (((cpu.state.flags & flags) !== 0) === wanted) x87.setBits(0, x87.bits(i.rm));
    x87.keepC1();
    return x87.finish(i);
  });
}

function constants(): SystemGroup {
  const entries = Object.entries(CONSTANTS).map(([name, [significand, exponent]]) => [
    name,
    constant(finite(false, significand, exponent)),
  ]);
  return Object.fromEntries(entries);
}

export const X87_MOVES: SystemGroup = {
  fld,
  fild,
  fst: floatStore(false),
  fstp: floatStore(true),
  fist: continuing((cpu, i) => store(cpu, i, false, integerStore(false))),
  fistp: continuing((cpu, i) => store(cpu, i, true, integerStore(false))),
  fisttp: continuing((cpu, i) => store(cpu, i, true, integerStore(true))),
  fbld,
  fbstp: continuing((cpu, i) => store(cpu, i, true, DECIMAL_STORE)),
  ...constants(),
  fldz: constant(zero(false)),
  fxch,
  fcmovb: conditionalMove(FLAG.CF, true),
  fcmove: conditionalMove(FLAG.ZF, true),
  fcmovbe: conditionalMove(FLAG.CF | FLAG.ZF, true),
  fcmovu: conditionalMove(FLAG.PF, true),
  fcmovnb: conditionalMove(FLAG.CF, false),
  fcmovne: conditionalMove(FLAG.ZF, false),
  fcmovnbe: conditionalMove(FLAG.CF | FLAG.ZF, false),
  fcmovnu: conditionalMove(FLAG.PF, false),
};
