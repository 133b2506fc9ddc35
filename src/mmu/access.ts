/**
 * What an access wants: one kind and any of the flags, in one small integer.
 * (SDM 3A, "Determination of Access Rights": each access is a user-mode or a supervisor-mode
 * access, explicit or implicit, and is a data read, a data write or an instruction fetch.)
 */
export const READ = 0;
export const WRITE = 1;
export const FETCH = 2;
/** The kind within an access. */
export const KIND_MASK = 3;

/** A user-mode access: CPL = 3 and not implicit. */
export const USER = 4;
/** An implicit supervisor-mode access, to a descriptor table or TSS: EFLAGS.AC does not help. */
export const IMPLICIT = 8;
/** By way of the stack segment: a non-canonical address gives #SS, not #GP. */
export const STACK = 16;

const KIND_NAMES = ["read", "write", "fetch"] as const;

/** For example `user write` or `implicit supervisor read`. */
export function describeAccess(access: number): string {
  const who = access & USER ? "user" : access & IMPLICIT ? "implicit supervisor" : "supervisor";
  return `${who} ${KIND_NAMES[access & KIND_MASK] ?? "access"}`;
}
