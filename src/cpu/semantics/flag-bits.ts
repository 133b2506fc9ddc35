/** Instructions on single flags: CLC … STD, LAHF, SAHF (SDM 1, Flag Control Instructions). */
import { FLAG } from "../builder/flags.ts";
import { ops } from "../builder/ops.ts";
import type { Semantic } from "../builder/shape.ts";
import { const32 } from "../builder/value.ts";
import { CELL, RAX } from "../layout.ts";
import type { SemanticGroup } from "./group.ts";

const carry =
  (on: number): Semantic =>
  (b) =>
    b.flags.setCarry(const32(on));

const cmc: Semantic = (b) => b.flags.setCarry(ops.eqz(b.flags.carry()));

const direction =
  (on: boolean): Semantic =>
  (b) => {
    const flags = b.target.cell32(CELL.flagsOther);
    const changed = on ? ops.or32(flags, FLAG.DF) : ops.and32(flags, ~FLAG.DF);
    b.target.setCell32(CELL.flagsOther, changed);
  };

/** AH = SF ZF 0 AF 0 PF 1 CF. */
const lahf: Semantic = (b) => {
  const image = ops.widenU(ops.or32(ops.and32(b.flags.image(), 0xff), 2));
  const rest = ops.and(b.reg(RAX), 0xffff_ffff_ffff_00ffn);
  b.target.setRegister(RAX, ops.or(rest, ops.shl(image, 8)));
};

/** OF stays. */
const sahf: Semantic = (b) => {
  const kept = ops.shl32(b.flags.overflow(), 11);
  const image = ops.and32(ops.wrap(ops.shrU(b.reg(RAX), 8)), 0xff);
  b.flags.setAll(b.let(ops.or32(image, kept)));
};

export const FLAG_BITS: SemanticGroup = {
  clc: { emit: carry(0) },
  stc: { emit: carry(1) },
  cmc: { emit: cmc },
  cld: { emit: direction(false) },
  std: { emit: direction(true) },
  lahf: { emit: lahf },
  sahf: { emit: sahf },
};
