/** FADD … FDIVRP, comparisons, FSQRT and other operations on the top of the stack. */
import { FLAG, STATUS_FLAGS } from "../builder/flags.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import type { Helper } from "../engine/helper-table.ts";
import {
  add,
  compare,
  divide,
  multiply,
  type Operation,
  type Relation,
  subtract,
} from "../float/arithmetic.ts";
import { EXTENDED, type Float, zero } from "../float/number.ts";
import { pack } from "../float/round.ts";
import { STATUS } from "../x87/state.ts";
import { INDEFINITE_BITS, x87 } from "../x87/unit.ts";
import type { SystemGroup } from "./group.ts";
import { loaded, loadSource, type SourceKind } from "./x87-operands.ts";

const swapped =
  (operation: Operation): Operation =>
  (context, a, b) =>
    operation(context, b, a);

const OPERATIONS: Readonly<Record<string, Operation>> = {
  add,
  mul: multiply,
  sub: subtract,
  subr: swapped(subtract),
  div: divide,
  divr: swapped(divide),
};

/** Places of the register form's operands: ST(0) first, or ST(i) first. */
function registersOf(cpu: Cpu, i: DecodedInstruction): readonly [number, number] {
  return cpu.rowOf(i).operands[0] === "ST0" ? [0, i.rm] : [i.rm, 0];
}

/** `dst = dst operation src`, in registers or with a source in memory. */
function dyadic(operation: Operation, kind: SourceKind, pops: boolean): Helper<Cpu> {
  return continuing((cpu, i) => {
    const raised = x87.begin(cpu) || loadSource(cpu, i, kind);
    if (raised !== 0) return raised;
    const [to, from] = i.memory !== 0 ? [0, -1] : registersOf(cpu, i);
    const empty = x87.isEmpty(to) || (from >= 0 && x87.isEmpty(from));
    let result = INDEFINITE_BITS;
    if (empty) x87.underflow();
    else {
      const source = from >= 0 ? x87.read(from) : loaded.value;
      result = pack(x87.context, EXTENDED, operation(x87.context, x87.read(to), source));
    }
    if (!x87.isStopped) {
      x87.setBits(to, result);
      if (pops) x87.pop();
    }
    return x87.finish(i);
  });
}

export function continuing(run: (cpu: Cpu, i: DecodedInstruction) => number): Helper<Cpu> {
  return { run, continues: true };
}

const CODES_OF: Readonly<Record<Relation, number>> = {
  greater: 0,
  less: STATUS.C0,
  equal: STATUS.C3,
  unordered: STATUS.C0 | STATUS.C2 | STATUS.C3,
};

const FLAGS_OF: Readonly<Record<Relation, number>> = {
  greater: 0,
  less: FLAG.CF,
  equal: FLAG.ZF,
  unordered: FLAG.ZF | FLAG.PF | FLAG.CF,
};

const ALL_CODES = STATUS.C0 | STATUS.C2 | STATUS.C3;

interface Comparison {
  readonly kind?: SourceKind;
  readonly quiet?: boolean;
  readonly pops?: number;
  /** The relation goes to EFLAGS. */
  readonly toFlags?: boolean;
  /** With ST(1), with +0, or with the operand. */
  readonly other?: "next" | "zero";
}

function comparison({ kind = "float", quiet, pops = 0, toFlags, other }: Comparison): Helper<Cpu> {
  return continuing((cpu, i) => {
    const raised = x87.begin(cpu) || loadSource(cpu, i, kind);
    if (raised !== 0) return raised;
    const index = other === "next" ? 1 : other === "zero" || i.memory !== 0 ? -1 : i.rm;
    let relation: Relation = "unordered";
    if (x87.isEmpty(0) || (index >= 0 && x87.isEmpty(index))) x87.underflow();
    else {
      const second = index >= 0 ? x87.read(index) : other === "zero" ? zero(false) : loaded.value;
      relation = compare(x87.context, x87.read(0), second, quiet === true);
    }
    // Told even if an unmasked exception keeps the stack as it is.
    if (toFlags) {
      x87.keepC1();
      cpu.state.flags = (cpu.state.flags & ~STATUS_FLAGS) | FLAGS_OF[relation];
    } else x87.setCodes(CODES_OF[relation], ALL_CODES);
    if (!x87.isStopped) {
      for (let n = 0; n < pops; n++) x87.pop();
    }
    return x87.finish(i);
  });
}

/** ST(0) replaced by what an operation makes of it. */
export function onTop(operation: (a: Float) => Float): Helper<Cpu> {
  return continuing((cpu, i) => {
    const raised = x87.begin(cpu);
    if (raised !== 0) return raised;
    let result = INDEFINITE_BITS;
    if (x87.isEmpty(0)) x87.underflow();
    else result = pack(x87.context, EXTENDED, operation(x87.read(0)));
    if (!x87.isStopped) x87.setBits(0, result);
    return x87.finish(i);
  });
}

function dyadics(): SystemGroup {
  const group: Record<string, Helper<Cpu>> = {};
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    group[`f${name}`] = dyadic(operation, "float", false);
    group[`fi${name}`] = dyadic(operation, "integer", false);
    group[`f${name}p`] = dyadic(operation, "float", true);
  }
  return group;
}

export const X87_ARITHMETIC: SystemGroup = {
  ...dyadics(),
  fcom: comparison({}),
  fcomp: comparison({ pops: 1 }),
  fcompp: comparison({ pops: 2, other: "next" }),
  ficom: comparison({ kind: "integer" }),
  ficomp: comparison({ kind: "integer", pops: 1 }),
  fucom: comparison({ quiet: true }),
  fucomp: comparison({ quiet: true, pops: 1 }),
  fucompp: comparison({ quiet: true, pops: 2, other: "next" }),
  ftst: comparison({ other: "zero" }),
  fcomi: comparison({ toFlags: true }),
  fcomip: comparison({ toFlags: true, pops: 1 }),
  fucomi: comparison({ toFlags: true, quiet: true }),
  fucomip: comparison({ toFlags: true, quiet: true, pops: 1 }),
};
