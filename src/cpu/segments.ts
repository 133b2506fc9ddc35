/** Loading segment registers (SDM 2B, "MOV"; SDM 3A, "Privilege Level Checking"). */

import { IMPLICIT } from "../mmu/access.ts";
import { toCanonical } from "../mmu/canonical.ts";
import type { Cpu } from "./cpu.ts";
import {
  type Descriptor,
  isConformingCode,
  isNull,
  isPresent,
  isReadable,
  isWritableData,
  markAccessed,
  readDescriptor,
  SYSTEM_TYPE,
  segmentValue,
} from "./descriptors.ts";
import { fault, GP, VECTOR } from "./faults.ts";
import { CS, LDTR, SS, TR } from "./layout.ts";

/** Rights of data segments in virtual-8086 mode: present, DPL 3, writable, accessed. */
const VIRTUAL_8086_RIGHTS = 0xf3;

/**
 * Loads ES, SS, DS, FS or GS by selector.
 * @returns 0, or a fault and nothing has changed
 */
export function loadSegment(cpu: Cpu, index: number, selector: number): number {
  if (cpu.realSegments) {
    loadRealSegment(cpu, index, selector);
    return 0;
  }
  return index === SS ? loadStackSegment(cpu, selector) : loadDataSegment(cpu, index, selector);
}

/** Real-address mode keeps limit and rights; virtual-8086 mode sets them. */
export function loadRealSegment(cpu: Cpu, index: number, selector: number): void {
  const { state } = cpu;
  const base = BigInt(selector * 16);
  if (cpu.virtual8086) {
    state.setSegment(index, { selector, base, limit: 0xffff, rights: VIRTUAL_8086_RIGHTS });
  } else state.setSegment(index, { ...state.segment(index), selector, base });
  if (index === CS || index === SS) cpu.modeChanged();
}

function loadDataSegment(cpu: Cpu, index: number, selector: number): number {
  const { state } = cpu;
  if (isNull(selector)) {
    state.setSegment(index, { selector, base: 0n, limit: 0, rights: 0 });
    return 0;
  }
  const errorCode = selector & 0xfffc;
  const descriptor = readDescriptor(cpu, selector);
  if (typeof descriptor === "number") return descriptor;
  const { rights, dpl } = descriptor;
  if (!isReadable(rights)) return fault(VECTOR.GP, errorCode);
  const least = Math.max(selector & 3, cpu.cpl);
  if (!isConformingCode(rights) && least > dpl) return fault(VECTOR.GP, errorCode);
  if (!isPresent(rights)) return fault(VECTOR.NP, errorCode);
  const raised = markAccessed(cpu, descriptor);
  if (raised !== 0) return raised;
  state.setSegment(index, segmentValue(descriptor, selector));
  return 0;
}

function loadStackSegment(cpu: Cpu, selector: number): number {
  const { state } = cpu;
  const { cpl } = cpu;
  if (isNull(selector)) {
    if (cpu.codeWidth !== 64 || cpl === 3 || (selector & 3) !== cpl) return GP;
    state.setSegment(SS, { selector, base: 0n, limit: 0, rights: cpl << 5 });
    cpu.modeChanged();
    return 0;
  }
  const descriptor = readStackSegment(cpu, selector, cpl);
  if (typeof descriptor === "number") return descriptor;
  const raised = markAccessed(cpu, descriptor);
  if (raised !== 0) return raised;
  state.setSegment(SS, segmentValue(descriptor, selector));
  cpu.modeChanged();
  return 0;
}

/** The descriptor that SS may take at a privilege level, or a fault. */
export function readStackSegment(cpu: Cpu, selector: number, cpl: number): Descriptor | number {
  const descriptor = readDescriptor(cpu, selector);
  if (typeof descriptor === "number") return descriptor;
  return refuseStackSegment(selector, cpl, descriptor.rights, descriptor.dpl) || descriptor;
}

/** Why SS may not take this segment at a privilege level: a fault, or 0. */
export function refuseStackSegment(
  selector: number,
  cpl: number,
  rights: number,
  dpl: number,
): number {
  const errorCode = selector & 0xfffc;
  const suits = isWritableData(rights) && dpl === cpl;
  if ((selector & 3) !== cpl || !suits) return fault(VECTOR.GP, errorCode);
  return isPresent(rights) ? 0 : fault(VECTOR.SS, errorCode);
}

/** LLDT. @returns 0 or a fault */
export function loadLdtr(cpu: Cpu, selector: number): number {
  const { state } = cpu;
  if (isNull(selector)) {
    state.setSegment(LDTR, { selector, base: 0n, limit: 0, rights: 0 });
    return 0;
  }
  const found = readSystemSegment(cpu, selector, [SYSTEM_TYPE.ldt]);
  if (typeof found === "number") return found;
  const { limit, rights } = found.descriptor;
  state.setSegment(LDTR, { selector, base: found.base, limit, rights });
  return 0;
}

/** LTR: marks the TSS busy. @returns 0 or a fault */
export function loadTaskRegister(cpu: Cpu, selector: number): number {
  const { state } = cpu;
  if (isNull(selector)) return GP;
  const types = cpu.longMode ? [SYSTEM_TYPE.tss] : [SYSTEM_TYPE.tss, SYSTEM_TYPE.tss16];
  const found = readSystemSegment(cpu, selector, types);
  if (typeof found === "number") return found;
  const { limit, linear, word } = found.descriptor;
  const rights = found.descriptor.rights | 2;
  const raised = cpu.mmu.store(linear + 5n, 1, ((word >> 40n) & 0xffn) | 2n, IMPLICIT);
  if (raised !== 0) return raised;
  state.setSegment(TR, { selector, base: found.base, limit, rights });
  return 0;
}

/** An LDT or TSS descriptor from the GDT: 16 bytes in IA-32e mode. */
function readSystemSegment(
  cpu: Cpu,
  selector: number,
  types: readonly number[],
): { descriptor: Descriptor; base: bigint } | number {
  const errorCode = selector & 0xfffc;
  if (selector & 4) return fault(VECTOR.GP, errorCode);
  const descriptor = readDescriptor(cpu, selector);
  if (typeof descriptor === "number") return descriptor;
  if (!types.includes(descriptor.rights & 31)) return fault(VECTOR.GP, errorCode);
  let { base } = descriptor;
  if (cpu.longMode) {
    const upper = readDescriptor(cpu, selector + 8);
    if (typeof upper === "number") return fault(VECTOR.GP, errorCode);
    base |= (upper.word & 0xffff_ffffn) << 32n;
    if ((upper.word >> 40n) & 31n) return fault(VECTOR.GP, errorCode);
    // Checked against the width that the processor supports, not the one in use.
    const bits = cpu.mmu.registers.features.la57 ? 57 : 48;
    if (toCanonical(base, bits) !== base) return fault(VECTOR.GP, errorCode);
  }
  if (!isPresent(descriptor.rights)) return fault(VECTOR.NP, errorCode);
  return { descriptor, base };
}
