/** LAR, LSL, VERR, VERW, ARPL: what a selector would allow; none of them faults on a bad one. */
import { FLAG } from "../builder/flags.ts";
import type { Cpu } from "../cpu.ts";
import {
  type Descriptor,
  isCode,
  isConformingCode,
  isNull,
  isReadable,
  isWritableData,
  RIGHTS,
  readDescriptor,
  SYSTEM_TYPE,
} from "../descriptors.ts";
import { VECTOR, vectorOf } from "../faults.ts";
import { operand, readE, writeE } from "../operands.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

const { tss16, ldt, tss16Busy, callGate16, taskGate, tss, tssBusy, callGate } = SYSTEM_TYPE;
/** System descriptors that LAR and LSL know, outside and in IA-32e mode. */
const LAR_TYPES: readonly number[] = [
  ...[tss16, ldt, tss16Busy, callGate16, taskGate, tss, tssBusy, callGate],
];
const LAR_TYPES_LONG: readonly number[] = [ldt, tss, tssBusy, callGate];
const LSL_TYPES: readonly number[] = [tss16, ldt, tss16Busy, tss, tssBusy];
const LSL_TYPES_LONG: readonly number[] = [ldt, tss, tssBusy];

function setZero(cpu: Cpu, zero: boolean): void {
  const { flags } = cpu.state;
  cpu.state.flags = zero ? flags | FLAG.ZF : flags & ~FLAG.ZF;
}

/**
 * The descriptor that a selector names, if it can be seen from here.
 * @returns undefined if not; a fault of the read of the table itself
 */
function visible(cpu: Cpu, selector: number): Descriptor | undefined | number {
  if (isNull(selector)) return undefined;
  const descriptor = readDescriptor(cpu, selector);
  if (typeof descriptor === "number") {
    return vectorOf(descriptor) === VECTOR.PF ? descriptor : undefined;
  }
  if (isConformingCode(descriptor.rights)) return descriptor;
  return descriptor.dpl >= Math.max(cpu.cpl, selector & 3) ? descriptor : undefined;
}

/** Reads the selector, judges, sets ZF, and writes what `result` gives. */
function query(
  accepts: (cpu: Cpu, descriptor: Descriptor) => boolean,
  result?: (descriptor: Descriptor) => bigint,
): SystemFunction {
  return (cpu, i) => {
    const raised = readE(cpu, i, 2);
    if (raised !== 0) return raised;
    const found = visible(cpu, Number(operand.value));
    if (typeof found === "number") return found;
    const good = found !== undefined && accepts(cpu, found);
    setZero(cpu, good);
    if (good && result) cpu.state.setGprSized(i.reg, result(found), i.operandBytes);
    return 0;
  };
}

function isKnown(
  cpu: Cpu,
  { rights }: Descriptor,
  legacy: readonly number[],
  long: readonly number[],
) {
  if (rights & RIGHTS.segment) return true;
  return (cpu.longMode ? long : legacy).includes(rights & 31);
}

/** The second doubleword, but for the base and the limit (its bits are undefined). */
const accessRights = ({ word }: Descriptor) => (word >> 32n) & 0x00f0_ff00n;

/** The RPL of the first selector is raised to that of the second. */
const arpl: SystemFunction = (cpu, i) => {
  const raised = readE(cpu, i, 2);
  if (raised !== 0) return raised;
  const first = Number(operand.value);
  const rpl = cpu.state.gpr32(i.reg) & 3;
  const lower = (first & 3) < rpl;
  if (lower) {
    const written = writeE(cpu, { ...i, operandBytes: 2 }, 2, BigInt((first & ~3) | rpl));
    if (written !== 0) return written;
  }
  setZero(cpu, lower);
  return 0;
};

export const SEGMENT_QUERIES: SystemGroup = {
  lar: {
    run: query((cpu, d) => isKnown(cpu, d, LAR_TYPES, LAR_TYPES_LONG), accessRights),
    continues: true,
  },
  lsl: {
    run: query(
      (cpu, d) => isKnown(cpu, d, LSL_TYPES, LSL_TYPES_LONG),
      (d) => BigInt(d.limit),
    ),
    continues: true,
  },
  verr: { run: query((_cpu, { rights }) => isReadable(rights)), continues: true },
  verw: {
    run: query((_cpu, { rights }) => isWritableData(rights) && !isCode(rights)),
    continues: true,
  },
  arpl: { run: arpl, continues: true },
};
