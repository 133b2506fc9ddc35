/**
 * Loading the segment registers of a new task: like other loads, but every violation is #TS with
 * the selector, #NP or #SS (SDM 3A, "Exception Conditions Checked During a Task Switch").
 */
import type { Cpu } from "./cpu.ts";
import {
  type Descriptor,
  isCode,
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
import { fault, VECTOR } from "./faults.ts";
import { CS, DS, ES, FS, GS, LDTR, SS } from "./layout.ts";
import { loadRealSegment } from "./segments.ts";
import type { TaskImage } from "./task-switch.ts";

/** @returns 0, or a fault of the new task */
export function loadTaskSegments(cpu: Cpu, image: TaskImage, ext: number): number {
  const raised = loadTaskLdt(cpu, image.ldt, ext);
  if (raised !== 0) return raised;
  if (cpu.virtual8086) {
    image.segments.forEach((selector, index) => {
      loadRealSegment(cpu, index, selector);
    });
    return 0;
  }
  for (const index of [CS, SS, DS, ES, FS, GS]) {
    const late = loadTaskSegment(cpu, index, image.segments[index] as number, ext);
    cpu.modeChanged();
    if (late !== 0) return late;
  }
  return 0;
}

function loadTaskLdt(cpu: Cpu, selector: number, ext: number): number {
  if (isNull(selector)) return 0;
  const wrong = fault(VECTOR.TS, (selector & 0xfffc) | ext);
  if (selector & 4) return wrong;
  const descriptor = readDescriptor(cpu, selector, VECTOR.TS, ext);
  if (typeof descriptor === "number") return descriptor;
  const { base, limit, rights } = descriptor;
  if ((rights & 31) !== SYSTEM_TYPE.ldt || !isPresent(rights)) return wrong;
  cpu.state.setSegment(LDTR, { selector, base, limit, rights });
  return 0;
}

function loadTaskSegment(cpu: Cpu, index: number, selector: number, ext: number): number {
  const code = (selector & 0xfffc) | ext;
  if (isNull(selector)) return index === CS || index === SS ? fault(VECTOR.TS, code) : 0;
  const descriptor = readDescriptor(cpu, selector, VECTOR.TS, ext);
  if (typeof descriptor === "number") return descriptor;
  if (!suits(cpu, index, selector, descriptor)) return fault(VECTOR.TS, code);
  if (!isPresent(descriptor.rights)) return fault(index === SS ? VECTOR.SS : VECTOR.NP, code);
  const raised = markAccessed(cpu, descriptor);
  if (raised === 0) cpu.state.setSegment(index, segmentValue(descriptor, selector));
  return raised;
}

function suits(cpu: Cpu, index: number, selector: number, { rights, dpl }: Descriptor): boolean {
  const rpl = selector & 3;
  if (index === CS) return isCode(rights) && (isConformingCode(rights) ? dpl <= rpl : dpl === rpl);
  if (index === SS) return isWritableData(rights) && dpl === cpu.cpl && rpl === cpu.cpl;
  if (!isReadable(rights)) return false;
  return isConformingCode(rights) || dpl >= Math.max(rpl, cpu.cpl);
}
