/**
 * Accesses by virtual address that may fault: a process's own, and the kernel's to a process's
 * memory or to its own. The processor's Mmu faults for real; here is who answers:
 *
 * | mode       | address     | answer                                                            |
 * |------------|-------------|-------------------------------------------------------------------|
 * | user       | user half   | the range's rights decide: repaired, SIGSEGV, or SIGKILL (memory)  |
 * | user       | kernel half | SIGSEGV                                                           |
 * | supervisor | user half   | as above, but -EFAULT in place of a signal                        |
 * | supervisor | kernel half | vmalloc fault, spurious, or the oops                              |
 */
import { invariant } from "../../base/errors.ts";
import { USER } from "../../mmu/access.ts";
import { faultErrorCode, faultVector, PF_ERROR, VECTOR_PF } from "../../mmu/fault.ts";
import type { AccessBytes } from "../../mmu/mmu.ts";
import { EFAULT, ENOMEM } from "../bug.ts";
import type { Kernel } from "../kernel.ts";
import { fillVmallocTop } from "../vmalloc-fault.ts";
import { type FaultKind, type FaultOutcome, handleUserFault } from "./fault.ts";

export type Signal = "SIGSEGV/MAPERR" | "SIGSEGV/ACCERR" | "SIGKILL";

/** How an access of a process ended. */
export interface UserAccess {
  /** What kills the process; undefined when the access was done. */
  readonly signal: Signal | undefined;
  /** What was read; 0 otherwise. */
  readonly value: bigint;
  /** What each fault on the way came to. */
  readonly faults: readonly FaultOutcome[];
}

const SIGNALS: Partial<Record<FaultOutcome, Signal>> = {
  "not-mapped": "SIGSEGV/MAPERR",
  "not-allowed": "SIGSEGV/ACCERR",
  "out-of-memory": "SIGKILL",
};

/** More faults than this for one access are a bug: two pages, each mapped, then made writable. */
const MAX_FAULTS = 8;

/** The current process reads. @throws InvariantError if a kernel thread runs */
export function userRead(k: Kernel, address: bigint, bytes: AccessBytes = 8): UserAccess {
  const { mmu } = k.processor;
  return userAccess(k, "read", () => mmu.load(address, bytes, USER));
}

/** The current process writes. */
export function userWrite(
  k: Kernel,
  address: bigint,
  value: bigint,
  bytes: AccessBytes = 8,
): UserAccess {
  const { mmu } = k.processor;
  return userAccess(k, "write", () => mmu.store(address, bytes, value, USER));
}

/** The current process fetches a byte of an instruction. */
export function userFetch(k: Kernel, address: bigint): UserAccess {
  const { mmu } = k.processor;
  return userAccess(k, "fetch", () => mmu.fetch(address, USER));
}

function userAccess(k: Kernel, kind: FaultKind, access: () => number): UserAccess {
  const faults: FaultOutcome[] = [];
  const { mmu } = k.processor;
  for (;;) {
    const fault = k.processor.asUser(access);
    if (fault === 0) return { signal: undefined, value: kind === "write" ? 0n : mmu.value, faults };
    invariant(faults.length < MAX_FAULTS, "an access that is repaired faults for ever");
    const outcome = doPageFault(k, fault, mmu.faultLinear);
    faults.push(outcome);
    const signal = SIGNALS[outcome];
    if (signal) return { signal, value: 0n, faults };
  }
}

/**
 * copy_from_user() of 8 bytes: the kernel reads memory of the current process.
 * @returns what was read, or a negative errno (-EFAULT, -ENOMEM)
 */
export function readFromUser(k: Kernel, address: bigint): bigint | number {
  const { mmu } = k.processor;
  const errno = supervisorAccess(k, () => mmu.load(address, 8));
  return errno === 0 ? mmu.value : errno;
}

/** copy_to_user() of 8 bytes. @returns 0 or a negative errno */
export function writeToUser(k: Kernel, address: bigint, value: bigint): number {
  const { mmu } = k.processor;
  return supervisorAccess(k, () => mmu.store(address, 8, value));
}

/** An access of the kernel to its own memory, which may take a vmalloc fault. Or oopses. */
export function kernelRead(k: Kernel, address: bigint): bigint {
  const { mmu } = k.processor;
  const errno = supervisorAccess(k, () => mmu.load(address, 8));
  invariant(errno === 0, "kernel addresses have no fix-up");
  return mmu.value;
}

/** As `kernelRead`. */
export function kernelWrite(k: Kernel, address: bigint, value: bigint): void {
  const errno = supervisorAccess(k, () => k.processor.mmu.store(address, 8, value));
  invariant(errno === 0, "kernel addresses have no fix-up");
}

function supervisorAccess(k: Kernel, access: () => number): number {
  const { mmu } = k.processor;
  for (let faults = 0; ; faults++) {
    const fault = access();
    if (fault === 0) return 0;
    invariant(faults < MAX_FAULTS, "an access that is repaired faults for ever");
    const outcome = doPageFault(k, fault, mmu.faultLinear);
    if (outcome === "out-of-memory") return k.fail(ENOMEM, "no frame for the page");
    if (SIGNALS[outcome]) return k.fail(EFAULT, "expected memory of the process");
  }
}

/** exc_page_fault(): the handler. Oopses for what the kernel may not do. */
function doPageFault(k: Kernel, fault: number, address: bigint): FaultOutcome {
  return k.call("exc_page_fault", () => {
    // A non-canonical address is no page fault: a signal in user mode, an oops in the kernel.
    const code = faultErrorCode(fault);
    const user = (code & PF_ERROR.US) !== 0;
    if (faultVector(fault) !== VECTOR_PF) return "not-mapped";
    if (code & PF_ERROR.RSVD) k.oops(address, fault);
    const page = k.layout.pageOf(address);
    if (page >= k.layout.kernelHalfPage) {
      if (user) return code & PF_ERROR.P ? "not-allowed" : "not-mapped";
      if (fillVmallocTop(k, page) || isSpurious(k, page, code)) return "spurious";
      return k.oops(address, fault);
    }
    const mm = k.processor.current;
    if (mm === undefined) return k.oops(address, fault);
    const kind = code & PF_ERROR.WR ? "write" : code & PF_ERROR.ID ? "fetch" : "read";
    return handleUserFault(k, mm, page, kind);
  });
}

/** spurious_kernel_fault(): init_mm's entry allows it, the processor knew an older one. */
function isSpurious(k: Kernel, page: number, code: number): boolean {
  if (!(code & PF_ERROR.P)) return false;
  let table = k.initMm.physical;
  for (let level: number = k.levels; level >= 1; level--) {
    const index = k.layout.indexAt(page, level);
    const lo = k.tables.lo(table, index);
    if (!(lo & 1) || (code & PF_ERROR.WR && !(lo & 2))) return false;
    if (k.tables.isLeaf(table, index, level)) return true;
    table = k.tables.target(table, index);
  }
  return false;
}
