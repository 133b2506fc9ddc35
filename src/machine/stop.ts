/** Why a machine stopped. */
import type { ShutdownCause } from "../cpu/event.ts";

export type MachineStop =
  /** `maxInstructions` have run. */
  | { readonly reason: "limit" }
  /** Nothing is to happen until the host sends something: all processors halted, no timer armed. */
  | { readonly reason: "idle" }
  /** All processors halted with interrupts off: nothing will ever happen. */
  | { readonly reason: "halted" }
  /** As `limit`, but nobody can run before the next timer; only if `pauseWhenIdle` asked for it. */
  | { readonly reason: "paused" }
  /** The guest ended the run: the exit code of a process, 0..255. */
  | { readonly reason: "exit"; readonly code: number }
  | { readonly reason: "power-off" }
  | { readonly reason: "reset"; readonly source: string }
  | { readonly reason: "triple-fault"; readonly cpu: number; readonly cause: ShutdownCause }
  /** Before the instruction at a breakpoint. */
  | { readonly reason: "breakpoint"; readonly cpu: number; readonly linear: bigint }
  /** A stop that the host asked for. */
  | { readonly reason: "request" }
  /** The host memory for guest RAM is used up; the machine cannot go on. */
  | { readonly reason: "exhausted"; readonly message: string };
