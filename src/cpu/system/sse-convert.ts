/** CVTxx2yy, exactly. */
import type { Cpu } from "../cpu.ts";
import type { DecodedInstruction } from "../decode/decoded.ts";
import type { Helper } from "../engine/helper-table.ts";
import { isOdd, noteDenormal, propagate } from "../float/arithmetic.ts";
import { ROUND } from "../float/context.ts";
import { CELL, X87, xmmOffset } from "../layout.ts";
import type { SystemGroup } from "./group.ts";
import {
  beginSse,
  type Element,
  F32,
  F64,
  finishSse,
  getLane,
  I32,
  I64,
  setLane,
} from "./sse-unit.ts";

interface Conversion {
  /** Elements; `general` is an integer of the general operand's size. */
  readonly from: Element | "general";
  readonly to: Element | "general";
  readonly lanes: number;
  /** Rounds towards zero whatever MXCSR says. */
  readonly truncates?: boolean;
  readonly into?: "mmx";
  /** Lanes above the results become 0. */
  readonly clears?: boolean;
}

function general(i: DecodedInstruction): Element {
  return i.operandBytes === 8 ? I64 : I32;
}

function conversion(spec: Conversion): Helper<Cpu> {
  return {
    continues: true,
    run: (cpu, i) => {
      const { state } = cpu;
      const from = spec.from === "general" ? general(i) : spec.from;
      const to = spec.to === "general" ? general(i) : spec.to;
      const context = beginSse(cpu);
      if (spec.truncates) context.rounding = ROUND.zero;
      const results: bigint[] = [];
      for (let n = 0; n < spec.lanes; n++) {
        let a = from.read(context, getLane(state, CELL.value, from.bytes, n));
        if (!to.isInteger) {
          if (isOdd(a)) a = propagate(context, a, a);
          else noteDenormal(context, a);
        }
        results.push(to.write(context, a));
      }
      const raised = finishSse(cpu);
      if (raised === 0) writeResults(cpu, i, spec, to, results);
      return raised;
    },
  };
}

function writeResults(
  cpu: Cpu,
  i: DecodedInstruction,
  spec: Conversion,
  to: Element,
  results: readonly bigint[],
): void {
  const { state } = cpu;
  if (spec.to === "general") {
    state.setGpr(i.reg, results[0] as bigint);
    return;
  }
  const offset = spec.into === "mmx" ? X87 + i.reg * 16 : xmmOffset(i.reg);
  results.forEach((value, n) => {
    setLane(state, offset, to.bytes, n, value);
  });
  // What lies above an MMX register is its x87 register's exponent.
  if (spec.into === "mmx") state.set32(offset + 8, state.get32(offset + 8) | 0xffff);
  if (spec.clears) state.set64(offset + 8, 0n);
}

const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  cvtps2pd: { from: F32, to: F64, lanes: 2 },
  cvtss2sd: { from: F32, to: F64, lanes: 1 },
  cvtpd2ps: { from: F64, to: F32, lanes: 2, clears: true },
  cvtsd2ss: { from: F64, to: F32, lanes: 1 },
  cvtdq2ps: { from: I32, to: F32, lanes: 4 },
  cvtdq2pd: { from: I32, to: F64, lanes: 2 },
  cvtps2dq: { from: F32, to: I32, lanes: 4 },
  cvttps2dq: { from: F32, to: I32, lanes: 4, truncates: true },
  cvtpd2dq: { from: F64, to: I32, lanes: 2, clears: true },
  cvttpd2dq: { from: F64, to: I32, lanes: 2, clears: true, truncates: true },
  cvtpi2ps: { from: I32, to: F32, lanes: 2 },
  cvtpi2pd: { from: I32, to: F64, lanes: 2 },
  cvtps2pi: { from: F32, to: I32, lanes: 2, into: "mmx" },
  cvttps2pi: { from: F32, to: I32, lanes: 2, into: "mmx", truncates: true },
  cvtpd2pi: { from: F64, to: I32, lanes: 2, into: "mmx" },
  cvttpd2pi: { from: F64, to: I32, lanes: 2, into: "mmx", truncates: true },
  cvtsi2ss: { from: "general", to: F32, lanes: 1 },
  cvtsi2sd: { from: "general", to: F64, lanes: 1 },
  cvtss2si: { from: F32, to: "general", lanes: 1 },
  cvttss2si: { from: F32, to: "general", lanes: 1, truncates: true },
  cvtsd2si: { from: F64, to: "general", lanes: 1 },
  cvttsd2si: { from: F64, to: "general", lanes: 1, truncates: true },
};

export const SSE_CONVERSIONS: SystemGroup = Object.fromEntries(
  Object.entries(CONVERSIONS).map(([name, spec]) => [name, conversion(spec)]),
);
