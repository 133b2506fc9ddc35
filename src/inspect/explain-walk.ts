/** Tells in words what came of a walk: the rights of a translation, or why there is none. */
import { hex } from "../base/hex.ts";
import { describeAccess, FETCH, KIND_MASK, USER, WRITE } from "../mmu/access.ts";
import { isCanonical } from "../mmu/canonical.ts";
import { CR0, CR4, type PagingRegisters } from "../mmu/control-bits.ts";
import { ENTRY } from "../mmu/entry.ts";
import { faultErrorCode, faultVector, PF_ERROR, VECTOR_PF } from "../mmu/fault.ts";
import type { PagingMode } from "../mmu/paging-mode.ts";
import { RIGHT } from "../mmu/rights.ts";
import type { WalkResult, WalkStep } from "../mmu/walk.ts";

/** What a walk was asked. */
export interface WalkQuestion {
  readonly mode: PagingMode;
  readonly registers: PagingRegisters;
  readonly linear: bigint;
  readonly access: number;
}

/**
 * The steps that mean something: a walk over a dump goes on with all ones where a table is missing.
 * The last step is then the one that is `absent`.
 */
export function knownSteps({ steps }: WalkResult): readonly WalkStep[] {
  const end = steps.findIndex((step) => step.absent);
  return end < 0 ? steps : steps.slice(0, end + 1);
}

/** The step whose table is not in memory. */
export function missingStep({ steps }: WalkResult): WalkStep | undefined {
  return steps.find((step) => step.absent);
}

/** For example `user, read-only, executable`. */
export function describeRights(rights: number): string {
  return [
    rights & RIGHT.USER ? "user" : "supervisor",
    rights & RIGHT.WRITE ? "read-write" : "read-only",
    rights & RIGHT.NO_EXECUTE ? "not executable" : "executable",
  ].join(", ");
}

/** Numbers of the bits that are set, high to low, runs as `51:40`. */
export function bitNumbers(mask: bigint): string {
  const runs: string[] = [];
  for (let high = 63; high >= 0; high--) {
    if (!((mask >> BigInt(high)) & 1n)) continue;
    let low = high;
    while (low > 0 && (mask >> BigInt(low - 1)) & 1n) low -= 1;
    runs.push(low === high ? String(high) : `${high}:${low}`);
    high = low;
  }
  return runs.join(", ");
}

/** Why the walk faults, naming the level. For a result with a fault and no missing table. */
export function explainFault(result: WalkResult, question: WalkQuestion): string {
  const { mode, linear } = question;
  if (!isCanonical(linear, mode.linearBits)) {
    const top = mode.linearBits - 1;
    return `${hex(linear)} is not canonical: bits 63:${top} must all be equal in ${mode.kind} paging`;
  }
  const code = faultErrorCode(result.fault);
  const last = result.steps.at(-1);
  if (last === undefined || faultVector(result.fault) !== VECTOR_PF) return "";
  const where = `the ${last.name}${last.entryAddress < 0 ? " register" : ` at ${hex(last.entryAddress)}`}`;
  if (!(code & PF_ERROR.P)) return `${where} is not present (P = 0)`;
  if (code & PF_ERROR.RSVD) {
    return `${where} has reserved bits set: ${bitNumbers(last.reservedSet)}`;
  }
  return explainDenial(result, question);
}

/** Which right is wanting, and the levels that deny it. */
function explainDenial(result: WalkResult, { registers, access, mode }: WalkQuestion): string {
  const { rights } = result;
  const kind = access & KIND_MASK;
  const user = (access & USER) !== 0;
  const reasons: string[] = [];
  if (user && !(rights & RIGHT.USER)) {
    reasons.push(`not a user page: U/S = 0 in ${levels(result, (entry) => !(entry & ENTRY.US))}`);
  }
  if (!user && rights & RIGHT.USER) {
    if (kind === FETCH && registers.cr4 & CR4.SMEP)
      reasons.push("SMEP: supervisor fetch from a user page");
    if (kind !== FETCH && registers.cr4 & CR4.SMAP && !registers.ac) {
      reasons.push("SMAP: supervisor access to a user page with EFLAGS.AC = 0");
    }
  }
  const writeProtected = user || (registers.cr0 & CR0.WP) !== 0;
  if (kind === WRITE && writeProtected && !(rights & RIGHT.WRITE)) {
    reasons.push(`not writable: R/W = 0 in ${levels(result, (entry) => !(entry & ENTRY.RW))}`);
  }
  if (kind === FETCH && rights & RIGHT.NO_EXECUTE) {
    reasons.push(`not executable: XD = 1 in ${levels(result, (entry) => entry & ENTRY.XD)}`);
  }
  if (faultErrorCode(result.fault) & PF_ERROR.PK) {
    const register = rights & RIGHT.USER ? "PKRU" : "IA32_PKRS";
    reasons.push(`protection key ${result.protectionKey} denies it by ${register}`);
  }
  const why = reasons.join("; ") || `denied in ${mode.kind} paging`;
  return `${describeAccess(access)} denied: ${why}`;
}

function levels(result: WalkResult, denies: (entry: bigint) => unknown): string {
  const counted = result.steps.filter((step) => step.entryAddress >= 0 && denies(step.entry));
  return counted.map((step) => step.name).join(", ");
}
