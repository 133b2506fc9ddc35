/** XLAT, CMPXCHG8B and CMPXCHG16B, and what is a NOP to a processor without caches. */
import type { Builder } from "../builder/builder.ts";
import { FLAG } from "../builder/flags.ts";
import { ops, type Size } from "../builder/ops.ts";
import type { Semantic } from "../builder/shape.ts";
import type { Place } from "../builder/target.ts";
import type { Value } from "../builder/value.ts";
import { GP } from "../faults.ts";
import { RAX, RBX, RCX, RDX } from "../layout.ts";
import type { SemanticGroup } from "./group.ts";

/** AL = the byte at rBX + AL. */
const xlat: Semantic = (b, i) => {
  const sum = ops.add(b.target.register(RBX), b.reg(RAX, 1));
  const offset = ops.unsigned(i.addressBytes as Size, sum);
  const linear = b.let(b.target.operandLinear(offset, 1, false));
  b.setReg(RAX, b.load(1, linear), 1);
};

/** Compares rDX:rAX with memory in two halves; ZF alone tells the outcome. */
const compareExchangeWide: Semantic = (b, i) => {
  const size = (i.size === 8 ? 8 : 4) as Size;
  const linear = b.linear(i.dst, true, size * 2);
  if (size === 8) b.if(ops.ne(ops.and(linear, 15), 0), () => b.target.fault(GP));
  if (size === 4) {
    exchange(b, size, halvesOf(b, b.target.modify(8, linear)));
    return;
  }
  const low = b.target.modify(8, linear);
  // Aligned to 16: in the same page, so this one cannot fault.
  const high = b.target.modify(8, b.let(ops.add(linear, 8)));
  exchange(b, size, {
    low: low.value,
    high: high.value,
    write: (lowValue, highValue) => {
      low.write(lowValue);
      high.write(highValue);
    },
  });
};

interface Halves {
  readonly low: Value;
  readonly high: Value;
  readonly write: (low: Value, high: Value) => void;
}

/** 64 bits as two halves of 32. */
function halvesOf(b: Builder, place: Place): Halves {
  return {
    low: b.let(ops.unsigned(4, place.value)),
    high: b.let(ops.shrU(place.value, 32)),
    write: (low, high) => place.write(ops.or(ops.unsigned(4, low), ops.shl(high, 32))),
  };
}

/** Memory is written in any case, with its old value if it differs. */
function exchange(b: Builder, size: Size, { low, high, write }: Halves): void {
  const isLow = ops.eq(ops.unsigned(size, low), b.reg(RAX, size));
  const equal = b.let(ops.and32(isLow, ops.eq(ops.unsigned(size, high), b.reg(RDX, size))));
  b.if(
    equal,
    () => write(b.reg(RBX, size), b.reg(RCX, size)),
    () => {
      write(low, high);
      b.setReg(RAX, low, size);
      b.setReg(RDX, high, size);
    },
  );
  const kept = ops.and32(b.flags.image(), ~FLAG.ZF);
  b.flags.setAll(b.let(ops.or32(kept, ops.shl32(equal, 6))));
}

/** Checked like a load of one byte. */
const touch: Semantic = (b, i) => {
  b.read(i.dst);
};

export const MISCELLANEOUS: SemanticGroup = {
  xlat: { emit: xlat, byAddressSize: true },
  cmpxchg8b: { emit: compareExchangeWide },
  clflush: { emit: touch },
  clflushopt: { emit: touch },
  clwb: { emit: touch },
};
