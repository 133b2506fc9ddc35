/** What returns to an outer level share (SDM 2A, "IRET/IRETD/IRETQ"; SDM 2B, "RET"). */
import { FLAG } from "./builder/flags.ts";
import type { Cpu } from "./cpu.ts";
import { isCode, isConformingCode, isPresent, RIGHTS } from "./descriptors.ts";
import { fault, VECTOR } from "./faults.ts";
import { DS, ES, FS, GS, SEGMENT, segmentOffset } from "./layout.ts";

/** What IRET may change at CPL 0 (POPF the same but RF); others keep what the rules below take away. */
export const ALL_FLAGS =
  FLAG.CF |
  FLAG.PF |
  FLAG.AF |
  FLAG.ZF |
  FLAG.SF |
  FLAG.TF |
  FLAG.IF |
  FLAG.DF |
  FLAG.OF |
  FLAG.IOPL |
  FLAG.NT |
  FLAG.RF |
  FLAG.AC |
  FLAG.ID;

/** Why IRET may not go to this code segment: a fault, or 0. */
export function refuseReturnCode(cpu: Cpu, selector: number, rights: number, dpl: number): number {
  const errorCode = selector & 0xfffc;
  const rpl = selector & 3;
  if (!isCode(rights) || rpl < cpu.cpl) return fault(VECTOR.GP, errorCode);
  if (isConformingCode(rights) ? dpl > rpl : dpl !== rpl) return fault(VECTOR.GP, errorCode);
  const both = RIGHTS.long | RIGHTS.big;
  if (cpu.longMode && (rights & both) === both) return fault(VECTOR.GP, errorCode);
  return isPresent(rights) ? 0 : fault(VECTOR.NP, errorCode);
}

/** Data segments that the outer level may not use become null. */
export function dropUnreachable(cpu: Cpu, cpl: number): void {
  const { state } = cpu;
  for (const index of [ES, DS, FS, GS]) {
    const rights = state.get32(segmentOffset(index) + SEGMENT.rights);
    const dpl = (rights >> 5) & 3;
    if (isPresent(rights) && dpl < cpl && !isConformingCode(rights)) {
      state.setSegment(index, { selector: 0, base: 0n, limit: 0, rights: 0 });
    }
  }
}

/** What IRET may change at this privilege level outside virtual-8086 mode. */
export function changeableFlags(cpu: Cpu): number {
  let changeable = ALL_FLAGS;
  if (cpu.cpl > 0) changeable &= ~FLAG.IOPL;
  if (cpu.cpl > cpu.iopl) changeable &= ~FLAG.IF;
  if (cpu.cpl === 0) changeable |= FLAG.VIF | FLAG.VIP;
  return changeable;
}
