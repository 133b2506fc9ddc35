/** ADDPS … DPPD, exactly: lane operations, comparisons, rounding to integers. */
import { FLAG, STATUS_FLAGS } from "../builder/flags.ts";
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import type { Helper } from "../engine/helper-table.ts";
import {
  add,
  compare,
  divide,
  hasNaN,
  multiply,
  noteDenormal,
  type Operation,
  order,
  type Relation,
  squareRoot,
  subtract,
} from "../float/arithmetic.ts";
import { EXCEPTION, type FloatContext } from "../float/context.ts";
import { toIntegral } from "../float/convert.ts";
import { type Float, zero } from "../float/number.ts";
import { CELL, xmmOffset } from "../layout.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";
import { beginSse, type Element, F32, F64, finishSse, getLane, setLane } from "./sse-unit.ts";

/** From the bits of two lanes, the destination's and the source's, to those of the result. */
type LaneOperation = (
  context: FloatContext,
  element: Element,
  a: bigint,
  b: bigint,
  imm: number,
) => bigint;

/** One result lane: which lanes go in (the source's follow the destination's), and what is done. */
type LaneStep = readonly [a: number, b: number, operation: LaneOperation];

function arithmetic(operation: Operation): LaneOperation {
  return (context, element, a, b) =>
    element.write(context, operation(context, element.read(context, a), element.read(context, b)));
}

/** The second operand for NaNs and for equal numbers; the source itself, unless it is flushed. */
function extreme(wanted: -1 | 1): LaneOperation {
  return (context, element, a, b) => {
    const left = element.read(context, a);
    const right = element.read(context, b);
    const flushed = (bits: bigint, read: Float) =>
      read.kind === "zero" ? element.write(context, zero(read.negative)) : bits;
    if (hasNaN(left, right)) {
      context.flags |= EXCEPTION.INVALID;
      return flushed(b, right);
    }
    noteDenormal(context, left, right);
    return order(left, right) === wanted ? flushed(a, left) : flushed(b, right);
  };
}

/** CMPPS predicates 0..3; 4..7 are their opposites. Which relations are true, and if quiet. */
const PREDICATES: readonly { readonly holds: readonly Relation[]; readonly quiet: boolean }[] = [
  { holds: ["equal"], quiet: true },
  { holds: ["less"], quiet: false },
  { holds: ["less", "equal"], quiet: false },
  { holds: ["unordered"], quiet: true },
];

const compareLane: LaneOperation = (context, element, a, b, imm) => {
  const predicate = PREDICATES[imm & 3] as (typeof PREDICATES)[number];
  const left = element.read(context, a);
  const right = element.read(context, b);
  const holds = predicate.holds.includes(compare(context, left, right, predicate.quiet));
  return holds !== ((imm & 4) !== 0) ? (1n << BigInt(element.bytes * 8)) - 1n : 0n;
};

const PRECISION_SUPPRESSED = 8;
const ROUNDING_OF_MXCSR = 4;

/** ROUNDPS: imm8 1:0 rounding unless bit 2, bit 3 keeps PE as it is. */
const roundLane: LaneOperation = (context, element, _a, b, imm) => {
  const own = context.rounding;
  const before = context.flags;
  if ((imm & ROUNDING_OF_MXCSR) === 0) context.rounding = imm & 3;
  const rounded = toIntegral(context, element.read(context, b));
  context.rounding = own;
  if (imm & PRECISION_SUPPRESSED) {
    context.flags &= ~EXCEPTION.PRECISION | (before & EXCEPTION.PRECISION);
  }
  return element.write(context, rounded);
};

const SUM = arithmetic(add);
const DIFFERENCE = arithmetic(subtract);

const LANE_OPERATIONS: Readonly<Record<string, LaneOperation>> = {
  add: SUM,
  sub: DIFFERENCE,
  mul: arithmetic(multiply),
  div: arithmetic(divide),
  sqrt: arithmetic((context, _, b) => squareRoot(context, b)),
  min: extreme(-1),
  max: extreme(1),
  cmp: compareLane,
  round: roundLane,
};

const FORMS: readonly (readonly [suffix: string, element: Element, lanes: number])[] = [
  ["ps", F32, 4],
  ["pd", F64, 2],
  ["ss", F32, 1],
  ["sd", F64, 1],
];

