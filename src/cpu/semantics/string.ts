/**
 * MOVS, STOS, LODS, CMPS, SCAS (SDM 2A, 2B; "REP/REPE/REPZ/REPNE/REPNZ").
 *
 * An iteration is an instruction to the engine: registers are written after its last access, so a
 * fault or an interrupt leaves the rest to be done. CMPS and SCAS write the flags in their last
 * iteration only: a page fault in a later one must find them as they were before the instruction.
 */
import type { Builder } from "../builder/builder.ts";
import { FLAG } from "../builder/flags.ts";
import { ops, type Size, wide } from "../builder/ops.ts";
import type { Instruction, Semantic } from "../builder/shape.ts";
import type { Value } from "../builder/value.ts";
import { CELL, ES, RCX, RDI, RSI } from "../layout.ts";
import type { SemanticGroup } from "./group.ts";

const REPE = 0xf3;

function pointer(b: Builder, i: Instruction, register: number): Value {
  return b.reg(register, i.addressBytes as Size);
}

function elementBytes(i: Instruction): Size {
  return Math.max(i.dst.bytes, i.src.bytes) as Size;
}

/** Linear address at rSI, in DS or another segment. */
function sourceLinear(b: Builder, i: Instruction): Value {
  return b.let(b.target.operandLinear(pointer(b, i, RSI), elementBytes(i), false));
}

/** Linear address at rDI, always in ES. */
function destinationLinear(b: Builder, i: Instruction, write: boolean): Value {
  const offset = pointer(b, i, RDI);
  if (i.long) return b.let(offset);
  return b.let(b.target.segmentLinear(ES, offset, elementBytes(i), write));
}

/** Moves rSI or rDI on, or back with DF. */
function advance(b: Builder, i: Instruction, ...registers: readonly number[]): void {
  const bytes = elementBytes(i);
  const backwards = ops.and32(b.target.cell32(CELL.flagsOther), FLAG.DF);
  const step = b.let(ops.select(backwards, wide(-bytes), wide(bytes)));
  for (const register of registers) {
    const moved = b.let(ops.add(pointer(b, i, register), step));
    b.setReg(register, moved, i.addressBytes as Size);
  }
}

/** Counts down. @returns the new count */
function countDown(b: Builder, i: Instruction): Value {
  const size = i.addressBytes as Size;
  const count = b.let(ops.unsigned(size, ops.sub(pointer(b, i, RCX), 1)));
  b.setReg(RCX, count, size);
  return count;
}

/** One iteration, as often as rCX says with REP. */
function repeated(iteration: Semantic): Semantic {
  return (b, i) => {
    if (i.rep === 0) {
      iteration(b, i);
      return;
    }
    b.if(ops.ne(pointer(b, i, RCX), 0), () => {
      iteration(b, i);
      b.if(ops.ne(countDown(b, i), 0), () => b.target.again());
    });
  };
}

const movs = repeated((b, i) => {
  const bytes = elementBytes(i);
  const value = b.load(bytes, sourceLinear(b, i));
  b.store(bytes, destinationLinear(b, i, true), value);
  advance(b, i, RSI, RDI);
});

const stos = repeated((b, i) => {
  b.store(elementBytes(i), destinationLinear(b, i, true), b.read(i.src));
  advance(b, i, RDI);
});

const lods = repeated((b, i) => {
  const value = b.load(elementBytes(i), sourceLinear(b, i));
  b.write(i.dst, value);
  advance(b, i, RSI);
});

/** Operands of a comparison; the first is the minuend. */
type Operands = (b: Builder, i: Instruction) => { first: Value; second: Value };

/** REPE goes on while the operands are equal, REPNE while they differ. */
function comparison(operands: Operands, ...registers: readonly number[]): Semantic {
  return (b, i) => {
    const iteration = () => {
      const size = elementBytes(i);
      const { first, second } = operands(b, i);
      const result = b.let(ops.signed(size, ops.sub(first, second)));
      advance(b, i, ...registers);
      if (i.rep !== 0) {
        const more = ops.ne(countDown(b, i), 0);
        const goesOn = i.rep === REPE ? ops.eqz(result) : ops.ne(result, 0);
        b.if(ops.and32(more, goesOn), () => b.target.again());
      }
      b.flags.sub(size, first, second, result);
    };
    if (i.rep === 0) iteration();
    else b.if(ops.ne(pointer(b, i, RCX), 0), iteration);
  };
}

const cmps = comparison(
  (b, i) => {
    const first = b.load(elementBytes(i), sourceLinear(b, i));
    return { first, second: b.load(elementBytes(i), destinationLinear(b, i, false)) };
  },
  RSI,
  RDI,
);

const scas = comparison((b, i) => {
  const second = b.load(elementBytes(i), destinationLinear(b, i, false));
  return { first: b.let(b.read(i.dst)), second };
}, RDI);

export const STRINGS: SemanticGroup = {
  movs: { emit: movs, byAddressSize: true, byMode: true },
  stos: { emit: stos, byAddressSize: true, byMode: true },
  lods: { emit: lods, byAddressSize: true, byMode: true },
  cmps: { emit: cmps, byAddressSize: true, byMode: true },
  scas: { emit: scas, byAddressSize: true, byMode: true },
};
