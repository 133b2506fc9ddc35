/**
 * DAA, DAS, AAA, AAS, AAM, AAD (SDM 2A, the instructions' pages), and SALC, which the manual does
 * not name but every processor has.
 *
 * Undefined flags: OF is cleared by DAA and DAS; AAA and AAS set SF, ZF, PF from AL and clear OF;
 * AAM and AAD clear CF, AF and OF.
 */
import type { Builder } from "../builder/builder.ts";
import { ops, wide } from "../builder/ops.ts";
import type { Semantic } from "../builder/shape.ts";
import { const32, type Value } from "../builder/value.ts";
import { DE } from "../faults.ts";
import { RAX } from "../layout.ts";
import type { SemanticGroup } from "./group.ts";

/** SF, ZF and PF from AL. */
function setFlags(b: Builder, al: Value, cf: Value, af: Value): void {
  const result = b.let(ops.signed(1, al));
  b.flags.explicit(result, { cf: b.let(cf), of: const32(0), af: b.let(af) });
}

/**
 * Corrects AL by 6 and by 60H, in the direction of `step`.
 * @param borrows what sets CF besides the second correction: DAS's first one below 6
 */
function decimalAdjust(
  step: (al: Value, by: Value) => Value,
  borrows: (al: Value, low: Value) => Value,
): Semantic {
  return (b) => {
    const al = b.let(b.reg(RAX, 1));
    const carry = b.let(b.flags.carry());
    const low = b.let(ops.or32(ops.gtU(ops.and(al, 15), 9), b.flags.adjust()));
    const high = b.let(ops.or32(ops.gtU(al, 0x99), carry));
    const by = ops.add(ops.mul(ops.widenU(low), 6), ops.mul(ops.widenU(high), 0x60));
    const result = b.let(ops.unsigned(1, step(al, by)));
    b.setReg(RAX, result, 1);
    setFlags(b, result, ops.or32(high, borrows(al, low)), low);
  };
}

/** Corrects AX by 106H, in the direction of `step`, and keeps the low digit. */
function asciiAdjust(step: (ax: Value, by: Value) => Value): Semantic {
  return (b) => {
    const ax = b.let(b.reg(RAX, 2));
    const adjusts = b.let(ops.or32(ops.gtU(ops.and(ax, 15), 9), b.flags.adjust()));
    const changed = ops.select(adjusts, step(ax, wide(0x106)), ax);
    const result = b.let(ops.and(changed, 0xff0f));
    b.setReg(RAX, result, 2);
    setFlags(b, result, adjusts, adjusts);
  };
}

const aam: Semantic = (b, i) => {
  const base = b.let(b.readUnsigned(i.dst));
  b.if(ops.eqz(base), () => b.target.fault(DE));
  const al = b.let(b.reg(RAX, 1));
  const low = b.let(ops.remU(al, base));
  b.setReg(RAX, ops.or(ops.shl(ops.divU(al, base), 8), low), 2);
  setFlags(b, low, const32(0), const32(0));
};

const aad: Semantic = (b, i) => {
  const ax = b.let(b.reg(RAX, 2));
  const sum = ops.add(ax, ops.mul(ops.shrU(ax, 8), b.readUnsigned(i.dst)));
  const al = b.let(ops.unsigned(1, sum));
  b.setReg(RAX, al, 2);
  setFlags(b, al, const32(0), const32(0));
};

/** AL = FFH if CF is set, else 0. */
const salc: Semantic = (b) => {
  b.setReg(RAX, ops.sub(wide(0), ops.widenU(b.flags.carry())), 1);
};

export const DECIMAL: SemanticGroup = {
  daa: { emit: decimalAdjust(ops.add, () => const32(0)) },
  das: { emit: decimalAdjust(ops.sub, (al, low) => ops.and32(low, ops.ltU(al, 6))) },
  aaa: { emit: asciiAdjust(ops.add) },
  aas: { emit: asciiAdjust(ops.sub) },
  aam: { emit: aam },
  aad: { emit: aad },
  salc: { emit: salc },
};