function lanewise(element: Element, steps: readonly LaneStep[]): SystemFunction {
  const { bytes } = element;
  const perVector = 16 / bytes;
  const results: bigint[] = [];
  return (cpu: Cpu, i: DecodedInstruction) => {
    const { state } = cpu;
    const destination = xmmOffset(i.reg);
    const context = beginSse(cpu);
    const lane = (n: number) =>
      n < perVector
        ? getLane(state, destination, bytes, n)
        : getLane(state, CELL.value, bytes, n - perVector);
    steps.forEach(([a, b, operation], n) => {
      results[n] = operation(context, element, lane(a), lane(b), i.immLo);
    });
    const raised = finishSse(cpu);
    if (raised !== 0) return raised;
    for (let n = 0; n < steps.length; n++) {
      setLane(state, destination, bytes, n, results[n] as bigint);
    }
    return 0;
  };
}

function helper(run: SystemFunction): Helper<Cpu> {
  return { run, continues: true };
}

function straight(): SystemGroup {
  const group: Record<string, Helper<Cpu>> = {};
  for (const [name, operation] of Object.entries(LANE_OPERATIONS)) {
    for (const [suffix, element, lanes] of FORMS) {
      const perVector = 16 / element.bytes;
      const steps = Array.from(
        { length: lanes },
        (_, n): LaneStep => [n, perVector + n, operation],
      );
      group[name + suffix] = helper(lanewise(element, steps));
    }
  }
  return group;
}

/** Neighbouring lanes of the destination, then of the source. */
function neighbours(element: Element, operation: LaneOperation): Helper<Cpu> {
  const steps = Array.from(
    { length: 16 / element.bytes },
    (_, n): LaneStep => [2 * n, 2 * n + 1, operation],
  );
  return helper(lanewise(element, steps));
}

/** Differences in even lanes, sums in odd ones. */
function alternating(element: Element): Helper<Cpu> {
  const perVector = 16 / element.bytes;
  const steps = Array.from(
    { length: perVector },
    (_, n): LaneStep => [n, perVector + n, n & 1 ? SUM : DIFFERENCE],
  );
  return helper(lanewise(element, steps));
}

const RELATION_FLAGS: Readonly<Record<Relation, number>> = {
  unordered: FLAG.ZF | FLAG.PF | FLAG.CF,
  greater: 0,
  less: FLAG.CF,
  equal: FLAG.ZF,
};

/** COMIS and UCOMIS: relation into ZF, PF and CF, the other status flags 0. */
function compareToFlags(element: Element, quiet: boolean): Helper<Cpu> {
  return helper((cpu, i) => {
    const { state } = cpu;
    const context = beginSse(cpu);
    const left = element.read(context, getLane(state, xmmOffset(i.reg), element.bytes, 0));
    const right = element.read(context, getLane(state, CELL.value, element.bytes, 0));
    const relation = compare(context, left, right, quiet);
    const raised = finishSse(cpu);
    if (raised === 0) state.flags = (state.flags & ~STATUS_FLAGS) | RELATION_FLAGS[relation];
    return raised;
  });
}

/**
 * Sums of the products that imm8 7:4 chooses, into the lanes that imm8 3:0 chooses; 0 elsewhere.
 * Products, sums of pairs and the last sum report their exceptions one after the other.
 */
function dotProduct(element: Element): Helper<Cpu> {
  const { bytes } = element;
  const lanes = 16 / bytes;
  const product = arithmetic(multiply);
  return helper((cpu, i) => {
    const { state } = cpu;
    const context = beginSse(cpu);
    const destination = xmmOffset(i.reg);
    let terms = Array.from({ length: lanes }, (_, n) => {
      if (((i.immLo >> (4 + n)) & 1) === 0) return 0n;
      const a = getLane(state, destination, bytes, n);
      return product(context, element, a, getLane(state, CELL.value, bytes, n), 0);
    });
    let raised = finishSse(cpu);
    while (raised === 0 && terms.length > 1) {
      const pairs = terms;
      context.flags = 0;
      terms = Array.from({ length: pairs.length / 2 }, (_, n) =>
        SUM(context, element, pairs[2 * n] as bigint, pairs[2 * n + 1] as bigint, 0),
      );
      raised = finishSse(cpu);
    }
    if (raised !== 0) return raised;
    for (let n = 0; n < lanes; n++) {
      setLane(state, destination, bytes, n, (i.immLo >> n) & 1 ? (terms[0] as bigint) : 0n);
    }
    return 0;
  });
}

export const SSE_ARITHMETIC: SystemGroup = {
  ...straight(),
  haddps: neighbours(F32, SUM),
  haddpd: neighbours(F64, SUM),
  hsubps: neighbours(F32, DIFFERENCE),
  hsubpd: neighbours(F64, DIFFERENCE),
  addsubps: alternating(F32),
  addsubpd: alternating(F64),
  comiss: compareToFlags(F32, false),
  comisd: compareToFlags(F64, false),
  ucomiss: compareToFlags(F32, true),
  ucomisd: compareToFlags(F64, true),
  dpps: dotProduct(F32),
  dppd: dotProduct(F64),
};
