/** Who may use the x87, MMX and SSE registers (SDM 3A, "System Programming for SSE" and for MMX). */
import { CR0, CR4 } from "../../mmu/control-bits.ts";
import { fault, NM, UD, VECTOR } from "../faults.ts";
import { STATUS } from "./state.ts";

const MF = fault(VECTOR.MF);

/** The fault of an SSE instruction before anything else, or 0. */
export function sseFault(cr0: number, cr4: number): number {
  if (cr0 & CR0.EM || !(cr4 & CR4.OSFXSR)) return UD;
  return cr0 & CR0.TS ? NM : 0;
}

/** The same of an MMX instruction. */
export function mmxFault(cr0: number, status: number): number {
  if (cr0 & CR0.EM) return UD;
  return cr0 & CR0.TS ? NM : pendingFault(cr0, status);
}

/** The same of an x87 instruction that waits for pending exceptions. */
export function x87Fault(cr0: number, status: number): number {
  return unavailable(cr0) || pendingFault(cr0, status);
}

/** The same of an x87 instruction that does not wait. */
export function unavailable(cr0: number): number {
  return cr0 & (CR0.EM | CR0.TS) ? NM : 0;
}

/** The same of WAIT, which heeds TS with MP alone. */
export function waitFault(cr0: number, status: number): number {
  const both = CR0.MP | CR0.TS;
  return (cr0 & both) === both ? NM : pendingFault(cr0, status);
}

/**
 * An unmasked x87 exception waits. With CR0.NE clear it would be reported by an external interrupt;
 * as on a board that asserts IGNNE#, it is then ignored.
 */
function pendingFault(cr0: number, status: number): number {
  return status & STATUS.ES && cr0 & CR0.NE ? MF : 0;
}
