/** What goes wrong inside the imitated kernel, as values: an errno, or the end of the kernel. */

export const ENOMEM = -12;
export const EFAULT = -14;
export const EBUSY = -16;
export const EEXIST = -17;
export const EINVAL = -22;
export const E2BIG = -7;
export const ENXIO = -6;
export const ERANGE = -34;
export const EINTR = -4;

const ERRNO_NAMES: Readonly<Record<number, string>> = {
  [ENOMEM]: "-ENOMEM",
  [EFAULT]: "-EFAULT",
  [EBUSY]: "-EBUSY",
  [EEXIST]: "-EEXIST",
  [EINVAL]: "-EINVAL",
  [E2BIG]: "-E2BIG",
  [ENXIO]: "-ENXIO",
  [ERANGE]: "-ERANGE",
  [EINTR]: "-EINTR",
};

/** `-EBUSY` for -16; `0` for success. */
export function errnoName(errno: number): string {
  return errno === 0 ? "0" : (ERRNO_NAMES[errno] ?? String(errno));
}

/** A BUG_ON() that fired, or an access that nobody repairs. */
export interface KernelBug {
  readonly kind: "BUG" | "oops";
  /** The condition that held, or what was accessed. */
  readonly condition: string;
  /** Function names as Linux has them, innermost first. */
  readonly trace: readonly string[];
  /** The virtual address concerned. */
  readonly address: bigint;
  /** Error code of the page fault; 0 for a BUG. */
  readonly errorCode: number;
  /** Physical addresses of the tables involved. */
  readonly tables: readonly number[];
  /** The lines that the kernel would print. */
  readonly text: readonly string[];
}

/** Carries a `KernelBug` out of the kernel's code: nothing of the kernel runs after it. */
export class KernelStop extends Error {
  override readonly name = "KernelStop";
  readonly bug: KernelBug;

  constructor(bug: KernelBug) {
    super(bug.text.join("\n"));
    this.bug = bug;
  }
}
